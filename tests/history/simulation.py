"""Makes histories that are right: a pair played in simulated time, with clients at both sites, delays, cuts and lost
answers."""

import heapq
import random
from dataclasses import dataclass, field
from typing import Callable, Iterator

MS = 1_000_000
LEASE = 40 * MS      # How long a cut site goes on with a key whose rule is `stop`, and an answer waits for it.
ISOLATION = 400 * MS  # How long it goes on with a key whose rule is `continue`.


@dataclass
class Plan:
    """What is to be played. `cuts`: site to the times from and until which it reaches nobody."""
    seed: int
    changes: int = 40
    signatures: int = 200
    reads: int = 20
    keys: int = 2
    changers: int = 2
    signers: int = 3
    lost_answers: float = 0.1
    give_up: float = 0.3    # Of the lost answers, how many are never asked for again.
    rotations: float = 0.1
    policies: float = 0.0
    rule: str = "continue"
    cuts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


@dataclass
class _Key:
    """`log[revision]` is (state, version, policy); `applied[site]` is the newest revision in its view."""
    log: list[tuple] = field(default_factory=lambda: [("absent", 0, None)])
    applied: dict[str, int] = field(default_factory=dict)


class Simulation:
    SITES = ("a", "b")

    def __init__(self, plan: Plan):
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.now = 0
        self.lines: list[dict] = []
        self._queue: list[tuple[int, int, Iterator[int]]] = []
        self._order = 0
        self._requests = 0
        self._answers: dict[str, tuple] = {}
        self._keys = {f"k{number}": _Key(applied=dict.fromkeys(self.SITES, 0)) for number in range(plan.keys)}

    def run(self) -> list[dict]:
        plan = self.plan
        for key in self._keys:
            self._start(self._change(f"maker-{key}", "a", key, "create"))
        self._play()
        for number in range(plan.changers):
            self._start(self._client(f"changer{number}", plan.changes // plan.changers, self._any_change))
        for number in range(plan.signers):
            self._start(self._client(f"signer{number}", plan.signatures // plan.signers, self._sign))
        self._start(self._client("reader", plan.reads, self._read))
        self._play()
        self.now = max([self.now, *(cut[1] for cuts in self.plan.cuts.values() for cut in cuts)])
        for site in self.SITES:
            for key in self._keys:
                self._start(self._read(f"last-{site}", site, key, final=True))
                self._play()
        return self.lines

    # Simulated time: a process is a generator that yields how long it waits.
    def _start(self, process: Iterator[int], delay: int = 0) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self.now + delay, self._order, process))

    def _play(self) -> None:
        while self._queue:
            self.now, _, process = heapq.heappop(self._queue)
            delay = next(process, None)
            if delay is not None:
                self._start(process, delay)
        self.now += MS

    def _some_time(self) -> int:
        return self.random.randint(1, 6 * MS)

    def _cut(self, site: str) -> tuple[int, int] | None:
        return next((cut for cut in self.plan.cuts.get(site, ()) if cut[0] <= self.now < cut[1]), None)

    def _client(self, name: str, count: int, operation: Callable) -> Iterator[int]:
        for _ in range(count):
            yield self._some_time()
            yield from operation(name, self.random.choice(self.SITES), self.random.choice(list(self._keys)))

    def _record(self, start: int, **fields) -> None:
        self.lines.append({"id": len(self.lines), "start_ns": start, "end_ns": self.now, **fields})

    def _any_change(self, client: str, site: str, key: str) -> Iterator[int]:
        kinds = {"rotate": self.plan.rotations, "policy": self.plan.policies}
        rest = (1 - sum(kinds.values())) / 2
        ops = ["rotate", "policy", "enable", "disable"]
        op = self.random.choices(ops, [kinds["rotate"], kinds["policy"], rest, rest])[0]
        yield from self._change(client, site, key, op)

    def _change(self, client: str, site: str, key: str, op: str) -> Iterator[int]:
        self._requests += 1
        fields = {"client": client, "op": op, "key": key, "request_id": f"r{self._requests}"}
        if op in ("create", "policy"):
            fields |= {"policy": "P0" if op == "create" else self.random.choice(("P0", "P1")),
                       "isolation": self.plan.rule}
        while True:
            answered = yield from self._attempt(site, fields)
            if answered or (op != "create" and self.random.random() < self.plan.give_up):
                return
            site = self.random.choice(self.SITES)
            yield self._some_time()

    def _attempt(self, site: str, fields: dict) -> Iterator[int]:
        start = self.now
        yield self._some_time()
        lost = self.random.random() < self.plan.lost_answers
        if self._cut(site):
            lost = True
        elif lost and self.random.random() < 0.5:
            self._start(self._commit_late(fields), self.random.choice((MS, 20 * MS, 200 * MS)))
        else:
            answer = self._commit(fields)
            if not lost:
                uninformed = yield from self._barrier(fields["key"], len(self._keys[fields["key"]].log) - 1)
                self._record(start, site=site, **fields, outcome="ok", uninformed_sites=uninformed, **answer)
                return True
        yield self._some_time()
        self._record(start, site=site, **fields, outcome="unknown")
        self.lines[-1]["end_ns"] = self.random.choice((None, self.now))
        return False

    def _commit_late(self, fields: dict) -> Iterator[int]:
        self._commit(fields)
        return
        yield

    def _commit(self, fields: dict) -> dict:
        key = self._keys[fields["key"]]
        if fields["request_id"] not in self._answers:
            revision = len(key.log)
            after = self._after(key.log[-1], fields)
            if after == key.log[-1]:
                revision -= 1
            else:
                key.log.append(after)
                for site in self.SITES:
                    self._start(self._apply(key, site, revision), self._some_time())
            self._answers[fields["request_id"]] = (*after[:2], revision)
        state, version, revision = self._answers[fields["request_id"]]
        return {"state": state, "version": version, "revision": revision}

    def _after(self, before: tuple, fields: dict) -> tuple:
        state, version, policy = before
        if fields["op"] == "create":
            return "enabled", 1, fields["policy"]
        if fields["op"] == "rotate":
            return state, version + 1, policy
        if fields["op"] == "policy":
            return state, version, fields["policy"]
        return fields["op"] + "d", version, policy

    def _apply(self, key: _Key, site: str, revision: int) -> Iterator[int]:
        while (cut := self._cut(site)) is not None:
            yield cut[1] - self.now
        key.applied[site] = max(key.applied[site], revision)

    def _barrier(self, name: str, revision: int) -> Iterator[int]:
        """Waits until each site has applied it or has stopped; returns those that may go on."""
        key, begun = self._keys[name], self.now
        while True:
            behind = [site for site in self.SITES if key.applied[site] < revision]
            cuts = [self._cut(site) for site in behind]
            if all(cut is not None and self.now >= max(begun, cut[0]) + LEASE for cut in cuts):
                break
            yield MS // 2
        if self.plan.rule == "stop":
            return []
        named = [(site, self._cut(site)[0] + ISOLATION) for site in behind]
        return [{"site": site, "until_ns": until} for site, until in named if until >= self.now]

    def _sign(self, client: str, site: str, key: str) -> Iterator[int]:
        start = self.now
        yield self._some_time()
        fields = {"client": client, "site": site, "op": "sign", "key": key}
        state, version, _ = self._keys[key].log[self._keys[key].applied[site]]
        cut = self._cut(site)
        goes_on = LEASE if self.plan.rule == "stop" else ISOLATION
        stopped = cut is not None and self.now > cut[0] + goes_on
        yield self._some_time()
        if stopped:
            self._record(start, **fields, outcome="refused", code="unavailable")
        elif state == "enabled":
            self._record(start, **fields, outcome="ok", version=version, verified=True)
        else:
            self._record(start, **fields, outcome="refused", code="failed_precondition", state="disabled")

    def _read(self, client: str, site: str, key: str, final: bool = False) -> Iterator[int]:
        start = self.now
        yield self._some_time()
        log = self._keys[key].log
        (state, version, policy), revision = log[-1], len(log) - 1
        cut = self._cut(site)
        yield self._some_time()
        fields = {"client": client, "site": site, "op": "get", "key": key, "final": final}
        if cut:
            self._record(start, **fields, outcome="unknown")
        else:
            self._record(start, **fields, outcome="ok", state=state, version=version, revision=revision, policy=policy)
