"""What `tools/bench pair` measures. Each part has a pair of its own, unless it is to be quick."""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import figures
from .build import build_with_tests
from .errors import BenchError
from .figures import Figure
from .pair_load import Load, Window, together
from .pair_setting import PairSetting
from .usage import processor_seconds, resident_mebibytes

CLIENTS = 32
CHANGERS = 64
ROUND_TRIP_MS = 20
FAR_ROUND_TRIP_MS = 80

# Long enough for what a change of the links has held back to be over.
SETTLE_SECONDS = 0.5
# After the last answer of a lost site's clients, for what comes late.
AFTERMATH_SECONDS = 2.0
RETURN_PATIENCE_SECONDS = 600.0
# Of a measurement during which the ledger's leader must stay the same.
ATTEMPTS = 5

# The targets of the issue that asked for this benchmark.
LONGEST_GAP_SECONDS = 1.0
ACCEPTED_AGAIN_SECONDS = 2.0
PLANNED_GAP_SECONDS = 0.25
THROUGHPUT = ">=0.97"
CHANGE_ROUND_TRIPS = 3.0
CHANGES_PER_SECOND = 500.0
RETURN_SECONDS = 30.0
MEMORY_MEBIBYTES = 300.0
IDLE_PERCENT = 3.0


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    rounds: int  # Of slices in turn.
    slice_ms: int
    losses: int
    drains: int
    single_changes: int  # A slice of one client.
    many_changes: int  # A slice of 64 clients.
    idle_seconds: float
    keys: int
    changes: int


def _tell(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


# --- signing while a site goes and comes ----------------------------------------------------------------------------

SIGNING_KEYS = 8


def _make_signing_keys(load: Load, setting: PairSetting) -> str:
    """Their prefix; once a pair."""
    known = setting.bench.cli("key", "list", "--names").split()
    if "sign-0" not in known:
        load.change("create", setting.ends("only"), SIGNING_KEYS, "sign", 0, SIGNING_KEYS)
    if "stop-0" not in known:
        setting.bench.cli("key", "create", "stop-0", "--algorithm", "ec-p256", "--isolation", "stop")
    return "sign"


def _start_signing(load: Load, setting: PairSetting) -> None:
    """32 clients, half of them beside each site; and one more beside each whose key stops at an isolated site."""
    prefix = _make_signing_keys(load, setting)
    for site in setting.sites:
        load.start(f"near-{site.name}", f"near-{site.name}", CLIENTS // len(setting.sites), prefix, SIGNING_KEYS)
        load.start(f"stop-{site.name}", f"near-{site.name}", 1, "stop", 1)
    setting.await_clients_at_home()


def _applications(windows: dict[str, Window]) -> Window:
    return together([window for name, window in windows.items() if name.startswith("near-")])


def _stopping(windows: dict[str, Window]) -> Window:
    return together([window for name, window in windows.items() if name.startswith("stop-")])


@dataclass(frozen=True)
class Loss:
    """One kill of a site under load."""

    signing: Window
    stopping: Window  # Of the keys that stop at an isolated site.
    accepted: dict[str, float]  # Seconds from the kill to the last answer, by kind of change.
    refused: list[str]  # Of the changes.
    returned: float

    def failed(self) -> int:
        return self.signing.failed + self.stopping.failed + len(self.refused)

    def words(self) -> str:
        """What failed first, if anything did."""
        return next(iter([*self.signing.why, *self.stopping.why, *self.refused]), "")


def _lose(load: Load, setting: PairSetting, number: int, leader: bool) -> Loss:
    leading = setting.leader()
    victim = next(site for site in setting.sites if (site.name == leading) == leader)
    for site in setting.sites:
        load.change("create", f"near-{site.name}", 1, f"loss-{number}-near-{site.name}", 0, 1)
    load.mark()
    killed = time.monotonic()
    victim.kill()
    answers = load.ask(setting.ends("near"), f"loss-{number}")
    time.sleep(AFTERMATH_SECONDS)
    started = time.monotonic()
    victim.start()
    returned = time.monotonic() - started
    setting.await_clients_at_home()
    windows = load.mark()
    accepted = {change: max(answer.answered for answer in answers if answer.change == change) - killed
                for change in ("create", "disable")}
    refused = [answer.error for answer in answers if answer.error]
    return Loss(_applications(windows), _stopping(windows), accepted, refused, returned)


def measure_loss(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    setting.set_round_trip(ROUND_TRIP_MS)
    _start_signing(load, setting)
    losses: dict[str, list[Loss]] = {"leader": [], "other": []}
    for number in range(size.losses):
        who = ("leader", "other")[number % 2]
        loss = _lose(load, setting, number, who == "leader")
        losses[who].append(loss)
        _tell(f"loss {number + 1} of {size.losses}, {who}: gap {loss.signing.longest_gap:.2f} s, failed "
              f"{loss.failed()}, create {loss.accepted['create']:.2f} s, disable {loss.accepted['disable']:.2f} s, "
              f"back in {loss.returned:.1f} s {loss.words()}")
    load.stop()
    return [figure for who, runs in losses.items() if runs for figure in _loss_figures(f"loss/{who}", runs)]


def _loss_figures(name: str, runs: list[Loss]) -> list[Figure]:
    signing = together([run.signing for run in runs])
    stopping = together([run.stopping for run in runs])
    return [
        figures.none_of(f"{name}/failed", "requests", sum(run.failed() for run in runs),
                        signing.finished + stopping.finished),
        figures.at_most(f"{name}/gap", "s", signing.longest_gap, LONGEST_GAP_SECONDS),
        *(figures.at_most(f"{name}/{change}", "s", max(run.accepted[change] for run in runs), ACCEPTED_AGAIN_SECONDS)
          for change in ("create", "disable")),
        figures.plain(f"{name}/longest-call", "s", signing.longest_call),
        figures.plain(f"{name}/gap-of-stop-keys", "s", stopping.longest_gap),
        figures.plain(f"{name}/return", "s", max(run.returned for run in runs))]


def _finish_maintenance(setting: PairSetting, site: str) -> None:
    """As its operator would: again, while the site that has just been started does not know the pair yet."""
    end = time.monotonic() + RETURN_PATIENCE_SECONDS
    while True:
        try:
            setting.bench.cli("maintenance", "finish", site)
            return
        except BenchError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@dataclass(frozen=True)
class Drain:
    """One site taken out of service and back, under load."""

    signing: Window
    stopping: Window
    drained: float  # Seconds.
    returned: float


def _drain(load: Load, setting: PairSetting, number: int) -> Drain:
    site = setting.sites[number % len(setting.sites)]
    load.mark()
    started = time.monotonic()
    setting.bench.cli("maintenance", "start", site.name)
    drained = time.monotonic() - started
    if not site.stop():
        raise BenchError(f"{site.title} did not stop by itself in maintenance.")
    started = time.monotonic()
    site.start(wait=False)
    site.wait_until_listening()
    _finish_maintenance(setting, site.name)
    returned = time.monotonic() - started
    setting.await_clients_at_home()
    windows = load.mark()
    return Drain(_applications(windows), _stopping(windows), drained, returned)


def measure_planned(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    setting.set_round_trip(ROUND_TRIP_MS)
    _start_signing(load, setting)
    drains: list[Drain] = []
    for number in range(size.drains):
        drain = _drain(load, setting, number)
        drains.append(drain)
        both = together([drain.signing, drain.stopping])
        _tell(f"drain {number + 1} of {size.drains}: gap {drain.signing.longest_gap:.2f} s, failed {both.failed}, "
              f"drained in {drain.drained:.1f} s, back in {drain.returned:.1f} s {' '.join(both.why[:1])}")
    load.stop()
    signing = together([drain.signing for drain in drains])
    stopping = together([drain.stopping for drain in drains])
    return [figures.none_of("planned/failed", "requests", signing.failed + stopping.failed,
                            signing.finished + stopping.finished),
            figures.at_most("planned/gap", "s", signing.longest_gap, PLANNED_GAP_SECONDS),
            figures.plain("planned/longest-call", "s", signing.longest_call),
            figures.plain("planned/gap-of-stop-keys", "s", stopping.longest_gap),
            figures.plain("planned/drain", "s", max(drain.drained for drain in drains)),
            figures.plain("planned/return", "s", max(drain.returned for drain in drains))]


# --- the ways between the sites -------------------------------------------------------------------------------------

def measure_throughput(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    prefix = _make_signing_keys(load, setting)
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


# --- what a pair takes ----------------------------------------------------------------------------------------------

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
    """In pieces, so that one can see how far it is."""
    piece = 10_000
    for done in range(0, count, piece):
        load.change(change, ends, CHANGERS, "mass", first + done, min(piece, count - done))
        _tell(f"{change}: {min(done + piece, count)} of {count}")


def measure_keys(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    """Memory with many keys, and the return of a site that has missed many changes."""
    setting.set_round_trip(0)
    _sweep(load, setting.ends("only"), "create", 0, size.keys)
    return [*_memory(setting), *_idle("idle-with-keys", setting, size), *_return(setting, load, size)]


def _memory(setting: PairSetting) -> list[Figure]:
    used: dict[str, float] = {}
    for place in setting.places:
        for program, mebibytes in resident_mebibytes(place).items():
            used[program] = max(used.get(program, 0.0), mebibytes)
    return [figures.at_most("memory/twinseald", "MiB", used.pop("twinseald"), MEMORY_MEBIBYTES),
            *(figures.plain(f"memory/{program}", "MiB", used[program]) for program in sorted(used))]


def _restart(setting: PairSetting, name: str) -> float:
    site = setting.bench.site(name)
    started = time.monotonic()
    site.start(wait=False)
    site.wait_until_ready(patience_seconds=RETURN_PATIENCE_SECONDS)
    return time.monotonic() - started


def _return(setting: PairSetting, load: Load, size: Size) -> list[Figure]:
    stays, leaves = (site.name for site in setting.sites)
    setting.bench.site(leaves).kill()
    unchanged = _restart(setting, leaves)
    setting.bench.site(leaves).kill()
    setting.set_round_trip(0)
    disabled = _change_all(load, f"only-{stays}", size)
    setting.set_round_trip(ROUND_TRIP_MS)
    returned = _restart(setting, leaves)
    # A site that says that it is ready knows every change.
    step = max(1, disabled // 100)
    seen = load.look(f"only-{leaves}", "mass", 0, disabled, step)
    if seen["sign"] or seen["other"]:
        raise BenchError(f"Site {leaves} was ready but had not caught up: {seen['sign']:.0f} keys signed that had been "
                         f"disabled while it was away. {' '.join(seen['other'][:1])}")
    return [figures.at_most("return/ready", "s", returned, RETURN_SECONDS),
            figures.beside("return/beside-unchanged", "s", returned, unchanged, returned / unchanged)]


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


# --- the command ----------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[PairSetting, Load, Size], list[Figure]]] = {
    "idle": measure_idle, "signing": measure_throughput, "change": measure_changes, "changes64": measure_many_changes,
    "loss": measure_loss, "planned": measure_planned, "keys": measure_keys}

QUICK = Size(rounds=1, slice_ms=200, losses=2, drains=2, single_changes=3, many_changes=64, idle_seconds=1.0, keys=100,
             changes=100)


def add_arguments(part: argparse.ArgumentParser) -> None:
    part.add_argument("--json", metavar="FILE", help="also write the figures there")
    part.add_argument("--only", action="append", choices=PARTS, help="only this part; may be repeated")
    part.add_argument("--quick", action="store_true", help="shows that everything works; the figures mean little")
    part.add_argument("--keep", metavar="FOLDER", type=Path, help="keep the pairs' files and logs there")
    part.add_argument("--rounds", type=int, default=10, help="slices in turn for each case (default 10)")
    part.add_argument("--slice-ms", type=int, default=2000, help="length of a slice (default 2000)")
    part.add_argument("--losses", type=int, default=20, help="how often a site is killed (default 20)")
    part.add_argument("--drains", type=int, default=6, help="how often one is drained (default 6)")
    part.add_argument("--keys", type=int, default=100_000, help="how many keys to grow to (default 100,000)")
    part.add_argument("--changes", type=int, default=100_000,
                      help="how many changes a site misses before it returns (default 100,000)")


def run(arguments: argparse.Namespace) -> int:
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("bench-pair")
    size = QUICK if arguments.quick else Size(
        rounds=arguments.rounds, slice_ms=arguments.slice_ms, losses=arguments.losses, drains=arguments.drains,
        single_changes=20, many_changes=2000, idle_seconds=60.0, keys=arguments.keys, changes=arguments.changes)
    names = arguments.only or list(PARTS)
    found: list[Figure] = []
    print(figures.HEAD, flush=True)
    failed = [words for parts in ([names] if arguments.quick else [[name] for name in names])
              if (words := _measure(parts, size, arguments.keep, found))]
    if arguments.json:
        figures.write_json(found, Path(arguments.json))
    missed = [figure.name for figure in found if not figure.met()]
    print("Every target was met." if not missed and not failed else f"Missed: {', '.join(missed) or 'none'}")
    if failed:
        raise BenchError(" ".join(failed))
    return 0


def _measure(names: list[str], size: Size, keep: Path | None, found: list[Figure]) -> str:
    """These parts, on a pair made for them. Why the rest of them could not be measured; empty when all were."""
    with tempfile.TemporaryDirectory(prefix="twinseal-bench-") as temporary:
        folder = keep.absolute() / "-".join(names) if keep else Path(temporary) / "bench"
        setting = PairSetting(folder)
        try:
            setting.up()
            with setting.load() as load:
                for name in names:
                    for figure in PARTS[name](setting, load, size):
                        print(figure.line(), flush=True)
                        found.append(figure)
        except BenchError as error:
            _tell(f"{'/'.join(names)}: {error}")
            return f"Not everything of {', '.join(names)} was measured: {error}"
        finally:
            setting.down(keep_files=keep is not None)
    return ""
