"""One line of a history, as README.md says what it holds."""

import json
from dataclasses import dataclass, field
from typing import Iterable, Iterator

CHANGES = ("create", "enable", "disable", "rotate", "policy")
NEVER = float("inf")

# With these a change certainly did nothing. Any other code may come after the change was recorded.
FINAL_CODES = frozenset(("invalid_argument", "failed_precondition", "not_found", "already_exists", "permission_denied",
                         "unauthenticated", "out_of_range", "unimplemented"))


class HistoryError(Exception):
    """The input is no history. The message says where and why."""


@dataclass(slots=True, eq=False)
class Operation:
    """An attempt that went to one site. Times are nanoseconds; `end` is NEVER when the answer is open."""
    id: str
    client: str
    site: str | None
    op: str
    key: str
    start: int
    end: float
    outcome: str
    request_id: str = ""
    code: str = ""
    state: str | None = None
    version: int | None = None
    revision: int | None = None
    uninformed: dict[str, int] = field(default_factory=dict)
    verified: bool = True
    policy: str | None = None
    isolation: str | None = None
    final: bool = False
    view: bool = False

    @property
    def is_change(self) -> bool:
        return self.op in CHANGES

    def answer(self) -> tuple:
        return self.state, self.version, self.revision

    def text(self, origin: int = 0) -> str:
        """For people: who did what, when after `origin`, and what was answered."""
        end = "never" if self.end == NEVER else _seconds(self.end - origin)
        words = [f"{self.id}: {self.client} at {self.site or '?'}: {self.op} {self.key}"]
        if self.request_id:
            words.append(f"(request {self.request_id})")
        words.append(f"{_seconds(self.start - origin)} .. {end}: {self.outcome}")
        told = [self.code, self.state, f"version {self.version}" if self.version is not None else None,
                f"revision {self.revision}" if self.revision is not None else None]
        told += [f"{site} not told until {_seconds(until - origin)}" for site, until in self.uninformed.items()]
        return " ".join(words + [", ".join(word for word in told if word)]).rstrip()


@dataclass
class History:
    """`sites` are those of which final reads are demanded."""
    operations: list[Operation]
    sites: list[str]


def _seconds(nanoseconds: float) -> str:
    sign, rest = ("-", -int(nanoseconds)) if nanoseconds < 0 else ("", int(nanoseconds))
    return f"{sign}{rest // 10**9}.{rest % 10**9:09d}s"


class _Line:
    """Takes the fields of one line out of its object."""

    def __init__(self, where: str, fields: dict):
        self._where = where
        self._fields = fields

    def fail(self, why: str) -> HistoryError:
        return HistoryError(f"{self._where}: {why}")

    def word(self, name: str, allowed: tuple = ()) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.fail(f"{name} is to be a text, not {json.dumps(value)}")
        if allowed and value not in allowed:
            raise self.fail(f"{name} is one of {', '.join(allowed)}, not '{value}'")
        return value

    def number(self, name: str, least: int | None = None) -> int:
        value = self._fields.get(name)
        if type(value) is not int or (least is not None and value < least):
            kind = "a whole number" if least is None else f"a whole number from {least}"
            raise self.fail(f"{name} is to be {kind}, not {json.dumps(value)}")
        return value

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, False)
        if type(value) is not bool:
            raise self.fail(f"{name} is true or false, not {json.dumps(value)}")
        return value

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def name(self) -> str:
        value = self._fields.get("id")
        if type(value) not in (int, str) or value == "":
            raise self.fail(f"id is to be a number or a text, not {json.dumps(value)}")
        return str(value)

    def policy(self) -> str | None:
        return json.dumps(self._fields["policy"], sort_keys=True) if self.has("policy") else None

    def uninformed(self) -> dict[str, int]:
        value = self._fields.get("uninformed_sites") or []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.fail("uninformed_sites is a list of objects with site and until_ns")
        found: dict[str, int] = {}
        for one in value:
            line = _Line(f"{self._where}: uninformed_sites", one)
            found[line.word("site")] = line.number("until_ns")
        return found


def _operation(line: _Line) -> Operation:
    op = line.word("op", CHANGES + ("sign", "get"))
    made = Operation(id=line.name(), client=line.word("client"), site=line.word("site") if line.has("site") else None,
                     op=op, key=line.word("key"), start=line.number("start_ns"), end=NEVER,
                     outcome=line.word("outcome", ("ok", "refused", "unknown")))
    if made.outcome != "unknown":
        made.end = line.number("end_ns")
        if made.end < made.start:
            raise line.fail("end_ns is before start_ns")
    if made.is_change:
        made.request_id = line.word("request_id")
    if op in ("create", "policy", "get"):
        made.policy = line.policy()
    if op in ("create", "policy") and line.has("isolation"):
        made.isolation = line.word("isolation", ("stop", "continue"))
    if op == "get":
        made.final, made.view = line.flag("final"), line.flag("view")
    if made.outcome == "ok":
        _take_answer(made, line)
    elif made.outcome == "refused":
        _take_refusal(made, line)
    return made


def _take_answer(made: Operation, line: _Line) -> None:
    made.version = line.number("version", 1)
    if made.op == "sign":
        if not line.has("verified"):
            raise line.fail("verified is missing: whether the signature verified")
        made.verified = line.flag("verified")
        return
    made.state = line.word("state", ("enabled", "disabled"))
    made.revision = line.number("revision", 1)
    if made.is_change:
        made.uninformed = line.uninformed()


def _take_refusal(made: Operation, line: _Line) -> None:
    made.code = line.word("code")
    if made.op == "sign" and line.has("state"):
        made.state = line.word("state", ("disabled",))
    if made.is_change and made.code not in FINAL_CODES:
        made.outcome, made.end = "unknown", NEVER


def read_history(lines: Iterable[tuple[str, str]]) -> History:
    """`lines` are pairs of where (for messages) and text. HistoryError when they are no history."""
    operations: list[Operation] = []
    sites: list[str] | None = None
    seen: set[str] = set()
    for where, fields in _objects(lines):
        if "op" not in fields and "sites" in fields:
            named = fields["sites"]
            if not isinstance(named, list) or not all(isinstance(site, str) and site for site in named):
                raise HistoryError(f"{where}: sites is a list of names")
            sites = (sites or []) + [site for site in named if site not in (sites or [])]
            continue
        one = _operation(_Line(where, fields))
        if one.id in seen:
            raise HistoryError(f"{where}: another line has the id {one.id} too")
        seen.add(one.id)
        operations.append(one)
    if not operations:
        raise HistoryError("there is no operation in it")
    if sites is None:
        sites = sorted({one.site for one in operations if one.site})
    return History(operations, sites)


def _objects(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, dict]]:
    for where, text in lines:
        if not text.strip():
            continue
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise HistoryError(f"{where}: no JSON: {error}") from None
        if not isinstance(fields, dict):
            raise HistoryError(f"{where}: not a JSON object")
        yield where, fields
