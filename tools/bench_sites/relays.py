"""The relays of a bench, from outside: started, told of changes, stopped."""

import fcntl
import json
import os
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .addresses import Address, free_address
from .errors import BenchError
from .layout import NetworkFiles
from .network import CLIENT, Change, NetworkPlan, PlaceAddress
from .processes import Process, start_detached

START_PATIENCE_SECONDS = 10.0


class Network:
    """Every call reads the state anew from the files, so that several programs may use one bench in turn."""

    def __init__(self, files: NetworkFiles):
        self.files = files

    def exists(self) -> bool:
        return self.files.plan.exists()

    def plan(self) -> NetworkPlan:
        return NetworkPlan.load(self.files.plan)

    def create(self, behind: dict[str, dict[int, Address]], seed: int = 0) -> None:
        """For each place what is behind the ports that the others dial; 192.0.2.1 is the first place's address."""
        plan = NetworkPlan(seed=seed)
        for number, (name, ports) in enumerate(behind.items(), 1):
            plan.places[name] = PlaceAddress(f"192.0.2.{number}", str(free_address()),
                                             {str(port): str(address) for port, address in ports.items()})
        plan.places[CLIENT] = PlaceAddress("192.0.2.200", str(free_address()))
        self.files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        plan.save(self.files.plan)

    def change(self, change: Change) -> None:
        """Changes the plan; returns when every relay that runs does as it says."""
        with self._lock():
            plan = self.plan()
            change(plan)
            plan.save(self.files.plan)
            self._tell_all(plan)

    def relay(self, place: str) -> Address:
        """Of the relay that the place's programs use."""
        return Address.parse(self.plan().places[place].relay)

    def proxy(self, place: str) -> str:
        """Its URL."""
        return f"http://{self.relay(place)}"

    def start(self) -> None:
        """Starts the relays that do not run, and waits until they serve."""
        plan = self.plan()
        for place in plan.places:
            if not self.running(place):
                self._start(place)
        end = time.monotonic() + START_PATIENCE_SECONDS
        for place in plan.places:
            while not self._ask(place, "status"):
                if not self.running(place) or time.monotonic() > end:
                    raise BenchError(f"The relay of {place} did not start. The end of {self.files.log(place)}:\n"
                                     f"{self.files.log(place).read_text(errors='replace')[-500:]}")
                time.sleep(0.01)

    def stop(self) -> None:
        for place in self.plan().places if self.exists() else []:
            process = self.process(place)
            if process:
                process.kill()

    def running(self, place: str) -> bool:
        process = self.process(place)
        return process is not None and process.alive()

    def process(self, place: str) -> Process | None:
        record = self.files.record(place)
        return Process(**json.loads(record.read_text())) if record.exists() else None

    def bytes(self) -> dict[str, int]:
        """How much has passed each link."""
        passed: dict[str, int] = {}
        for place in self.plan().places:
            for name, count in (self._ask(place, "status") or {"bytes": {}})["bytes"].items():
                passed[name] = passed.get(name, 0) + count
        return passed

    # --- the relays ---------------------------------------------------------------------------------------------

    def _start(self, place: str) -> None:
        environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONDONTWRITEBYTECODE": "1",
                       "PATH": os.environ.get("PATH", "")}
        process = start_detached(
            [sys.executable, "-S", "-m", "bench_sites.relay", "--place", place, "--plan", str(self.files.plan)],
            environment=environment, log=self.files.log(place))
        self.files.record(place).write_text(json.dumps({"pid": process.pid, "start_time": process.start_time}))

    def _tell_all(self, plan: NetworkPlan) -> None:
        """All at once as nearly as may be: the answers are waited for only when everyone has been told."""
        asked = [(place, self._connect(place)) for place in plan.places]
        for _, connection in asked:
            if connection:
                connection.sendall(b"reload\n")
        for place, connection in asked:
            if not connection:
                continue
            with connection:
                if not connection.makefile("rb").readline():
                    raise BenchError(f"The relay of {place} died. Its log: {self.files.log(place)}")

    def _ask(self, place: str, command: str) -> dict | None:
        """None when the relay does not run."""
        connection = self._connect(place)
        if not connection:
            return None
        with connection:
            connection.sendall(command.encode() + b"\n")
            line = connection.makefile("rb").readline()
            return json.loads(line) if line else None

    def _connect(self, place: str) -> socket.socket | None:
        folder = os.open(self.files.folder, os.O_PATH | os.O_DIRECTORY)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(START_PATIENCE_SECONDS)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{place}.socket")
            return connection
        except OSError:
            connection.close()
            return None
        finally:
            os.close(folder)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with open(self.files.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
