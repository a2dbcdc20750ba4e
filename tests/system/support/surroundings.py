"""A site's wall clock and disk: tests/support/surroundings, loaded into its processes, reads what is written here. etcd
makes its system calls itself and so has the machine's own."""

import os
import struct
from pathlib import Path

from bench_sites.errors import BenchError
from bench_sites.layout import Programs
from bench_sites.place import Place


def surroundings_of(place: Place, programs: Programs) -> dict[str, str]:
    """Variables with which the place's service is to be started."""
    library = programs.folder.parent / "lib" / "libtwinseal_surroundings.so"
    if not library.exists():
        raise BenchError(f"{library} is not built; tools/chaos builds it.")
    _file(place).write_bytes(struct.pack("=qq", 0, 0))
    return {"LD_PRELOAD": str(library), "TWINSEAL_SURROUNDINGS": str(_file(place))}


def change_surroundings(place: Place, clock_offset_seconds: float = 0.0, sync_delay_seconds: float = 0.0) -> None:
    """At once, while it runs."""
    descriptor = os.open(_file(place), os.O_WRONLY)
    try:
        os.pwrite(descriptor, struct.pack("=qq", int(clock_offset_seconds * 1e9), int(sync_delay_seconds * 1e9)), 0)
    finally:
        os.close(descriptor)


def _file(place: Place) -> Path:
    return place.files.folder / "surroundings"
