"""Signatures, and what else a site serves from its view. Each shows a revision of the key that

  - is at least what every answer had promised of that site before it started,
  - is at least what the same site had shown before it started, and
  - had been invoked before it ended.

For each the lowest such revision is found; as all the conditions upon the others are lower bounds, the lowest is right
whenever any is."""

import heapq
from bisect import bisect_left
from dataclasses import dataclass

from .facts import ABSENT, KeyFacts
from .operations import Operation
from .promises import Promises, barrier_violation
from .violations import Violation

Bound = tuple[int, Operation | None]
Floors = dict[int, tuple[float, Operation | None]]


@dataclass
class Placed:
    """`evidence`: (revision, end, operation) of each reading that could be placed."""
    evidence: list[tuple[int, float, Operation]]
    violations: list[Violation]
    refuted: list[Operation]


class Positions:
    """Which revisions a reading may be of."""

    def __init__(self, states: dict[int, set[tuple[str, int]]]):
        self._by_state: dict[tuple, list[int]] = {}
        for revision in sorted(states):
            for state, version in states[revision]:
                for kind in ((state, version), (state, None)):
                    found = self._by_state.setdefault(kind, [])
                    if not found or found[-1] != revision:
                        found.append(revision)
        self._all = set(states)

    def first(self, one: Operation, least: int) -> int | None:
        if one.op == "get" and one.outcome == "ok":
            return one.revision if one.revision >= least and one.revision in self._all else None
        found = self._by_state.get(_kind(one), [])
        index = bisect_left(found, least)
        return found[index] if index < len(found) else None


def _kind(one: Operation) -> tuple[str, int | None]:
    """The state that it shows; the version None when it does not show that."""
    if one.outcome == "refused":
        return (one.state, None) if one.state else (ABSENT, None)
    return (one.state or "enabled", one.version)


def shows(one: Operation, state: str, version: int) -> bool:
    shown = _kind(one)
    return shown[0] == state and shown[1] in (None, version)


class Views:
    """Places the readings of one key."""

    def __init__(self, facts: KeyFacts, promises: Promises):
        self._facts = facts
        self._promises = promises
        by_site: dict[str | None, list[Operation]] = {}
        for one in facts.views:
            by_site.setdefault(one.site, []).append(one)
        self._by_site = {site: sorted(ones, key=lambda one: one.start) for site, ones in by_site.items()}
        self._owed = {one.id: promises.owed(one.site, one.start) for one in facts.views}

    def place(self, positions: Positions, floors: Floors) -> Placed:
        """`floors`: for each revision the earliest time at which it can have been invoked, and what shows that."""
        placed = Placed([], [], [])
        for site, ones in self._by_site.items():
            running: list[tuple[float, int, int]] = []
            shown: Bound = (0, None)
            for number, one in enumerate(ones):
                while site is not None and running and running[0][0] < one.start:
                    _, revision, index = heapq.heappop(running)
                    if revision > shown[0]:
                        shown = (revision, ones[index])
                owed = self._owed[one.id]
                bound: Bound = (int(owed[0]), owed[1]) if owed and owed[0] >= shown[0] else shown
                revision = positions.first(one, bound[0])
                if revision is None or floors[revision][0] > one.end:
                    placed.violations.append(self._refuted(one, bound, owed, positions, revision, floors))
                    placed.refuted.append(one)
                    continue
                placed.evidence.append((revision, one.end, one))
                heapq.heappush(running, (one.end, revision, number))
        return placed

    def _refuted(self, one: Operation, bound: Bound, owed: tuple | None, positions: Positions, later: int | None,
                 floors: Floors) -> Violation:
        """`later`: the revision after the bound that it could be of, but for having been invoked too late."""
        key = self._facts.key
        late = [floors[later][1]] if later is not None and floors[later][1] is not None else []
        older = positions.first(one, 0)
        if older is None:
            return Violation("unaccounted", key, "nothing that was invoked can have led to this", [one])
        if older >= bound[0] or floors[older][0] > one.end:
            return Violation("early", key, f"it shows revision {older}, which had not been invoked when it ended",
                             [one, *late])
        earlier = bound[1]
        if owed is None or earlier is not owed[1]:
            return Violation("backwards", key,
                             f"{one.id} shows what was before revision {bound[0]}, which {earlier.id} had shown at the "
                             "same site before it started", [earlier, one, *late])
        return self._broken_promise(one, earlier, late)

    def _broken_promise(self, one: Operation, answer: Operation, next_one: list[Operation]) -> Violation:
        key = self._facts.key
        if one.op == "sign" and one.outcome == "ok":
            if answer.state == "disabled":
                return barrier_violation(key, answer, one, next_one)
            if one.version < answer.version:
                return Violation("old-version", key, f"signed by version {one.version}, and was started after "
                                 f"{answer.op} {answer.id} had returned with version {answer.version}",
                                 [answer, one, *next_one])
        return Violation("stale", key, f"{one.id} shows what was before revision {answer.revision}, which {answer.op} "
                         f"{answer.id} had returned before it started", [answer, one, *next_one])
