"""A place's wall clock and disk: what tests/support/surroundings makes of what is written here. It is loaded into the
place's own processes, and starts etcd, which makes its system calls itself."""

import os
import shlex
import shutil
import struct
from pathlib import Path

from bench_sites.errors import BenchError
from bench_sites.layout import Programs
from bench_sites.place import Place


def surroundings_of(place: Place, programs: Programs) -> dict[str, str]:
    """Variables with which the place's service is to be started."""
    library = programs.folder.parent / "lib" / "libtwinseal_surroundings.so"
    starter = programs.folder / "twinseal-surrounded"
    for built in (library, starter):
        if not built.exists():
            raise BenchError(f"{built} is not built; tools/chaos builds it.")
    _file(place).write_bytes(struct.pack("=qq", 0, 0))
    return {"LD_PRELOAD": str(library), "TWINSEAL_SURROUNDINGS": str(_file(place)),
            "PATH": f"{_folder_with_etcd(place, starter)}:{os.environ['PATH']}"}


def change_surroundings(place: Place, clock_offset_seconds: float = 0.0, sync_delay_seconds: float = 0.0) -> None:
    """At once, while it runs."""
    descriptor = os.open(_file(place), os.O_WRONLY)
    try:
        os.pwrite(descriptor, struct.pack("=qq", int(clock_offset_seconds * 1e9), int(sync_delay_seconds * 1e9)), 0)
    finally:
        os.close(descriptor)


def _file(place: Place) -> Path:
    return place.files.folder / "surroundings"


def _folder_with_etcd(place: Place, starter: Path) -> Path:
    etcd = shutil.which("etcd")
    if etcd is None:
        raise BenchError("etcd is not installed.")
    folder = place.files.folder / "surrounded"
    folder.mkdir(exist_ok=True)
    script = folder / "etcd"
    script.write_text(f'#!/bin/sh\nexec {shlex.join([str(starter), str(_file(place)), etcd])} "$@"\n')
    script.chmod(0o700)
    return folder
