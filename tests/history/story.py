"""Small histories, written by hand: one key `k`, made before time 10, and times in nanoseconds."""

import json

from checker.check import check_history
from checker.operations import read_history
from checker.violations import Violation


class Story:
    """Each method adds a line and returns its id."""

    def __init__(self, create: bool = True, **fields):
        self.lines: list[dict] = []
        if create:
            self.change("create", 0, 10, "enabled", 1, 1, **fields)

    def add(self, op: str, start: int, end: int | None, **fields) -> int:
        line = {"id": len(self.lines) + 1, "client": "c", "site": "a", "op": op, "key": "k", "start_ns": start,
                "end_ns": end, "outcome": "ok"}
        if op not in ("sign", "get"):
            line["request_id"] = f"r{line['id']}"
        self.lines.append(line | fields)
        return line["id"]

    def change(self, op: str, start: int, end: int, state: str, version: int, revision: int, **fields) -> int:
        return self.add(op, start, end, state=state, version=version, revision=revision, **fields)

    def disable(self, start: int, end: int, revision: int, version: int = 1, **fields) -> int:
        return self.change("disable", start, end, "disabled", version, revision, **fields)

    def enable(self, start: int, end: int, revision: int, version: int = 1, **fields) -> int:
        return self.change("enable", start, end, "enabled", version, revision, **fields)

    def rotate(self, start: int, end: int, revision: int, version: int, state: str = "enabled", **fields) -> int:
        return self.change("rotate", start, end, state, version, revision, **fields)

    def unknown(self, op: str, start: int, **fields) -> int:
        return self.add(op, start, None, outcome="unknown", **fields)

    def refused(self, op: str, start: int, end: int, code: str, **fields) -> int:
        return self.add(op, start, end, outcome="refused", code=code, **fields)

    def sign(self, start: int, end: int, site: str = "b", version: int = 1, verified: bool = True, **fields) -> int:
        return self.add("sign", start, end, site=site, version=version, verified=verified, **fields)

    def get(self, start: int, end: int, state: str, version: int, revision: int, **fields) -> int:
        return self.add("get", start, end, state=state, version=version, revision=revision, **fields)

    def final(self, start: int, state: str, version: int, revision: int) -> None:
        for site in ("a", "b"):
            self.get(start, start + 1, state, version, revision, site=site, final=True)

    def violations(self, final_reads: bool = False) -> list[Violation]:
        return check(self.lines, final_reads)

    def kinds(self, final_reads: bool = False) -> list[str]:
        return [one.kind for one in self.violations(final_reads)]


def check(lines: list[dict], final_reads: bool = True) -> list[Violation]:
    numbered = ((f"line {number}", json.dumps(line)) for number, line in enumerate(lines, start=1))
    return check_history(read_history(numbered), final_reads)
