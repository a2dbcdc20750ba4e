"""The faults of a run: which, where and for how long, all from one seed."""

import contextlib
import random
import resource
import shutil
from dataclasses import dataclass, field
from typing import Callable, Iterator

from bench_sites import faults
from bench_sites.bench import Bench
from bench_sites.errors import BenchError
from bench_sites.layout import AGENT
from support.surroundings import change_surroundings

FULL_DISK_FILE_BYTES = 64 * 1024
# Less than a ledger has after some minutes of changes.
SMALL_QUOTA_MIB = 2


@dataclass(frozen=True)
class Fault:
    kind: str
    where: tuple[str, ...] = ()

    def words(self) -> str:
        return " ".join((self.kind, *self.where))


@dataclass(frozen=True)
class Act:
    """Faults that are there at the same time, and how long."""

    faults: tuple[Fault, ...]
    hold_seconds: float
    settle_seconds: float  # After everything is ready again.

    def words(self) -> str:
        return f"{' with '.join(fault.words() for fault in self.faults)}, {self.hold_seconds:.1f} s"


Harm = Callable[[Bench, tuple[str, ...]], None]


@dataclass(frozen=True)
class Kind:
    """`choose` says where; `alone`: with no other fault beside it."""

    weight: int
    choose: Callable[[random.Random, list[str]], tuple[str, ...]]
    inject: Harm
    heal: Harm
    alone: bool = False


def _one_site(chance: random.Random, sites: list[str]) -> tuple[str, ...]:
    return (chance.choice(sites),)


def _nowhere(_: random.Random, __: list[str]) -> tuple[str, ...]:
    return ()


def _a_place(chance: random.Random, sites: list[str]) -> tuple[str, ...]:
    return (chance.choice([*sites, AGENT]),)


def _a_process(chance: random.Random, sites: list[str]) -> tuple[str, ...]:
    place = chance.choice([*sites, AGENT])
    return place, chance.choice(["agent", "etcd"] if place == AGENT else ["core", "etcd", "twinseald"])


def _two_places(chance: random.Random, sites: list[str]) -> tuple[str, ...]:
    return tuple(chance.sample([*sites, AGENT], 2))


def _start(bench: Bench, where: tuple[str, ...]) -> None:
    place = bench.place(where[0])
    place.resume_all()
    place.start(wait=False)


def _kill_process(bench: Bench, where: tuple[str, ...]) -> None:
    bench.place(where[0]).kill_one(where[1])


def _suspend(bench: Bench, where: tuple[str, ...]) -> None:
    try:
        bench.place(where[0]).suspend(*where[1:])
    except BenchError:
        pass  # Another fault has killed it.


def _cut(one_way: bool) -> Harm:
    return lambda bench, where: faults.partition(bench, list(where), one_way) and None


def _heal_links(bench: Bench, where: tuple[str, ...]) -> None:
    faults.heal(bench, list(where))


def _power_cut(bench: Bench, where: tuple[str, ...]) -> None:
    """Nobody sees connections end: the links are cut before the processes die."""
    bench.network.change(lambda plan: plan.change(plan.directed([where[0]], clients=True), cut=True))
    bench.place(where[0]).kill()


def _power_back(bench: Bench, where: tuple[str, ...]) -> None:
    bench.network.change(lambda plan: plan.change(plan.directed([where[0]], clients=True), cut=False))
    _start(bench, where)


def _fill_disk(bench: Bench, where: tuple[str, ...]) -> None:
    """Limits the size of files, which meets a write as a full disk does. Small files, as the emulated HSM's, still
    fit."""
    _limit_files(bench, where[0], FULL_DISK_FILE_BYTES)


def _free_disk(bench: Bench, where: tuple[str, ...]) -> None:
    _limit_files(bench, where[0], resource.RLIM_INFINITY)
    _start(bench, where)


def _limit_files(bench: Bench, name: str, size: int) -> None:
    process = bench.place(name).process()
    for pid in process.session():
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _slow_disk(bench: Bench, where: tuple[str, ...]) -> None:
    change_surroundings(bench.place(where[0]), sync_delay_seconds=0.05)


def _plain_surroundings(bench: Bench, where: tuple[str, ...]) -> None:
    change_surroundings(bench.place(where[0]))


def _clock(seconds: float) -> Harm:
    return lambda bench, where: change_surroundings(bench.place(where[0]), clock_offset_seconds=seconds)


def _old_copy(bench: Bench, where: tuple[str, ...]) -> None:
    """Its files are put back as they were before its last start."""
    site = bench.site(where[0])
    site.kill()
    old, newest = site.files.data.with_name("data.old"), site.files.data.with_name("data.newest")
    shutil.copytree(site.files.data, old)
    site.start()
    site.kill()
    site.files.data.rename(newest)
    old.rename(site.files.data)
    site.start(wait=False)


def _newest_back(bench: Bench, where: tuple[str, ...]) -> None:
    site = bench.site(where[0])
    if not site.not_ready():
        raise BenchError(f"Site {site.name} serves with an old copy of its files.")
    site.kill()
    shutil.rmtree(site.files.data)
    site.files.data.with_name("data.newest").rename(site.files.data)
    _start(bench, where)


def _wipe(bench: Bench, where: tuple[str, ...]) -> None:
    bench.site(where[0]).wipe()


def _replace(bench: Bench, where: tuple[str, ...]) -> None:
    bench.replace(where[0])


def _reach_quota(bench: Bench, _: tuple[str, ...]) -> None:
    _restart_in_turn(bench, ledger_quota_mib=SMALL_QUOTA_MIB)


def _raise_quota(bench: Bench, _: tuple[str, ...]) -> None:
    _restart_in_turn(bench)


def _restart_in_turn(bench: Bench, **settings: int) -> None:
    for place in bench.places():
        place.write_config(**settings)
        place.stop()
        place.start()


def _change_links(**changes: float) -> Harm:
    return lambda bench, where: faults.change_links(bench, list(where), **changes) and None


KINDS: dict[str, Kind] = {
    "kill": Kind(4, _a_place, lambda bench, where: bench.place(where[0]).kill(), _start),
    "kill-process": Kind(6, _a_process, _kill_process, _start),
    "power-cut": Kind(3, _a_place, _power_cut, _power_back),
    "stop": Kind(4, _a_place, _suspend, _start),
    "stop-process": Kind(5, _a_process, _suspend, _start),
    "partition": Kind(4, _two_places, _cut(one_way=False), _heal_links),
    "partition-one-way": Kind(4, _two_places, _cut(one_way=True), _heal_links),
    "isolate": Kind(4, _a_place, _cut(one_way=False), _heal_links),
    "isolate-one-way": Kind(2, _a_place, _cut(one_way=True), _heal_links),
    "delay": Kind(2, _nowhere, _change_links(delay_ms=40.0), _change_links(delay_ms=0.0)),
    "slow-disk": Kind(4, _a_place, _slow_disk, _plain_surroundings),
    "full-disk": Kind(2, _one_site, _fill_disk, _free_disk),
    # The until-times of answers are told by the sites' clocks: with another fault beside, one could not be read.
    "clock-forward": Kind(1, _one_site, _clock(3600.0), _plain_surroundings, alone=True),
    "clock-back": Kind(1, _one_site, _clock(-3600.0), _plain_surroundings, alone=True),
    # These take as long as they take, and need the other places.
    "old-copy": Kind(1, _one_site, _old_copy, _newest_back, alone=True),
    "wiped-disk": Kind(1, _one_site, _wipe, _replace, alone=True),
    "quota": Kind(1, _nowhere, _reach_quota, _raise_quota, alone=True),
    "loss": Kind(2, _nowhere, _change_links(loss_percent=5.0), _change_links(loss_percent=0.0)),
}


@dataclass
class Schedule:
    """The same acts in the same order for the same seed, kinds and sites."""

    seed: int
    sites: list[str]
    kinds: list[str] = field(default_factory=lambda: list(KINDS))

    def acts(self) -> Iterator[Act]:
        chance = random.Random(f"acts {self.seed}")
        while True:
            chosen = [self._fault(chance)]
            if chance.random() < 0.25 and not KINDS[chosen[0].kind].alone:
                second = self._fault(chance)
                if not KINDS[second.kind].alone and second.kind != chosen[0].kind:
                    chosen.append(second)
            # Longer than an election and than a lease, most often; sometimes shorter.
            hold = chance.choice((0.3, 1.0, 2.5, 5.0, 8.0)) * (0.75 + chance.random() / 2)
            yield Act(tuple(chosen), hold, 0.5 + chance.random())

    def _fault(self, chance: random.Random) -> Fault:
        kind = chance.choices(self.kinds, [KINDS[name].weight for name in self.kinds])[0]
        return Fault(kind, KINDS[kind].choose(chance, self.sites))


def inject(bench: Bench, act: Act) -> None:
    for fault in act.faults:
        KINDS[fault.kind].inject(bench, fault.where)


def heal(bench: Bench, act: Act) -> None:
    for fault in act.faults:
        KINDS[fault.kind].heal(bench, fault.where)
