"""What the processes of places take of the machine, by the programs' names, and what others take of it."""

import os
from dataclasses import dataclass
from pathlib import Path

from .place import Place

_MEBIBYTE = 1024 * 1024
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # Of the fields of /proc/PID/stat after the name (proc(5)).
_IDLE, _WAITING, _STOLEN = 3, 4, 7  # Of the times of /proc/stat; those behind them are in others already.


@dataclass(frozen=True)
class MachineTime:
    """How long this machine's processors had something to do so far, in ticks."""

    wanted: int
    stolen: int  # The part of it that the host of a virtual machine gave to others.

    @classmethod
    def now(cls) -> "MachineTime":
        ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return cls(sum(ticks[:_STOLEN + 1]) - ticks[_IDLE] - ticks[_WAITING], ticks[_STOLEN])

    def stolen_percent_since(self) -> float:
        now = self.now()
        return (now.stolen - self.stolen) / max(now.wanted - self.wanted, 1) * 100


def resident_mebibytes(place: Place) -> dict[str, float]:
    """Of each of the place's processes: its pages in memory, those of mapped files too."""
    page = os.sysconf("SC_PAGE_SIZE")
    return {name: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page / _MEBIBYTE
            for pid, name in _processes(place)}


def peak_mebibytes(place: Place, program: str) -> float:
    """The most that the place's process of that name has ever had in memory."""
    pid = next(pid for pid, name in _processes(place) if name == program)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def processor_seconds(places: list[Place]) -> dict[str, float]:
    """What all processes of the places have used so far."""
    used: dict[str, float] = {}
    for place in places:
        for pid, name in _processes(place):
            text = Path(f"/proc/{pid}/stat").read_text()
            fields = text[text.rindex(")") + 2:].split()
            ticks = int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
            used[name] = used.get(name, 0.0) + ticks / os.sysconf("SC_CLK_TCK")
    return used


def _processes(place: Place) -> list[tuple[int, str]]:
    return [(pid, Path(f"/proc/{pid}/comm").read_text().strip()) for pid in place.process().session()]
