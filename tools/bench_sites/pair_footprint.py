"""What a pair takes of its machines, with few keys and with many, for tools/bench pair."""

import time
from typing import Iterator

from . import figures
from .errors import BenchError
from .figures import Figure, tell
from .pair_load import Load
from .pair_setting import RETURN_PATIENCE_SECONDS, ROUND_TRIP_MS, PairSetting, Size
from .site import Site
from .usage import MachineTime, peak_mebibytes, processor_seconds, resident_mebibytes

CHANGERS = 64

# A sweep over many keys is done in pieces, so that one can see how far it is.
PIECE = 10_000

# Of the keys that a site has missed the changes of, so many are tried.
TRIED = 100

# The targets of the issue that asked for this benchmark.
RETURN_SECONDS = 30.0
MEMORY_MEBIBYTES = 300.0
IDLE_PERCENT = 3.0


def _idle(name: str, setting: PairSetting, size: Size) -> list[Figure]:
    setting.set_round_trip(ROUND_TRIP_MS)
    time.sleep(size.idle_seconds / 4)  # What was under way comes to its end.
    before, started = processor_seconds(setting.places), time.monotonic()
    time.sleep(size.idle_seconds)
    after, seconds = processor_seconds(setting.places), time.monotonic() - started
    percent = {program: (after[program] - before.get(program, 0.0)) / seconds * 100 for program in sorted(after)}
    return [figures.at_most(f"{name}/all", "% of a core", sum(percent.values()), IDLE_PERCENT),
            *(figures.plain(f"{name}/{program}", "% of a core", used) for program, used in percent.items())]


def measure_idle(setting: PairSetting, _: Load, size: Size) -> list[Figure]:
    return _idle("idle", setting, size)


def _sweep(load: Load, ends: str, change: str, first: int, count: int) -> None:
    for done in range(0, count, PIECE):
        load.change(change, ends, CHANGERS, "mass", first + done, min(PIECE, count - done))
        tell(f"{change}: {min(done + PIECE, count)} of {count}")


def measure_keys(setting: PairSetting, load: Load, size: Size) -> Iterator[Figure]:
    """Memory with many keys, and the return of a site that has missed many changes."""
    setting.set_round_trip(0)
    _sweep(load, setting.ends("only"), "create", 0, size.keys)
    yield from _idle("idle-with-keys", setting, size)
    made = _resident(setting)
    leaves = setting.sites[-1]
    leaves.kill()
    unchanged = _restart(leaves)
    yield from _memory(setting, made, _resident(setting))
    yield from _return(setting, load, size, unchanged)


def _resident(setting: PairSetting) -> dict[str, float]:
    """By program, the most among the places."""
    used: dict[str, float] = {}
    for place in setting.places:
        for program, mebibytes in resident_mebibytes(place).items():
            used[program] = max(used.get(program, 0.0), mebibytes)
    return used


def _memory(setting: PairSetting, *looks: dict[str, float]) -> list[Figure]:
    used = {program: max(look[program] for look in looks) for program in sorted(looks[0])}
    peak = max(peak_mebibytes(site, "twinseald") for site in setting.sites)
    return [figures.at_most("memory/twinseald", "MiB", used.pop("twinseald"), MEMORY_MEBIBYTES),
            figures.plain("memory/twinseald-peak", "MiB", peak),
            *(figures.plain(f"memory/{program}", "MiB", mebibytes) for program, mebibytes in used.items())]


def _restart(site: Site) -> float:
    started = time.monotonic()
    site.start(wait=False)
    site.wait_until_ready(patience_seconds=RETURN_PATIENCE_SECONDS)
    return time.monotonic() - started


def _return(setting: PairSetting, load: Load, size: Size, unchanged: float) -> list[Figure]:
    """`unchanged`: what the same return took when nothing had changed meanwhile."""
    stays, leaves = setting.sites
    leaves.kill()
    setting.set_round_trip(0)
    disabled = _change_all(load, f"only-{stays.name}", size)
    setting.set_round_trip(ROUND_TRIP_MS)
    before = MachineTime.now()
    returned = _restart(leaves)
    stolen = before.stolen_percent_since()
    # A site that says that it is ready knows every change.
    step = max(1, disabled // TRIED)
    seen = load.look(f"only-{leaves.name}", "mass", 0, disabled, step)
    if seen["sign"] or seen["other"]:
        raise BenchError(f"Site {leaves.name} was ready but had not caught up: {seen['sign']:.0f} keys signed that had "
                         f"been disabled while it was away. {' '.join(seen['other'][:1])}")
    return [figures.at_most("return/ready", "s", returned, RETURN_SECONDS),
            figures.beside("return/beside-unchanged", "s", returned, unchanged, returned / unchanged),
            figures.stolen("return", stolen)]


def _change_all(load: Load, end: str, size: Size) -> int:
    """One change of each key, as often as it takes. How many keys are disabled after it, from the first on."""
    done, change, count = 0, "", 0
    while done < size.changes:
        change = "enable" if change == "disable" else "disable"
        count = min(size.keys, size.changes - done)
        _sweep(load, end, change, 0, count)
        done += count
    if change == "disable":
        return count
    raise BenchError("The number of changes must leave keys disabled: an odd multiple of the keys, or fewer.")
