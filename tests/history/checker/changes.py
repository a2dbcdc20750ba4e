"""The attempts at one change are one change: what a request_id is for."""

from .operations import NEVER, HistoryError, Operation
from .violations import Violation


class Change:
    """All attempts with one request_id that may have taken effect, of which at most one did.

    It took effect between `start` and `end` if it did: NEVER when no attempt was answered."""

    def __init__(self, attempts: list[Operation]):
        first = attempts[0]
        self.op = first.op
        self.request_id = first.request_id
        self.attempts = sorted(attempts, key=lambda one: one.start)
        self.acknowledged = sorted((one for one in attempts if one.outcome == "ok"), key=lambda one: one.end)
        self.start = self.attempts[0].start
        self.end = self.acknowledged[0].end if self.acknowledged else NEVER
        self.policy = first.policy
        self.isolation = first.isolation

    @property
    def answered(self) -> Operation | None:
        return self.acknowledged[0] if self.acknowledged else None

    def shown_by(self) -> Operation:
        return self.answered or self.attempts[0]


def collect_changes(operations: list[Operation]) -> list[Change]:
    """Of one key. Without those of which every attempt was refused."""
    attempts: dict[str, list[Operation]] = {}
    for one in operations:
        if one.is_change and one.outcome != "refused":
            attempts.setdefault(one.request_id, []).append(one)
    return [Change(group) for group in attempts.values()]


def check_request_ids(operations: list[Operation]) -> None:
    """HistoryError when one request_id stands for two different changes: that is the recorder's mistake."""
    first: dict[str, Operation] = {}
    for one in operations:
        if not one.is_change:
            continue
        other = first.setdefault(one.request_id, one)
        if (one.op, one.key, one.policy, one.isolation) != (other.op, other.key, other.policy, other.isolation):
            raise HistoryError(f"request_id {one.request_id} is of two different changes, {other.id} and {one.id}")


def check_answers(key: str, changes: list[Change]) -> list[Violation]:
    """Each answer must be one that this change can give, and the same one each time."""
    found = []
    for change in changes:
        for again in change.acknowledged[1:]:
            if again.answer() != change.answered.answer():
                found.append(Violation("twice", key, f"the request {change.request_id} was answered in two ways",
                                       [change.answered, again]))
        if change.answered is not None and not _fits(change.op, change.answered):
            found.append(Violation("unaccounted", key, f"no {change.op} can be answered so", [change.answered]))
    return found


def _fits(op: str, answer: Operation) -> bool:
    if op == "create":
        return answer.answer() == ("enabled", 1, 1)
    return op not in ("enable", "disable") or answer.state == op + "d"
