"""The same promises, decided by trying every order there is: slow, short, and made independently of the checker. For
histories of a handful of operations on one key, which begin with its creation."""

from checker.changes import Change, collect_changes
from checker.operations import NEVER, Operation


def is_right(operations: list[Operation]) -> bool:
    changes = collect_changes(operations)
    if any(again.answer() != change.answered.answer() for change in changes for again in change.acknowledged):
        return False
    return _Orders(operations, changes).any_explains()


class _Orders:
    def __init__(self, operations: list[Operation], changes: list[Change]):
        self._changes = changes
        self._reads = [one for one in operations if one.op == "get" and one.outcome == "ok"]
        self._views = sorted((one for one in operations if one.op == "sign" and (one.outcome == "ok" or one.state)),
                             key=lambda one: one.start)

    def any_explains(self) -> bool:
        return self._extend([("absent", 0, None)], [], -NEVER, frozenset(self._changes), frozenset(self._reads))

    def _extend(self, log: list, made: list, now: float, changes: frozenset, reads: frozenset) -> bool:
        """`log[r]` is the state at revision r, made at the earliest at `made[r - 1]`; `now` is the last step's time."""
        if not reads and not any(change.answered for change in changes) and self._views_fit(log, made):
            return True
        for read in reads:
            at = max(now, read.start)
            if at <= read.end and read.policy == log[-1][2] and read.answer() == (*log[-1][:2], len(log) - 1):
                if self._extend(log, made, at, changes, reads - {read}):
                    return True
        return any(self._apply(change, log, made, max(now, change.start), changes - {change}, reads)
                   for change in changes)

    def _apply(self, change: Change, log: list, made: list, at: float, changes: frozenset, reads: frozenset) -> bool:
        after = _after(log[-1], change)
        if after is None or at > change.end:
            return False
        counted = after != log[-1]
        log, made = (log + [after], made + [at]) if counted else (log, made)
        if change.answered and change.answered.answer() != (*after[:2], len(log) - 1):
            return False
        return self._extend(log, made, at, changes, reads)

    def _views_fit(self, log: list, made: list) -> bool:
        return self._place(log, made, 0, [])

    def _place(self, log: list, made: list, number: int, placed: list) -> bool:
        if number == len(self._views):
            return True
        one = self._views[number]
        for revision in range(len(log)):
            shown = ("enabled", one.version) if one.outcome == "ok" else ("disabled", log[revision][1])
            if log[revision][:2] != shown or (revision and made[revision - 1] > one.end):
                continue
            if revision < self._owed(one):
                continue
            if any(other.site == one.site and other.end < one.start and shown_then > revision
                   for other, shown_then in placed):
                continue
            if self._place(log, made, number + 1, placed + [(one, revision)]):
                return True
        return False

    def _owed(self, one: Operation) -> int:
        owed = 0
        for change in self._changes:
            for answer in change.acknowledged:
                if answer.end < one.start and answer.uninformed.get(one.site, -NEVER) < one.start:
                    owed = max(owed, answer.revision)
        return owed


def _after(before: tuple, change: Change) -> tuple | None:
    state, version, policy = before
    if change.op == "create":
        return ("enabled", 1, change.policy) if state == "absent" else None
    if state == "absent":
        return None
    if change.op == "rotate":
        return state, version + 1, policy
    if change.op == "policy":
        return state, version, change.policy
    return change.op + "d", version, policy
