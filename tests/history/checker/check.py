"""The whole check of a history."""

from .changes import Change, check_answers, check_request_ids, collect_changes
from .facts import KeyFacts
from .operations import History, Operation
from .orders import Node
from .promises import Promises, check_barrier, check_isolation
from .proof import made_by, prove
from .violations import Violation


def check_history(history: History, final_reads: bool = True) -> list[Violation]:
    """Every broken promise. HistoryError when the lines contradict what a recorder can have seen."""
    check_request_ids(history.operations)
    keys: dict[str, list[Operation]] = {}
    for one in history.operations:
        keys.setdefault(one.key, []).append(one)
    found = []
    for key, operations in keys.items():
        found += check_key(key, operations)
        if final_reads:
            found += _check_final_reads(key, operations, history.sites)
    return found


def check_key(key: str, operations: list[Operation]) -> list[Violation]:
    changes = collect_changes(operations)
    found = check_answers(key, changes)
    if not any(one.outcome == "ok" for one in operations):
        return found  # Nobody ever saw the key.
    facts = KeyFacts(key, operations, changes)
    found += facts.violations
    signatures = [one for one in facts.views if one.op == "sign" and one.outcome == "ok"]
    barrier = check_barrier(key, changes, signatures)
    proof = prove(facts, Promises(changes))
    told = {one.id for violation in proof.violations if violation.kind == "barrier" for one in violation.operations}
    found += [violation for violation in barrier if violation.operations[1].id not in told]
    return found + proof.violations + check_isolation(key, changes, _isolation_rules(proof.path, facts))


def _isolation_rules(path: dict[int, Node], facts: KeyFacts) -> dict[int, str | None]:
    """The key's rule at each revision, None where it is not known."""
    rules: dict[int, str | None] = {}
    for revision in sorted(path):
        op = made_by(path[revision - 1], path[revision]) if revision - 1 in path else "policy"
        if op in ("create", "policy"):
            rules[revision] = _only_rule([one for one in facts.answered.get(revision, ()) if one.op == op])
        else:
            rules[revision] = rules.get(revision - 1)
    return rules


def _only_rule(makers: list[Change]) -> str | None:
    rules = {one.isolation for one in makers}
    return rules.pop() if len(rules) == 1 else None


def _check_final_reads(key: str, operations: list[Operation], sites: list[str]) -> list[Violation]:
    """That every site was asked at the end; what it answered is checked with all the other reads."""
    changes = [one for one in operations if one.is_change and one.outcome == "ok"]
    if not changes and not any(one.outcome == "ok" for one in operations):
        return []
    ended = max((one.end for one in operations if not one.final and one.outcome != "unknown"), default=0)
    final = [one for one in operations if one.final]
    early = "a read that is marked final was started before other operations had ended"
    found = [Violation("unread", key, early, [one]) for one in final if one.start < ended]
    for site in sites:
        if not any(one.site == site and one.outcome == "ok" for one in final):
            failed = [one for one in final if one.site == site]
            missing = changes and any(one.code == "not_found" for one in failed)
            found.append(Violation("lost" if missing else "unread", key,
                                   f"site {site} {'does not know the key' if missing else 'gave no final read'}",
                                   (changes[:1] if missing else []) + failed))
    return found
