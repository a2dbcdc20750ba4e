"""Recovery from the loss of places, each on a pair of its own."""

import json
import os
import shutil
import unittest
from pathlib import Path

from bench_sites import faults
from bench_sites.site import Site
from support.recovery import Recovery


class ALostSite(Recovery):
    def test_a_site_is_lost_for_ever(self):
        self.api_of("a").create_key("outlives-a-site")
        # What runs changes its files while they are copied, and leaves a copy that was never on the disk.
        self.site("b").kill()
        lost = self.set_aside("b")
        self.lose("b")
        with self.section("A site is lost for ever"):
            self.steps("b", "agent", "a", "b", "operator")
        self.assert_all_sign("outlives-a-site")
        self.the_lost_one_is_shut_out(lost)

    def the_lost_one_is_shut_out(self, lost: Path) -> None:
        self.put_back("b", lost)
        site = self.site("b")
        site.start(wait=False)
        self.until("the lost one hears that it is shut out", lambda: "it is fenced" in site.not_ready(),
                   patience_seconds=90)
        self.is_fenced(site)
        # It has nobody to tell it so when it starts again.
        site.kill()
        faults.partition(self.bench, ["b"])
        end_of_log = site.files.log.stat().st_size
        site.start(wait=False)
        self.until("it remembers", lambda: "it is fenced" in site.not_ready())
        faults.heal(self.bench, [])
        self.assertIn("it is fenced", site.files.log.read_text()[end_of_log:])
        self.is_fenced(site)

    def is_fenced(self, site: Site) -> None:
        self.assertFalse(self.signs("b", "outlives-a-site"))
        answers = json.loads(self.twinseal("pair", "status", "--output", "json"))["sites"]
        [pair] = [answer["pair"] for answer in answers if answer["pair"] and answer["pair"]["site"] == "b"]
        self.assertEqual("fenced", pair["phase"])
        self.assertIn("another appliance has taken this one's place", pair["detail"])
        refused = self.twinseal("pair", "recover", "b", "--yes-recover", "b", status=1,
                                TWINSEAL_ENDPOINTS=self.bench.api_address("b"))
        self.assertIn("it is fenced", refused)


class ALostAgent(Recovery):
    def test_the_agent_is_lost(self):
        agent = self.bench.agent()
        with self.section("The agent is lost"):
            self.step("agent")
            agent.kill()
            shutil.rmtree(agent.files.data)
            self.steps("agent", "operator")
        # Its vote counts.
        self.site("b").kill()
        self.until("site a accepts changes", lambda: bool(self.api_of("a").create_key("with-the-agent")))


class AMajorityLost(Recovery):
    def test_two_of_the_three_places_are_lost(self):
        self.api_of("a").create_key("outlives-two-places")
        self.lose("b")
        self.bench.agent().kill()
        with self.section("Two of the three places are lost"):
            self.step("operator", name="a")
            self.step("operator")
        self.api_of("a").sign("outlives-two-places", os.urandom(32))


class BothSitesLost(Recovery):
    def test_both_sites_are_lost(self):
        self.api_of("a").create_key("outlives-both")
        self.site("a").stop()
        backup = self.set_aside("a")
        self.site("a").start()
        self.lose("a")
        self.lose("b")
        self.bench.agent().kill()
        self.put_back("a", backup)
        with self.section("Both sites are lost"):
            self.step("a")
            self.step("operator", name="a")
        self.api_of("a").sign("outlives-both", os.urandom(32))


class TakenApart(Recovery):
    def test_a_site_leaves_the_pair(self):
        self.api_of("a").create_key("outlives-the-pair")
        with self.section("A site leaves the pair"):
            self.step("operator")
        self.api_of("a").sign("outlives-the-pair", os.urandom(32))
        self.assertFalse(self.signs("b", "outlives-the-pair"))


class TogetherAgain(Recovery):
    def test_a_pair_again(self):
        self.api_of("a").create_key("outlives-two-pairs")
        self.twinseal("pair", "leave", "a")
        self.lose("b")
        with self.section("A pair again"):
            self.steps("b", "agent", "a", "b", "operator")
        self.assert_all_sign("outlives-two-pairs")


if __name__ == "__main__":
    unittest.main()
