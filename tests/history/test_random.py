"""Simulated pairs: what they do must pass, and the same spoilt in one place must not."""

import json
import random
import time
import unittest

from checker.check import check_history, check_key
from checker.operations import NEVER, History, HistoryError, Operation, read_history
from checker.violations import Violation
from reference import is_right
from simulation import MS, Plan, Simulation
from story import check

CUTS = {"a": [(60 * MS, 500 * MS)], "b": [(600 * MS, 700 * MS)]}
BIG_SECONDS = 40  # Of the processor; it takes some 3.


def _describe(violations: list[Violation]) -> str:
    return "\n".join(line for one in violations[:3] for line in one.lines(0))


def _read(lines: list[dict]) -> History:
    return read_history((f"line {number}", json.dumps(line)) for number, line in enumerate(lines, start=1))


class RightHistories(unittest.TestCase):
    def check_plans(self, **plan) -> None:
        for seed in range(25):
            found = check(Simulation(Plan(seed, **plan)).run())
            self.assertEqual([], found, f"seed {seed}: {_describe(found)}")

    def test_without_faults(self):
        self.check_plans(lost_answers=0)

    def test_with_cuts_and_keys_that_go_on(self):
        self.check_plans(cuts=CUTS, rule="continue")

    def test_with_cuts_and_keys_that_stop(self):
        self.check_plans(cuts=CUTS, rule="stop")

    def test_with_many_answers_lost_for_good(self):
        self.check_plans(lost_answers=0.5, give_up=0.5, rotations=0.3, keys=1)

    def test_with_policies_and_many_clients(self):
        self.check_plans(policies=0.3, changers=6, signers=10, cuts=CUTS)


class Spoilt:
    """One right history in which every change was answered at last, and ways to spoil it. Each spoils `lines` and
    says whether it could."""

    def __init__(self, seed: int):
        self.lines = Simulation(Plan(seed, give_up=0, rotations=0.2, cuts=CUTS)).run()
        self.random = random.Random(seed)

    def ok(self, *ops: str) -> list[dict]:
        return [line for line in self.lines if line["op"] in ops and line["outcome"] == "ok"]

    def add(self, like: dict, **fields) -> None:
        self.lines.append(like | {"id": len(self.lines)} | fields)

    def add_signature(self, key: str, site: str, version: int, start: int) -> None:
        self.add({"client": "intruder", "op": "sign", "key": key, "site": site, "version": version, "verified": True,
                  "start_ns": start, "end_ns": start + 1, "outcome": "ok"})

    def sign_after_disable(self) -> bool:
        for disable in self.ok("disable"):
            later = [line["start_ns"] for line in self.lines if line["op"] == "enable" and line["key"] == disable["key"]
                     and (line["end_ns"] or NEVER) >= disable["start_ns"]]
            until = {one["site"]: one["until_ns"] for one in disable["uninformed_sites"]}
            site = self.random.choice("ab")
            start = max(disable["end_ns"], until.get(site, 0)) + 1
            if disable["revision"] == self.newest_before(disable) and min(later, default=NEVER) > start + 1:
                self.add_signature(disable["key"], site, disable["version"], start)
                return True
        return False

    def newest_before(self, answer: dict) -> int:
        """The newest revision that can have been when the answer came."""
        return max(line["revision"] for line in self.ok("create", "enable", "disable", "rotate", "get")
                   if line["key"] == answer["key"] and line["start_ns"] <= answer["end_ns"])

    def sign_by_old_version(self) -> bool:
        rotations = [line for line in self.ok("rotate") if not line["uninformed_sites"]]
        if rotations:
            last = rotations[-1]
            self.add_signature(last["key"], "a", last["version"] - 1, last["end_ns"] + 1)
        return bool(rotations)

    def sign_by_version_of_nobody(self) -> bool:
        self.ok("sign")[-1]["version"] += 50
        return True

    def lose_a_change_at_one_site(self) -> bool:
        last = self.ok("get")[-1]
        last["revision"] -= 1
        before = [line for line in self.ok("create", "enable", "disable", "rotate", "get")
                  if line["key"] == last["key"] and line["revision"] == last["revision"]]
        if before:
            last["state"], last["version"] = before[0]["state"], before[0]["version"]
        return True

    def change_without_asking(self) -> bool:
        """All attempts at a change that counted vanish from the history, but not what it did."""
        revisions = [line["revision"] for line in self.ok("create", "disable", "enable", "rotate")
                     if line["key"] == "k0"]
        for line in self.ok("rotate", "disable", "enable"):
            if line["key"] == "k0" and (line["op"] == "rotate" or revisions.count(line["revision"]) == 1):
                self.lines = [one for one in self.lines if one.get("request_id") != line["request_id"]]
                return True
        return False

    def answer_a_request_in_two_ways(self) -> bool:
        one = self.random.choice(self.ok("enable", "disable"))
        self.add(one, revision=one["revision"] + 1)
        return True

    def apply_a_request_twice(self) -> bool:
        """A rotation's late double: everything that was seen after it is one version and one revision on."""
        rotation = self.random.choice(self.ok("rotate") or [None])
        if rotation is None:
            return False
        seen = [line for line in self.ok("enable", "disable", "rotate", "get")
                if line["key"] == rotation["key"] and line["revision"] > rotation["revision"]]
        for line in seen:
            line["revision"] += 1
            line["version"] += 1
        return bool(seen)

    def read_what_was(self) -> bool:
        created = self.ok("create")[0]
        changed = [line for line in self.ok("enable", "disable", "rotate") if line["key"] == created["key"]]
        self.add(created, op="get", revision=1, state="enabled", version=1, start_ns=changed[-1]["end_ns"] + 1,
                 end_ns=changed[-1]["end_ns"] + 2)
        return changed[-1]["revision"] > 1

    def read_what_will_be(self) -> bool:
        last = [line for line in self.ok("enable", "disable", "rotate") if line["key"] == "k1"][-1]
        makers = [line for line in self.lines if line["op"] == last["op"] and line["key"] == "k1"
                  and line.get("revision", last["revision"]) == last["revision"]]
        begun = min(line["start_ns"] for line in makers)
        self.add(last, op="get", start_ns=begun - 2, end_ns=begun - 1)
        return last["revision"] > 1


class WrongHistories(unittest.TestCase):
    def check_spoilt(self, way: str, *kinds: str) -> None:
        spoilt = 0
        for seed in range(12):
            one = Spoilt(seed)
            if getattr(one, way)():
                spoilt += 1
                found = {violation.kind for violation in check(one.lines)}
                self.assertTrue(found & set(kinds), f"seed {seed}: {found}")
        self.assertGreater(spoilt, 3)

    def test_a_signature_after_a_disable(self):
        self.check_spoilt("sign_after_disable", "barrier")

    def test_a_signature_by_an_old_version(self):
        self.check_spoilt("sign_by_old_version", "old-version", "barrier")

    def test_a_signature_by_a_version_of_nobody(self):
        self.check_spoilt("sign_by_version_of_nobody", "unaccounted")

    def test_a_lost_change(self):
        self.check_spoilt("lose_a_change_at_one_site", "lost", "stale")

    def test_a_change_that_nobody_asked_for(self):
        self.check_spoilt("change_without_asking", "unaccounted")

    def test_two_answers_to_one_request(self):
        self.check_spoilt("answer_a_request_in_two_ways", "twice")

    def test_a_request_that_took_effect_twice(self):
        self.check_spoilt("apply_a_request_twice", "unaccounted")

    def test_a_read_of_what_was(self):
        self.check_spoilt("read_what_was", "stale")

    def test_a_read_of_what_will_be(self):
        self.check_spoilt("read_what_will_be", "early", "unaccounted", "stale")


class AgainstTheReference(unittest.TestCase):
    """Small histories, most of them spoilt at random: the checker says what trying every order says."""

    def test_the_verdicts_are_the_same(self):
        verdicts = {True: 0, False: 0}
        for seed in range(500):
            operations = _small_history(random.Random(seed))
            if operations is None:
                continue
            right = is_right(operations)
            found = check_key("k0", operations)
            self.assertEqual(right, not found, f"seed {seed}: {_describe(found)}")
            verdicts[right] += 1
        self.assertGreater(min(verdicts.values()), 40, verdicts)


def _small_history(chance: random.Random) -> list[Operation] | None:
    """Nothing when the spoiling left no history, or one too large to try every order of."""
    plan = Plan(chance.randrange(10**6), changes=chance.choice((3, 4, 5)), signatures=chance.choice((2, 4, 6)),
                reads=chance.choice((0, 1, 2)), keys=1, changers=chance.choice((1, 2)), signers=2,
                lost_answers=chance.choice((0, 0.2, 0.5)), rotations=chance.choice((0, 0.3)),
                policies=chance.choice((0, 0.4)), rule=chance.choice(("stop", "continue")))
    if chance.random() < 0.4:
        plan.cuts = {chance.choice("ab"): [(8 * MS, chance.choice((18, 68, 508)) * MS)]}
    lines = [line for line in Simulation(plan).run() if not line.get("final") or chance.random() < 0.3]
    for _ in range(chance.choice((0, 1, 1, 2))):
        _spoil(lines, chance)
    if sum(line["op"] not in ("sign", "get") for line in lines) > 8:
        return None
    try:
        operations = _read(lines).operations
    except HistoryError:
        return None
    return operations if any(one.op == "create" for one in operations) else None


def _spoil(lines: list[dict], chance: random.Random) -> None:
    line = chance.choice(lines)
    way = chance.choice(("time", "time", "version", "revision", "state", "unknown", "vanish"))
    if way == "time":
        shift = chance.randint(-15 * MS, 15 * MS)
        line["start_ns"] += shift
        line["end_ns"] = line["end_ns"] and line["end_ns"] + shift
    elif way == "unknown" and "request_id" in line:
        line["outcome"] = "unknown"
    elif way == "vanish":
        lines.remove(line)
    elif line["outcome"] == "ok" and way in line and "request_id" not in line:
        other = {"enabled": "disabled", "disabled": "enabled"}
        line[way] = other[line[way]] if way == "state" else max(1, line[way] + chance.choice((-1, 1)))


class Speed(unittest.TestCase):
    def test_10_000_toggles_and_100_000_signatures(self):
        cuts = {"a": [(second * 1000 * MS, (second * 1000 + 300) * MS) for second in range(1, 60)]}
        lines = Simulation(Plan(1, changes=10_000, signatures=100_000, reads=2_000, keys=1, signers=8,
                                lost_answers=0.05, rotations=0.01, cuts=cuts)).run()
        history = _read(lines)
        begun = time.process_time()
        found = check_history(history)
        self.assertEqual([], found, _describe(found))
        self.assertLess(time.process_time() - begun, BIG_SECONDS)


if __name__ == "__main__":
    unittest.main()
