"""What all places of a bench have in common: a service with its own folder, started, stopped, killed, asked."""

import http.client
import json
import os
import signal
import socket
import ssl
import time
from typing import Callable

from .addresses import Address, free_address
from .errors import BenchError
from .layout import OperatorFiles, PlaceFiles
from .processes import Process

START_PATIENCE_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0

# The programs of a place, by the words that the bench's commands use.
PROCESS_NAMES = {"core": "twinseal-core", "etcd": "etcd", "twinseald": "twinseald", "agent": "twinseal-agent"}


class Place:
    """Every call reads the state anew from the place's files, so that several programs may use one bench in turn."""

    kind = "place"

    def __init__(self, files: PlaceFiles, operator: OperatorFiles):
        self.files = files
        self.operator = operator

    @property
    def name(self) -> str:
        return self.files.name

    @property
    def title(self) -> str:
        """As sentences begin: "Site a"."""
        return f"{self.kind.capitalize()} {self.name}"

    @property
    def endpoint(self) -> str:
        return f"https://{self.listen}"

    @property
    def listen(self) -> Address:
        """Where its API is."""
        return Address.parse(self._record()["listen"])

    @property
    def peer_listen(self) -> Address:
        """Where its member of the ledger is, for the other places' members."""
        return Address.parse(self._record()["peer_listen"])

    def reserve(self) -> None:
        """Makes the folder and chooses where to listen."""
        self.files.folder.mkdir(mode=0o700, parents=True)
        self._save(listen=str(free_address()), peer_listen=str(free_address()))

    # --- processes ----------------------------------------------------------------------------------------------

    def process(self) -> Process | None:
        """The service as it was last started, living or not."""
        if not self.files.record.exists():
            return None
        record = self._record()
        return Process(record["pid"], record["start_time"]) if record.get("pid") else None

    def running(self) -> bool:
        process = self.process()
        return process is not None and process.alive()

    def process_named(self, word: str) -> Process | None:
        """"core", "etcd", "twinseald" or "agent"; None when it does not run."""
        if word not in PROCESS_NAMES:
            raise BenchError(f"There is no process '{word}'; there are {', '.join(PROCESS_NAMES)}.")
        process = self.process()
        return process.named(PROCESS_NAMES[word]) if process else None

    def stopped_processes(self) -> list[str]:
        """The words for those that SIGSTOP holds."""
        return [word for word in PROCESS_NAMES if (process := self.process_named(word)) and process.stopped()]

    def stop(self) -> bool:
        """Asks the service to stop and waits; kills what does not. True when nothing had to be killed."""
        process = self.process()
        return process.terminate(STOP_PATIENCE_SECONDS) if process else True

    def kill(self) -> None:
        """SIGKILL to every process of the place, as a power cut would."""
        process = self.process()
        if process:
            process.kill()

    def kill_one(self, word: str) -> bool:
        """SIGKILL to one of its processes; False when it does not run."""
        process = self.process_named(word)
        if process:
            process.kill_alone()
        return process is not None

    def suspend(self, word: str = "") -> None:
        """SIGSTOP to all its processes, or to one: they hold their connections and say nothing."""
        self._signal(word, signal.SIGSTOP)

    def resume(self, word: str = "") -> None:
        self._signal(word, signal.SIGCONT)

    def resume_all(self) -> None:
        """Lets go on whatever of it is held; does nothing when nothing runs."""
        process = self.process()
        if process:
            process.send_all(signal.SIGCONT)

    def _signal(self, word: str, number: int) -> None:
        process = self.process_named(word) if word else self.process()
        if not process:
            raise BenchError(f"{self.title} has no running {word or 'process'}.")
        if word:
            process.send(number)
        else:
            process.send_all(number)

    def use_environment(self, **variables: str) -> None:
        """Further variables for the service, from its next start on."""
        self._save(environment=variables)

    def service_environment(self) -> dict[str, str]:
        """What the service needs of the environment, and nothing else."""
        kept = {name: value for name, value in os.environ.items()
                if name in ("PATH", "LANG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS")}
        return {**kept, "HOME": str(self.files.folder), **self._record().get("environment", {})}

    # --- readiness ----------------------------------------------------------------------------------------------

    def wait_until_ready(self, process: Process | None = None,
                         patience_seconds: float = START_PATIENCE_SECONDS) -> None:
        """Until it says on /readyz that it does its work."""
        self._wait(self.not_ready, process or self.process(), patience_seconds)

    def wait_until_listening(self, process: Process | None = None) -> None:
        """Until it says in its ready file that it listens, whether or not it can do its work."""
        self._wait(lambda: "" if self.files.ready.exists() else "it is starting", process or self.process(),
                   START_PATIENCE_SECONDS)

    def not_ready(self) -> str:
        """Why the place does not do its work, in a few words; empty when it does."""
        if not self.running():
            return "it is down"
        if not self.files.ready.exists():
            return "it is starting"
        try:
            tls = ssl.create_default_context(cafile=str(self.operator.ca))
            tls.load_cert_chain(self.operator.certificate, self.operator.key)
            # Every place's certificate has that name.
            connection = http.client.HTTPConnection("localhost")
            with socket.create_connection(self.listen, timeout=10) as plain, \
                    tls.wrap_socket(plain, server_hostname=connection.host) as connection.sock:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace").strip()
                return "" if answer.status == 200 else text or f"it answers {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            return f"it does not answer: {error}"

    def _wait(self, why_not: Callable[[], str], process: Process | None, patience_seconds: float) -> None:
        started = time.monotonic()
        end = started + patience_seconds
        while why := why_not():
            if process is None or not process.alive():
                raise BenchError(f"{self.title} did not start. {self.last_words()}")
            if time.monotonic() > end:
                raise BenchError(f"{self.title} is not ready after {patience_seconds:.0f} seconds: {why}. "
                                 f"{self.last_words()}")
            # Asking costs the place time: less often what takes longer.
            time.sleep(max(0.01, (time.monotonic() - started) / 100))

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for people."""
        log = self.files.log.read_text(errors="replace").splitlines() if self.files.log.exists() else []
        return f"The end of {self.files.log}:\n" + "\n".join(f"  {line}" for line in log[-lines:])

    # --- files --------------------------------------------------------------------------------------------------

    def _record(self) -> dict:
        return json.loads(self.files.record.read_text())

    def _save(self, **changes) -> None:
        record = self._record() if self.files.record.exists() else {}
        record.update(changes)
        fresh = self.files.record.with_suffix(".new")
        fresh.write_text(json.dumps(record))
        fresh.replace(self.files.record)

    def _write_settings(self, settings: dict) -> None:
        self.files.config.write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
