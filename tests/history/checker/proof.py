"""Whether there is an order of one key's changes that explains all that was seen of it.

Think of the moments at which the revisions were made. Each reading of a revision says that this moment was before the
reading ended, and each reading of the one before, that it was after that reading started; each change, that what it
made was made after it was invoked. With every moment as late as the first bounds let it be, the others hold if they can
hold at all."""

from dataclasses import dataclass

from .facts import ABSENT, KeyFacts
from .operations import NEVER, Operation
from .orders import ALWAYS_COUNTED, Limits, Node, Orders, Pool, latest_times
from .promises import Promises
from .views import Floors, Placed, Positions, Views, shows
from .violations import Violation

# How many orders of unanswered changes are tried before the history counts as unproven.
MAX_ATTEMPTS = 8
MAX_DETOURS = 200
MAX_DETOUR_READINGS = 2_000_000  # Of all detours together: some 20 seconds.
# How many changes without an answer may come after the newest revision that anybody saw, for what signatures show.
MAX_UNSEEN = 40


@dataclass
class Proof:
    """`path` is the order that was found, as far as there is one."""
    violations: list[Violation]
    path: dict[int, Node]


def prove(facts: KeyFacts, promises: Promises) -> Proof:
    return _Prover(facts, promises).run()


def made_by(before: Node, after: Node) -> str:
    """Which operation leads from one to the other."""
    if before.state == ABSENT:
        return "create"
    if before.version != after.version:
        return "rotate"
    if before.state != after.state:
        return "enable" if after.state == "enabled" else "disable"
    return "policy"


class Wishes:
    """What single readings want of an order where several are possible: one of some (revision, state, version)."""

    def __init__(self, possible: dict[int, list[Node]], floors: Floors, last: int, placed: Placed):
        self._weight: dict[frozenset, int] = {}
        self._of: dict[str, frozenset] = {}
        for first, _, one in placed.evidence:
            if len(possible[first]) < 2 and first <= last:
                continue
            wish, certain = _wish(one, first, possible, floors, last)
            self._of[one.id] = wish
            self._weight[wish] = max(self._weight.get(wish, 0), 0 if certain else 1)

    def weights(self) -> dict[tuple[int, str, int], int]:
        weights: dict[tuple[int, str, int], int] = {}
        for wish, weight in self._weight.items():
            for one in wish:
                weights[one] = weights.get(one, 0) + weight
        return weights

    def insist(self, readings: list[Operation]) -> None:
        for wish in {self._of[one.id] for one in readings if one.id in self._of}:
            self._weight[wish] = 2 * self._weight[wish] + 1


def _wish(one: Operation, first: int, possible: dict[int, list[Node]], floors: Floors, last: int
          ) -> tuple[frozenset, bool]:
    """All that it can be a reading of, before the first that every order has; whether there is such a one."""
    wish = []
    revision = first
    while revision in possible and floors[revision][0] <= one.end:
        fitting = {(node.state, node.version) for node in possible[revision] if shows(one, node.state, node.version)}
        if revision <= last and len(fitting) == len({node[:2] for node in possible[revision]}) > 0:
            return frozenset(wish), True
        wish += [(revision, *state) for state in fitting]
        revision += 1
    return frozenset(wish), False


class _Prover:
    def __init__(self, facts: KeyFacts, promises: Promises):
        self._facts = facts
        self._views = Views(facts, promises)
        self._seen = [(revision, end, one) for one, revision, _, end in facts.reads]
        self._seen += [(one.revision, one.end, one) for one in facts.views if one.revision is not None]

    def run(self) -> Proof:
        orders, possible, placed = self._settle(self._facts.last)
        if placed.violations and orders.pool.size():
            further = self._settle(self._facts.last + min(orders.pool.size(), MAX_UNSEEN))
            if len(further[2].violations) <= len(placed.violations):
                orders, possible, placed = further
        found = orders.violations + placed.violations
        known = {one.id for one in placed.refuted}
        if orders.last == self._facts.last and all(len(nodes) <= 1 for nodes in possible.values()):
            path = orders.path({})
            return Proof(found + self._explain(orders, path, known)[0], path)
        return self._search(orders, Wishes(possible, self._floors(orders, possible), self._facts.last, placed), found,
                            known)

    def _settle(self, last: int) -> tuple[Orders, dict[int, list[Node]], Placed]:
        """Possible orders, narrowed until what the views show narrows them no more."""
        limits = latest_times(self._seen, last)
        while True:
            orders = Orders(self._facts, limits, last)
            possible = orders.possible()
            placed = self._place(possible, self._floors(orders, possible))
            if orders.pool.size() == 0:
                return orders, possible, placed
            tighter = latest_times(self._seen + placed.evidence, last)
            if tighter == limits:
                return orders, possible, placed
            if Orders(self._facts, tighter, last).violations != [] and not orders.violations:
                return orders, possible, placed  # Told better by what is tried next.
            limits = tighter

    def _place(self, possible: dict[int, list[Node]], floors: Floors) -> Placed:
        states = {revision: {(node.state, node.version) for node in nodes} for revision, nodes in possible.items()}
        return self._views.place(Positions(states), floors)

    def _search(self, orders: Orders, wishes: Wishes, found: list[Violation], known: set[str]) -> Proof:
        """Tries one order after the other; what one leaves unexplained weighs more in the choice of the next."""
        best: dict[int, Node] = {}
        fewest: list[Violation] = []
        for _ in range(MAX_ATTEMPTS):
            path = orders.path(wishes.weights())
            left, blamed = self._explain(orders, path, known)
            if not left:
                return Proof(found, path)
            if not best or len(left) < len(fewest):
                best, fewest = path, left
            wishes.insist(blamed)
        best, fewest = self._improve(orders, best, fewest, known)
        if not fewest:
            return Proof(found, best)
        shown = [one for violation in fewest for one in violation.operations]
        text = f"the closest one leaves: {fewest[0].kind}: {fewest[0].text}"
        return Proof(found + [Violation("unproven", self._facts.key, text, shown)], best)

    def _improve(self, orders: Orders, best: dict[int, Node], fewest: list[Violation], known: set[str]
                 ) -> tuple[dict[int, Node], list[Violation]]:
        """Changes one run of revisions at a time for as long as that explains more."""
        readings = len(self._facts.reads) + len(self._facts.views)
        tries = iter(range(min(MAX_DETOURS, MAX_DETOUR_READINGS // readings + 1)))
        better = True
        while better and fewest:
            better = False
            for path in orders.detours(best):
                if next(tries, None) is None:
                    return best, fewest
                left, _ = self._explain(orders, path, known)
                if len(left) < len(fewest):
                    best, fewest, better = path, left, True
                    break
        return best, fewest

    def _floors(self, orders: Orders, possible: dict[int, list[Node]]) -> Floors:
        edges = {revision: {made_by(before, node) for node in nodes for before in orders.layers[revision][node]}
                 for revision, nodes in possible.items()}
        return self._earliest(orders.pool, edges)

    def _earliest(self, pool: Pool, edges: dict[int, set[str]]) -> Floors:
        """For each revision the earliest time at which it can have been invoked, and what shows that."""
        floors: Floors = {}
        newest: tuple[float, Operation | None] = (-NEVER, None)
        for revision in sorted(edges):
            if edges[revision]:
                makers = [self._first_maker(pool, op, revision) for op in edges[revision]]
                newest = max(newest, min(makers, key=lambda one: one[0]), key=lambda one: one[0])
            floors[revision] = newest
        return floors

    def _first_maker(self, pool: Pool, op: str, revision: int) -> tuple[float, Operation | None]:
        answered = [(change.start, change.answered) for change in self._facts.answered.get(revision, ())
                    if change.op == op]
        if answered and op in ALWAYS_COUNTED:
            return answered[0]
        open_ones = [(starts[0], None) for (kind, _), starts in zip(pool.classes, pool.starts) if kind == op]
        return min(answered + open_ones, key=lambda one: one[0], default=(-NEVER, None))

    def _explain(self, orders: Orders, path: dict[int, Node], known: set[str]
                 ) -> tuple[list[Violation], list[Operation]]:
        """What this one order leaves unexplained besides what is known, and the readings it is about."""
        pool = orders.pool
        edges = {revision: {made_by(path[revision - 1], node)}
                 if path.get(revision - 1) in orders.layers[revision][node] else set()
                 for revision, node in path.items()}
        floors = self._earliest(pool, edges)
        placed = self._place({revision: [node] for revision, node in path.items()}, floors)
        new = [(violation, one) for violation, one in zip(placed.violations, placed.refuted) if one.id not in known]
        limits = latest_times(self._seen + placed.evidence, max(path, default=self._facts.last))
        late, blamed = self._check_makers(pool, path, edges, limits)
        found = [violation for violation, _ in new] + late + self._check_reads(limits)
        # Those that showed too much too early are about it as well.
        return found, [one for violation, _ in new for one in violation.operations] + blamed

    def _check_makers(self, pool: Pool, path: dict[int, Node], edges: dict[int, set[str]], limits: Limits
                      ) -> tuple[list[Violation], list[Operation]]:
        used = pool.nothing_used()
        found, blamed = [], []
        for revision in sorted(edges):
            latest, seen_by = limits.get(revision, (NEVER, None))
            for op in edges[revision]:
                fitting = (None, path[revision].policy)
                answered = [one for one in self._facts.answered.get(revision, ())
                            if one.op == op and (op != "policy" or one.policy in fitting)]
                if any(one.start <= latest for one in answered):
                    continue
                left = [] if answered and op in ALWAYS_COUNTED else pool.options(op, used, latest)
                left = [after for policy, after in left if op != "policy" or policy in fitting]
                if left:
                    used = left[0]
                    continue
                shown = [one.answered for one in answered] + ([seen_by] if seen_by else [])
                found.append(Violation("early", self._facts.key, f"revision {revision} was seen before any {op} that "
                                       "can have made it was invoked", shown))
                blamed += [seen_by] if seen_by else []
        return found, blamed

    def _check_reads(self, limits: Limits) -> list[Violation]:
        found = []
        for one, revision, start, _ in self._facts.reads:
            latest, seen_by = limits.get(revision + 1, (NEVER, None))
            if start <= latest:
                continue
            lost = one.final and seen_by.is_change
            found.append(Violation("lost" if lost else "stale", self._facts.key,
                                   f"{one.id} saw revision {revision}, but {seen_by.id} had shown a later one before "
                                   "it started", [seen_by, one]))
        return found
