"""One appliance of a bench: set up, started, stopped, killed."""

import http.client
import json
import os
import random
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from typing import Callable

from . import tokens
from .errors import BenchError
from .layout import OperatorFiles, Programs, SiteFiles
from .processes import Process, start_detached
from .pins import make_pin, pin_descriptor

START_PATIENCE_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0

# Below the kernel's ephemeral range, so that no outgoing connection takes the port of a site that is down.
_PORTS = range(20000, 32000)

TokenKind = Callable[[SiteFiles], tokens.Token]


def _free_port() -> int:
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise BenchError("No free port was found between 20000 and 31999 on 127.0.0.1.")


class Site:
    """Every call reads the state anew from the site's files, so that several programs may use one bench in turn."""

    def __init__(self, files: SiteFiles, programs: Programs, operator: OperatorFiles,
                 token: TokenKind = tokens.softhsm):
        self.files = files
        self.operator = operator
        self._programs = programs
        self._token_kind = token

    @property
    def name(self) -> str:
        return self.files.name

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._record()["port"])

    def process(self) -> Process | None:
        """twinseald as it was last started, living or not."""
        if not self.files.record.exists():
            return None
        record = self._record()
        return Process(record["pid"], record["start_time"]) if record.get("pid") else None

    def running(self) -> bool:
        process = self.process()
        return process is not None and process.alive()

    def core_pid(self) -> int | None:
        """The process id of twinseal-core, which twinseald restarts when it dies."""
        process = self.process()
        for pid in process.session() if process else []:
            try:
                if os.readlink(f"/proc/{pid}/exe") == str(self._programs.core.resolve()):
                    return pid
            except OSError:
                # The core is not dumpable: only root may read its links.
                if pid != process.pid:
                    return pid
        return None

    def token(self) -> tokens.Token:
        return self._token_kind(self.files)

    # --- set-up -----------------------------------------------------------------------------------------------

    def write_config(self, **changes: str | list[str]) -> None:
        """The configuration file; `changes` replaces or adds settings."""
        token = self.token()
        settings = {
            "site": self.name,
            "data_dir": str(self.files.data),
            "listen": f"127.0.0.1:{self.port}",
            "ready_file": str(self.files.ready),
            "core_program": str(self._programs.core),
            **token.settings,
            **changes,
        }
        self.files.config.write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))

    def initialize(self) -> None:
        """Makes the token, the site's keys and the first operator's certificate."""
        self.files.folder.mkdir(mode=0o700, parents=True)
        make_pin(self.files.pin)
        if self._token_kind(self.files).has_so_pin:
            make_pin(self.files.so_pin)
        self._save(port=_free_port())
        self.write_config()
        with ExitStack() as stack:
            pin = stack.enter_context(pin_descriptor(self.files.pin))
            so_pin = stack.enter_context(
                pin_descriptor(self.files.so_pin if self.files.so_pin.exists() else ""))
            done = subprocess.run(
                [self._programs.cli, "appliance", "init", "--config", self.files.config,
                 "--twinseald", self._programs.service, "--operator", "admin",
                 "--out-dir", self.operator.folder, "--pin-fd", str(pin), "--so-pin-fd", str(so_pin)],
                env=self.environment(), pass_fds=(pin, so_pin), stdin=subprocess.DEVNULL,
                capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f"Setting up site {self.name} failed: "
                             f"{(done.stderr or done.stdout).strip()}")

    def environment(self) -> dict[str, str]:
        """What twinseald needs of the environment, and nothing else."""
        kept = {name: value for name, value in os.environ.items()
                if name in ("PATH", "LANG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS")}
        return {**kept, "HOME": str(self.files.folder),
                **self.token().environment}

    # --- running ----------------------------------------------------------------------------------------------

    def start(self, wait: bool = True, pin: str | None = None) -> None:
        """Starts twinseald; does nothing when it runs. `pin` instead of the site's own."""
        if self.running():
            return
        left_over = self.process()
        if left_over:
            left_over.kill()  # A core that outlived its twinseald.
        tokens.mend(self.files)
        self.files.ready.unlink(missing_ok=True)
        with pin_descriptor(pin if pin is not None else self.files.pin) as descriptor:
            process = start_detached(
                [str(self._programs.service), "--config", str(self.files.config),
                 "--pin-fd", str(descriptor)],
                environment=self.environment(), log=self.files.log, descriptors=(descriptor,))
        self._save(pid=process.pid, start_time=process.start_time)
        if wait:
            self.wait_until_ready(process)

    def wait_until_ready(self, process: Process | None = None) -> None:
        """Until it says on /readyz that it can sign."""
        process = process or self.process()
        end = time.monotonic() + START_PATIENCE_SECONDS
        while why := self.not_ready():
            if process is None or not process.alive():
                raise BenchError(f"Site {self.name} did not start. {self._last_words()}")
            if time.monotonic() > end:
                raise BenchError(f"Site {self.name} is not ready after {START_PATIENCE_SECONDS:.0f} seconds: {why}. "
                                 f"{self._last_words()}")
            time.sleep(0.01)

    def not_ready(self) -> str:
        """Why the site does not sign, in a few words; empty when it does."""
        if not self.running():
            return "it is down"
        if not self.files.ready.exists():
            return "it is starting"
        try:
            tls = ssl.create_default_context(cafile=str(self.operator.ca))
            tls.load_cert_chain(self.operator.certificate, self.operator.key)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=tls, timeout=10)
            try:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace").strip()
                return "" if answer.status == 200 else text or f"it answers {answer.status}"
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            return f"it does not answer: {error}"

    def stop(self) -> bool:
        """Asks twinseald to stop and waits; kills what does not. True when nothing had to be killed."""
        process = self.process()
        return process.terminate(STOP_PATIENCE_SECONDS) if process else True

    def kill(self) -> None:
        """SIGKILL to every process of the site, as a power cut would."""
        process = self.process()
        if process:
            process.kill()

    def kill_core(self) -> None:
        """SIGKILL to twinseal-core alone, if it runs; twinseald starts it again."""
        pid = self.core_pid()
        process = Process.of(pid) if pid else None
        if process:
            process.kill_alone()
            tokens.mend(self.files)

    # --- files ------------------------------------------------------------------------------------------------

    def _record(self) -> dict:
        return json.loads(self.files.record.read_text())

    def _save(self, **changes) -> None:
        record = self._record() if self.files.record.exists() else {}
        record.update(changes)
        fresh = self.files.record.with_suffix(".new")
        fresh.write_text(json.dumps(record))
        fresh.replace(self.files.record)

    def _last_words(self) -> str:
        lines = self.files.log.read_text(errors="replace").splitlines() if self.files.log.exists() else []
        return f"The end of {self.files.log}:\n" + "\n".join(f"  {line}" for line in lines[-8:])
