"""A ledger member that is slow, as on a disk whose writes take their time."""

import threading

from bench_sites.errors import BenchError
from bench_sites.place import Place

STOPPED_SECONDS = 0.06
RUNNING_SECONDS = 0.02


class Stutter:
    """Holds the place's etcd most of the time, until it is told to end."""

    def __init__(self, place: Place):
        self._place = place
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(RUNNING_SECONDS):
            try:
                self._place.suspend("etcd")
                self._ended.wait(STOPPED_SECONDS)
                self._place.resume("etcd")
            except BenchError:
                continue  # Another fault has killed it; it comes again.
