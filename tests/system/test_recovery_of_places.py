"""Recovery from the loss of places, each on a pair of its own."""

import os
import shutil
import unittest
from pathlib import Path

from support.recovery import Recovery


class ALostSite(Recovery):
    def test_a_site_is_lost_for_ever(self):
        self.api_of("a").create_key("outlives-a-site")
        lost = self.set_aside("b")
        self.lose("b")
        with self.section("A site is lost for ever"):
            self.steps("b", "agent", "a", "b", "operator")
        self.assert_all_sign("outlives-a-site")
        self.the_lost_one_is_shut_out(lost)

    def the_lost_one_is_shut_out(self, lost: Path) -> None:
        self.put_back("b", lost)
        site = self.site("b")
        end_of_log = site.files.log.stat().st_size
        site.start(wait=False)
        self.until("the lost one hears that it is shut out",
                   lambda: "removed from the pair's ledger" in site.files.log.read_text()[end_of_log:])
        self.assertFalse(self.signs("b", "outlives-a-site"))
        self.assertNotEqual("", site.not_ready())


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
