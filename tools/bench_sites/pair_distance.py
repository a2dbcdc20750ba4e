"""What the distance between the sites costs, for tools/bench pair."""

import statistics
import time

from . import figures
from .errors import BenchError
from .figures import Figure
from .pair_load import Load
from .pair_setting import (CLIENTS, ROUND_TRIP_MS, SETTLE_SECONDS, SIGNING_KEYS, PairSetting, Size,
                           make_signing_keys)

FAR_ROUND_TRIP_MS = 80
CHANGERS = 64

# Of a measurement during which the ledger's leader must stay the same.
ATTEMPTS = 5

# The targets of the issue that asked for this benchmark.
THROUGHPUT = ">=0.97"
CHANGE_ROUND_TRIPS = 3.0
CHANGES_PER_SECOND = 500.0


def measure_throughput(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    prefix = make_signing_keys(load, setting)
    trips = (0, ROUND_TRIP_MS, FAR_ROUND_TRIP_MS)
    rates: dict[int, list[float]] = {trip: [] for trip in trips}
    for number in range(size.rounds):
        # There and back again, so that a machine that changes its pace favours none.
        for trip in trips if number % 2 == 0 else reversed(trips):
            setting.set_round_trip(trip)
            time.sleep(SETTLE_SECONDS)
            rates[trip].append(
                load.sign(setting.ends("direct"), CLIENTS, prefix, SIGNING_KEYS, size.slice_ms)["per_second"])
    return [figures.beside(f"signing/{trip}ms", "signatures/s", statistics.median(rates[trip]),
                           statistics.median(rates[0]),
                           statistics.median(far / near for far, near in zip(rates[trip], rates[0])), THROUGHPUT)
            for trip in trips[1:]]


def _change_slice(load: Load, end: str, prefix: str, clients: int, count: int) -> dict[str, dict]:
    """By kind of change; each of the keys is made, then disabled."""
    return {change: load.change(change, end, clients, prefix, 0, count) for change in ("create", "disable")}


def _single_changes(load: Load, setting: PairSetting, prefix: str, trip: int, size: Size) -> dict[str, float]:
    """Medians in seconds, by "create/leader" and so on."""
    setting.set_round_trip(trip)
    time.sleep(SETTLE_SECONDS)
    for attempt in range(ATTEMPTS):
        leader = setting.leader()
        medians = {}
        for site in setting.sites:
            role = "leader" if site.name == leader else "other"
            done = _change_slice(load, f"only-{site.name}", f"{prefix}-{attempt}-{site.name}", 1, size.single_changes)
            medians.update({f"{change}/{role}": slice_["p50"] for change, slice_ in done.items()})
        if setting.leader() == leader:
            return medians
    raise BenchError(f"The ledger's leader changed in each of {ATTEMPTS} attempts to measure changes beside it.")


def measure_changes(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    rounds = [{trip: _single_changes(load, setting, f"single-{number}-{trip}", trip, size)
               for trip in (0, ROUND_TRIP_MS)} for number in range(size.rounds)]
    found = []
    for case in ("create/leader", "create/other", "disable/leader", "disable/other"):
        near = statistics.median(one[0][case] for one in rounds)
        far = statistics.median(one[ROUND_TRIP_MS][case] for one in rounds)
        trips = statistics.median((one[ROUND_TRIP_MS][case] - one[0][case]) * 1000 / ROUND_TRIP_MS for one in rounds)
        found.append(figures.at_most(f"change/{case}", "round trips", trips, CHANGE_ROUND_TRIPS))
        found.append(figures.beside(f"change/{case}/p50", "ms", far * 1000, near * 1000, far / near))
    return found


def measure_many_changes(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    rates: dict[tuple[str, int], list[float]] = {}
    for number in range(max(1, size.rounds // 2)):
        for trip in (0, ROUND_TRIP_MS):
            setting.set_round_trip(trip)
            time.sleep(SETTLE_SECONDS)
            done = _change_slice(load, setting.ends("only"), f"many-{number}-{trip}", CHANGERS, size.many_changes)
            for change, slice_ in done.items():
                rates.setdefault((change, trip), []).append(slice_["per_second"])
    found = []
    for change in ("create", "disable"):
        far, near = (statistics.median(rates[change, trip]) for trip in (ROUND_TRIP_MS, 0))
        found.append(figures.at_least(f"changes64/{change}", "changes/s", far, CHANGES_PER_SECOND))
        found.append(figures.beside(f"changes64/{change}/beside-0ms", "changes/s", far, near, far / near))
    return found
