"""What an answer to a change promises: from then on every site serves its revision or a later one, save those that it
names as uninformed, which do so from the time that it names."""

from bisect import bisect_left
from typing import Iterable

from .changes import Change
from .operations import Operation
from .violations import Violation


class _Newest:
    """Of entries (time, value, operation): the highest value of those before a time."""

    def __init__(self, entries: Iterable[tuple[float, float, Operation]]):
        self._times: list[float] = []
        self._best: list[tuple[float, Operation]] = []
        for time, value, one in sorted(entries, key=lambda entry: entry[0]):
            best = (value, one)
            if self._best and self._best[-1][0] >= value:
                best = self._best[-1]
            self._times.append(time)
            self._best.append(best)

    def before(self, time: float) -> tuple[float, Operation] | None:
        index = bisect_left(self._times, time)
        return self._best[index - 1] if index else None


def _binding_from(answer: Operation, site: str | None) -> float:
    """When the answer's promise begins to hold at the site; None is a site that was not told: any of them."""
    if site is None:
        return max([answer.end, *answer.uninformed.values()])
    return max(answer.end, answer.uninformed.get(site, answer.end))


class Promises:
    """For each site, what it must have applied when an operation starts."""

    def __init__(self, changes: list[Change]):
        self._answers = [one for change in changes for one in change.acknowledged]
        self._sites: dict[str | None, _Newest] = {}

    def owed(self, site: str | None, start: int) -> tuple[float, Operation] | None:
        """The revision, and the answer that promised it."""
        if site not in self._sites:
            self._sites[site] = _Newest((_binding_from(one, site), one.revision, one) for one in self._answers)
        return self._sites[site].before(start)


def check_barrier(key: str, changes: list[Change], signatures: list[Operation]) -> list[Violation]:
    """By times alone, whatever the revisions say: after a disable has returned, a signature needs an enable that was
    not over before that disable was invoked, and was invoked before the signature was answered."""
    enables = _Newest((change.start, change.end, change.shown_by()) for change in changes
                      if change.op in ("create", "enable"))
    disables: dict[str | None, _Newest] = {}
    answers = [(change.start, one) for change in changes if change.op == "disable" for one in change.acknowledged]
    found = []
    for one in signatures:
        if one.site not in disables:
            disables[one.site] = _Newest((_binding_from(answer, one.site), start, answer) for start, answer in answers)
        disable = disables[one.site].before(one.start)
        if disable is None:
            continue
        enable = enables.before(one.end + 1)
        if enable is None or enable[0] < disable[0]:
            found.append(barrier_violation(key, disable[1], one, ()))
    return found


def barrier_violation(key: str, disable: Operation, sign: Operation, shown: Iterable[Operation]) -> Violation:
    text = f"signature {sign.id} was started {_later(disable, sign)} {disable.op} {disable.id} had returned"
    if disable.op != "disable":
        text += f", whose answer is {disable.state}"
    return Violation("barrier", key, text + ", and no later enable was invoked before it ended",
                     [disable, sign, *shown])


def _later(answer: Operation, one: Operation) -> str:
    until = answer.uninformed.get(one.site)
    if until is not None and until > answer.end:
        return f"{one.start - until} ns after the time until which it might, which"
    return f"{int(one.start - answer.end)} ns after"


def check_isolation(key: str, changes: list[Change], rule_at: dict[int, str | None]) -> list[Violation]:
    """No answer names an uninformed site while the key's rule is `stop`."""
    found = []
    for change in changes:
        for one in change.acknowledged:
            rules = {rule_at.get(one.revision), rule_at.get(one.revision - 1)}
            if one.uninformed and (rules == {"stop"} or (one.revision == 1 and rule_at.get(1) == "stop")):
                found.append(Violation("isolation", key, "a site was named as uninformed, but the key's isolation "
                                       "rule is stop", [one]))
    return found
