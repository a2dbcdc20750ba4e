"""Signing under load while a site is lost or taken out of service, for tools/bench pair."""

import time
from dataclasses import dataclass

from . import figures
from .errors import BenchError
from .figures import Figure, tell
from .pair_load import Load, Window, together
from .pair_setting import (CLIENTS, RETURN_PATIENCE_SECONDS, ROUND_TRIP_MS, SIGNING_KEYS, PairSetting, Size,
                           make_signing_keys)

# After the last answer of a lost site's clients, for what comes late.
AFTERMATH_SECONDS = 2.0

# The targets of the issue that asked for this benchmark.
LONGEST_GAP_SECONDS = 1.0
ACCEPTED_AGAIN_SECONDS = 2.0
PLANNED_GAP_SECONDS = 0.25


def _start_signing(load: Load, setting: PairSetting) -> None:
    """32 clients, half of them beside each site; and one more beside each whose key stops at an isolated site."""
    prefix = make_signing_keys(load, setting)
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
        tell(f"loss {number + 1} of {size.losses}, {who}: gap {loss.signing.longest_gap:.2f} s, failed "
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
        tell(f"drain {number + 1} of {size.drains}: gap {drain.signing.longest_gap:.2f} s, failed {both.failed}, "
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
