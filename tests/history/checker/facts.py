"""What the answers tell of one key: which revision had which state, and by when it was there."""

from .changes import Change
from .operations import NEVER, HistoryError, Operation
from .violations import Violation

ABSENT = "absent"


class Fact:
    """What a revision held. `policy` is None while no answer told it."""
    __slots__ = ("state", "version", "policy", "shown_by")

    def __init__(self, state: str, version: int, policy: str | None, shown_by: Operation):
        self.state = state
        self.version = version
        self.policy = policy
        self.shown_by = shown_by

    def allows(self, state: str, version: int, policy: str | None) -> bool:
        return (state == self.state and version == self.version
                and (policy is None or self.policy is None or policy == self.policy))


class KeyFacts:
    """Of one key.

    `base` is the revision that its history begins with: 0, absent, for a key that was created in it.
    `reads` are the reads of the ledger, answers to changes included: (operation, revision, start, end).
    `views` are the readings of a site's view: signatures, gets from a view, and refusals that tell a state."""

    def __init__(self, key: str, operations: list[Operation], changes: list[Change]):
        self.key = key
        self.changes = changes
        self.violations: list[Violation] = []
        self.at: dict[int, Fact] = {}
        self.reads: list[tuple[Operation, int, int, float]] = []
        self.views: list[Operation] = []
        self.answered: dict[int, list[Change]] = {}
        self.open: list[Change] = []
        self.base = self._begin(operations)
        for change in changes:
            self._take_change(change)
        for one in operations:
            if not one.is_change:
                self._take_reading(one)
        self.last = max(self.at, default=self.base)
        self._one_maker_each()

    def _begin(self, operations: list[Operation]) -> int:
        if any(change.op == "create" for change in self.changes):
            return 0
        begin = min((change.start for change in self.changes), default=NEVER)
        first = min((one for one in operations if one.op == "get" and one.outcome == "ok" and one.end < begin),
                    key=lambda one: one.end, default=None)
        if first is None:
            raise HistoryError(f"key {self.key} has no create, and no get that ended before its first change started")
        return first.revision

    def _one_maker_each(self) -> None:
        """Each creation and each rotation makes a revision of its own."""
        for revision, changes in self.answered.items():
            makers = [change.answered for change in changes if change.op in ("create", "rotate")]
            if len(makers) > 1:
                self.violations.append(Violation(
                    "lost", self.key, f"{len(makers)} changes were each answered with revision {revision}, which only "
                    "one of them can have made", makers))

    def _take_change(self, change: Change) -> None:
        answer = change.answered
        if answer is None:
            self.open.append(change)
            return
        policy = change.policy if change.op in ("create", "policy") else None
        if self._learn(answer, policy):
            self.answered.setdefault(answer.revision, []).append(change)
            self.reads.append((answer, answer.revision, change.start, change.end))

    def _take_reading(self, one: Operation) -> None:
        if one.op == "sign":
            if one.outcome == "ok" and not one.verified:
                self.violations.append(Violation("unverified", self.key, "the signature does not verify", [one]))
            elif one.outcome == "ok" or one.state is not None or one.code == "not_found":
                self.views.append(one)
        elif one.outcome == "ok":
            if not self._learn(one, one.policy):
                return
            if one.view:
                self.views.append(one)
            else:
                self.reads.append((one, one.revision, one.start, one.end))
        elif one.code == "not_found":
            self.views.append(one)

    def _learn(self, one: Operation, policy: str | None) -> bool:
        """False when the answer contradicts an earlier one or the key's beginning."""
        if one.revision < self.base:
            text = f"revision {one.revision} is from before the recording began, with {self.base}"
            self.violations.append(Violation("stale", self.key, text, [one]))
            return False
        known = self.at.get(one.revision)
        if known is None:
            self.at[one.revision] = Fact(one.state, one.version, policy, one)
            return True
        if not known.allows(one.state, one.version, policy):
            changed = one.is_change and known.shown_by.is_change
            self.violations.append(Violation(
                "lost" if changed else "twice", self.key,
                f"two answers tell different things of revision {one.revision}"
                + (": one change has taken the other's place" if changed else ""), [known.shown_by, one]))
            return False
        if known.policy is None:
            known.policy = policy
        return True
