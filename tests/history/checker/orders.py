"""Which orders of a key's changes are possible.

Acknowledged changes and reads tell the revision they saw, so most of the order is known. Between two known revisions
lie those that only changes without an answer can have made. Layer by layer, one a revision, the states that the key
can have had are worked out, each with how many unanswered changes of each kind were used up to get there.

An unanswered change can have made a revision only when it was invoked before anybody saw that revision. `latest` says
by when that was, and never falls from one revision to the next, so whichever could have made a revision can also have
made each later one: counting those used is enough, and which of them made which need not be tried."""

from bisect import bisect_right
from typing import Iterator, NamedTuple

from .changes import Change
from .facts import ABSENT, KeyFacts
from .operations import NEVER, Operation
from .violations import Violation

# These make a revision of their own whenever they take effect; the others may find that there is nothing to change.
ALWAYS_COUNTED = ("create", "rotate")

Limits = dict[int, tuple[float, Operation | None]]


class Node(NamedTuple):
    """The key at one revision; `used` counts the open changes of each class of Pool."""
    state: str
    version: int
    policy: str | None
    used: tuple


class Pool:
    """The changes that were not answered, by what they do."""

    def __init__(self, changes: list[Change]):
        self.classes = sorted({(one.op, one.policy) for one in changes}, key=str)
        self.starts = [sorted(one.start for one in changes if (one.op, one.policy) == kind) for kind in self.classes]

    def options(self, op: str, used: tuple, latest: float):
        """(what the change's policy is, what is used up then) for each class that has one left, invoked in time."""
        for index, (kind, policy) in enumerate(self.classes):
            if kind == op and bisect_right(self.starts[index], latest) > used[index]:
                yield policy, used[:index] + (used[index] + 1,) + used[index + 1:]

    def nothing_used(self) -> tuple:
        return (0,) * len(self.classes)

    def size(self) -> int:
        return sum(len(starts) for starts in self.starts)


def latest_times(evidence: list[tuple[int, float, Operation]], last: int) -> Limits:
    """For each revision the time by which somebody had seen it or a later one, and who: (NEVER, None) if nobody."""
    seen: Limits = {}
    for revision, end, one in evidence:
        if end < seen.get(revision, (NEVER, None))[0]:
            seen[revision] = (end, one)
    limits: Limits = {}
    limit: tuple[float, Operation | None] = (NEVER, None)
    for revision in range(max(seen, default=last), -1, -1):
        here = seen.get(revision)
        if here is not None and here[0] < limit[0]:
            limit = here
        limits[revision] = limit
    return limits


class Orders:
    """The layers: which nodes each revision of a key can be, from facts.base to `last`, with their predecessors."""

    def __init__(self, facts: KeyFacts, limits: Limits, last: int):
        self.facts = facts
        self.pool = Pool(facts.open)
        self.limits = limits
        self.violations: list[Violation] = []
        self.layers: dict[int, dict[Node, list[Node]]] = {facts.base: {self._first_node(): []}}
        self._build(last)
        self.last = max(self.layers)

    def _first_node(self) -> Node:
        fact = self.facts.at.get(self.facts.base)
        if fact is None:
            return Node(ABSENT, 0, None, self.pool.nothing_used())
        return Node(fact.state, fact.version, fact.policy, self.pool.nothing_used())

    def _build(self, last: int) -> None:
        revision = self.facts.base
        while revision < last:
            revision += 1
            layer = self._layer(revision)
            if layer:
                self.layers[revision] = layer
            elif revision > self.facts.last:
                return  # Beyond what anybody saw: no more changes are left to be placed there.
            else:
                revision = self._restart(revision)

    def _layer(self, revision: int) -> dict[Node, list[Node]]:
        layer: dict[Node, list[Node]] = {}
        fact = self.facts.at.get(revision)
        for before in self.layers[revision - 1]:
            for state, version, policy, used in self._next(before, revision):
                if fact is not None:
                    if not fact.allows(state, version, policy):
                        continue
                    policy = policy if policy is not None else fact.policy
                layer.setdefault(Node(state, version, policy, used), []).append(before)
        return layer

    def _next(self, before: Node, revision: int):
        """What can follow, as (state, version, policy, used)."""
        answered: dict[str, list[Change]] = {}
        for change in self.facts.answered.get(revision, ()):
            answered.setdefault(change.op, []).append(change)
        if before.state == ABSENT:
            for policy, used in self._makers("create", answered, before, revision):
                yield "enabled", 1, policy, used
            return
        if "create" in answered:
            return
        for _, used in self._makers("rotate", answered, before, revision):
            yield before.state, before.version + 1, before.policy, used
        if "rotate" in answered:
            return  # A rotation always makes a revision of its own.
        toggle, state = ("disable", "disabled") if before.state == "enabled" else ("enable", "enabled")
        for _, used in self._makers(toggle, answered, before, revision):
            yield state, before.version, before.policy, used
        for policy, used in self._makers("policy", answered, before, revision):
            if policy is None or policy != before.policy:
                yield before.state, before.version, policy, used

    def _makers(self, op: str, answered: dict[str, list[Change]], before: Node, revision: int):
        latest = self.limits.get(revision, (NEVER, None))[0]
        policies = {change.policy for change in answered.get(op, ()) if change.start <= latest or op in ALWAYS_COUNTED}
        for policy in policies:
            yield policy, before.used
        if not policies or op == "policy":
            for policy, used in self.pool.options(op, before.used, latest):
                if policy not in policies:
                    policies.add(policy)
                    yield policy, used
        if not policies:
            # Seen before it was invoked. Somebody made it all the same; `proof` tells.
            for policy in {change.policy for change in answered.get(op, ())}:
                yield policy, before.used

    def _restart(self, revision: int) -> int:
        """Tells that nothing can have made `revision`, and goes on at the next one that is known."""
        known = min(one for one in self.facts.at if one >= revision)
        fact = self.facts.at[known]
        before = max(one for one in self.layers if one < revision)
        self.violations.append(self._unaccounted(before, known))
        used = max((node.used for node in self.layers[before]), key=sum)
        for gap in range(before + 1, known):
            self.layers[gap] = {}
        self.layers[known] = {Node(fact.state, fact.version, fact.policy, used): []}
        return known

    def _unaccounted(self, before: int, known: int) -> Violation:
        fact, latest = self.facts.at[known], self.limits.get(known, (NEVER, None))
        node = next(iter(self.layers[before]))
        answered = [change.answered for change in self.facts.answered.get(known, ())]
        shown = [fact.shown_by] + [one for one in answered if one is not fact.shown_by]
        if latest[1] is not None:
            shown.append(latest[1])
        earlier = self.facts.at.get(before)
        steps = known - before
        made = ("no change that was invoked in time did that" if steps == 1
                else f"no {steps} changes that were invoked in time lead there")
        text = (f"revision {before} was {node.state}, version {node.version}, and revision {known} is {fact.state}, "
                f"version {fact.version}: {made}")
        return Violation("unaccounted", self.facts.key, text, ([earlier.shown_by] if earlier else []) + shown)

    def possible(self) -> dict[int, list[Node]]:
        """Each revision's nodes from which the last known revision can be reached."""
        kept: dict[int, list[Node]] = {}
        alive: set[Node] = set()
        for revision in range(self.last, self.facts.base - 1, -1):
            layer = self.layers[revision]
            whole = revision >= self.facts.last or not self.layers[revision + 1] or self._restarts(revision + 1)
            nodes = list(layer) if whole else [node for node in layer if node in alive]
            kept[revision] = nodes
            alive = {before for node in nodes for before in layer[node]}
        return kept

    def _restarts(self, revision: int) -> bool:
        return not any(self.layers[revision].values())

    def path(self, wanted: dict[tuple[int, str, int], int]) -> dict[int, Node]:
        """One order: of all, one with the most weight of (revision, state, version) that are wanted."""
        possible = self.possible()
        best: dict[tuple[int, Node], tuple[int, Node | None]] = {}
        for revision in range(self.facts.base, self.last + 1):
            for node in possible[revision]:
                gain = wanted.get((revision, node.state, node.version), 0)
                before = [(best[revision - 1, one][0], one) for one in self.layers[revision][node]
                          if (revision - 1, one) in best]
                weight, one = max(before, key=lambda pair: pair[0], default=(0, None))
                best[revision, node] = (weight + gain, one)
        return self._trace(best, possible)

    def _trace(self, best: dict, possible: dict[int, list[Node]]) -> dict[int, Node]:
        path: dict[int, Node] = {}
        # Beyond the last known revision the order may end anywhere.
        ends = [(best[revision, node][0], -revision, node) for revision in range(self.facts.last, self.last + 1)
                for node in possible[revision]]
        node: Node | None = None
        revision = self.last
        if ends:
            _, negative, node = max(ends, key=lambda one: one[:2])
            revision = -negative
        while revision >= self.facts.base:
            if node is None and possible.get(revision):
                node = max(possible[revision], key=lambda one: best[revision, one][0])
            if node is not None:
                path[revision] = node
                node = best[revision, node][1]
            revision -= 1
        return path

    def detours(self, path: dict[int, Node]) -> Iterator[dict[int, Node]]:
        """Other orders: each as `path` but for one run of revisions that can have had several."""
        possible = self.possible()
        open_ones = [revision for revision in sorted(path) if len(possible[revision]) > 1]
        while open_ones:
            first = last = open_ones.pop(0)
            while open_ones and open_ones[0] == last + 1:
                last = open_ones.pop(0)
            for run in self._runs(path, possible, first, last):
                yield path | run

    def _runs(self, path: dict[int, Node], possible: dict, first: int, last: int) -> Iterator[dict[int, Node]]:
        """All ways from the node before `first` to the one after `last`; depth first, from behind."""
        ends = [path[last + 1]] if last + 1 in path else []
        stack: list[tuple[int, Node, dict[int, Node]]] = [(last + 1, node, {}) for node in ends]
        stack += [(last, node, {last: node}) for node in possible[last] if not ends]
        while stack:
            revision, node, run = stack.pop()
            if revision == first:
                if path.get(first - 1) in self.layers[first][node]:
                    yield run
                continue
            stack += [(revision - 1, before, run | {revision - 1: before}) for before in self.layers[revision][node]
                      if before in possible[revision - 1]]
