"""A broken promise, and the operations that show it."""

from dataclasses import dataclass

from .operations import Operation

# What each kind means; `check.py --help` prints it.
KINDS = {
    "lost": "a change that was acknowledged is not there any more",
    "twice": "one request_id, or one revision, with two answers that cannot both be true",
    "unaccounted": "a revision or version that no change can have made: a request took effect twice, or unasked",
    "barrier": "a signature that was started after a disable had returned, and before an enable was invoked",
    "old-version": "a signature by an old version that was started after a rotation had returned",
    "stale": "an answer older than what had been answered before it was asked for",
    "backwards": "a site's view went backwards",
    "early": "something was seen before the change that made it was invoked",
    "unverified": "a signature that does not verify",
    "isolation": "a site was left uninformed though the key's isolation rule is stop",
    "unread": "a final read that is missing, so that nothing is proved of the end",
    "unproven": "no order of the unanswered changes was found that explains what was seen; many were tried",
}


@dataclass
class Violation:
    kind: str
    key: str
    text: str
    operations: list[Operation]

    def lines(self, origin: int) -> list[str]:
        head = f"{self.kind}: key {self.key}: {self.text}"
        unique = list({id(one): one for one in self.operations}.values())
        return [head] + ["    " + one.text(origin) for one in unique]
