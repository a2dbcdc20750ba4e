"""Processes that outlive the tool that started them, and are never mistaken for another."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


def end_by_sigterm_as_by_ctrl_c() -> None:
    """For a command that takes what it started with it when it ends."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on (proc(5)); None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2:].split()


_STATE, _SESSION, _START_TIME = 0, 3, 19


@dataclass(frozen=True)
class Process:
    """Most often a session leader. Its start time tells it from a later process with the same number."""

    pid: int
    start_time: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        fields = _stat_fields(pid)
        return cls(pid, int(fields[_START_TIME])) if fields else None

    def alive(self) -> bool:
        fields = _stat_fields(self.pid)
        return (fields is not None and int(fields[_START_TIME]) == self.start_time
                and fields[_STATE] not in "ZX")

    def session(self) -> list[int]:
        """Every living process of its session: itself and what it started. A session's number is not given again
        while one of them lives, so that they are ours also after the leader has died."""
        members = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            fields = _stat_fields(int(entry))
            if (fields and int(fields[_SESSION]) == self.pid and fields[_STATE] not in "ZX"
                    and int(fields[_START_TIME]) >= self.start_time):
                members.append(int(entry))
        return members

    def named(self, name: str) -> "Process | None":
        """That of its session whose program has the name (of 15 letters at the most, as the kernel keeps it)."""
        for pid in self.session():
            try:
                if Path(f"/proc/{pid}/comm").read_text().rstrip("\n") == name:
                    return Process.of(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue
        return None

    def stopped(self) -> bool:
        """By SIGSTOP."""
        fields = _stat_fields(self.pid)
        return fields is not None and fields[_STATE] == "T"

    def send(self, number: int) -> None:
        """A signal to this process alone."""
        if self.alive():
            _signal(self.pid, number)

    def send_all(self, number: int) -> None:
        """A signal to the whole session."""
        for pid in self.session():
            _signal(pid, number)

    def kill_alone(self) -> None:
        """SIGKILL to this process, and waits until it is dead; whose child it is collects it."""
        while self.alive():
            _signal(self.pid, signal.SIGKILL)
            time.sleep(0.001)

    def kill(self) -> None:
        """SIGKILL to the whole session, and waits until nothing of it is left."""
        while members := self.session():
            for pid in members:
                _signal(pid, signal.SIGKILL)
            _reap(self.pid)
            time.sleep(0.01)
        _reap(self.pid)

    def terminate(self, patience_seconds: float) -> bool:
        """SIGTERM to the leader; SIGKILL to what is left after the time. True when it stopped by itself."""
        self.send_all(signal.SIGCONT)
        if self.alive():
            _signal(self.pid, signal.SIGTERM)
        end = time.monotonic() + patience_seconds
        while self.session() and time.monotonic() < end:
            _reap(self.pid)
            time.sleep(0.01)
        stopped = not self.session()
        self.kill()
        return stopped


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _reap(pid: int) -> None:
    """Collects the exit status when the process is our own child."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def start_detached(command: list[str], *, environment: dict[str, str], log: Path,
                   descriptors: tuple[int, ...] = ()) -> Process:
    """Starts a session of its own with no input and its output in `log`. The descriptors keep their numbers."""
    with open(log, "ab") as output:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env=environment, pass_fds=descriptors, start_new_session=True,
                                   cwd="/")
    process = Process.of(started.pid)
    assert process is not None  # A child that has died stays visible until it is waited for.
    started.returncode = 0  # Not ours to wait for: it outlives this program.
    return process
