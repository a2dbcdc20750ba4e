"""Two sites and an agent as one service: what is made at one is there at the other, and the loss of one is survived."""

import os
import time
import unittest

from bench_sites import faults
from support.api import Api, ApiError
from support.pair import PairTest


class Pair(PairTest):
    def test_a_key_made_at_one_site_signs_at_both(self):
        for maker, other in (("a", "b"), ("b", "a")):
            name = f"made-at-{maker}"
            self.make_key(name, maker)
            pem = self.api_of(maker).call("KeyService/GetPublicKey", key=name)["publicKeyPem"]
            self.assertEqual(pem, self.api_of(other).call("KeyService/GetPublicKey", key=name)["publicKeyPem"])
            for site in "ab":
                digest = os.urandom(32)
                self.assert_verifies(pem, self.sign(site, name, digest), digest)

    def test_a_change_holds_at_the_other_site_when_it_is_acknowledged(self):
        self.make_key("barrier")
        for number in range(10):
            here, there = ("a", "b") if number % 2 else ("b", "a")
            self.change(here, "DisableKey", key="barrier")
            self.assert_does_not_sign(there, "barrier")
            self.change(there, "EnableKey", key="barrier")
            self.sign(here, "barrier")

    def test_the_same_request_takes_effect_once_wherever_it_is_asked(self):
        made = self.make_key("once", "a", requestId="the-same-request")
        again = self.make_key("once", "b", requestId="the-same-request")
        self.assertEqual(made["keyId"], again["keyId"])

    def test_the_loss_of_either_site_is_survived(self):
        self.make_key("survives")
        for lost, left in (("a", "b"), ("b", "a")):
            with self.subTest(lost=lost):
                self.site(lost).kill()
                self.sign(left, "survives")
                name = f"made-without-{lost}"
                self.make_key(name, left)
                self.site(lost).start()
                self.sign(lost, name)

    def test_the_loss_of_the_agent_is_survived(self):
        self.bench.agent().kill()
        for site in "ab":
            self.make_key(f"without-the-agent-{site}", site)
            self.sign(site, f"without-the-agent-{site}")
        self.bench.agent().start()

    def test_signing_does_not_wait_for_the_other_site(self):
        api = self.api_of("a")
        self.make_key("near")
        self.bench.network.change(lambda plan: plan.change(plan.directed([]), delay_ms=80.0))
        durations = []
        for _ in range(10):
            started = time.monotonic()
            api.sign("near", os.urandom(32))
            durations.append(time.monotonic() - started)
        started = time.monotonic()
        self.make_key("far", "b")
        change = time.monotonic() - started
        self.assertGreater(change, 0.16)  # To another place and back.
        self.assertLess(sorted(durations)[5], change)

    def test_a_policy_may_differ_at_a_site(self):
        builder = self.application("builder")
        here, there = (self.api_of(site, identity=builder) for site in "ab")
        at_b = {"site": "b", "applications": {}, "schemes": {"schemes": ["ECDSA_SHA256"]}}
        self.change("a", "CreateKey", name="differs", algorithm="EC_P384",
                    policy={"applications": ["builder"], "atSites": [at_b]})
        self.assert_named_at(here, there,
                             "at this site, 'b': the key's policy names the application at every site but b")
        self.sign("a", "differs", bytes(48))
        with self.assertRaisesRegex(ApiError, "permission_denied.*ecdsa-sha384 at this site, 'b'"):
            self.sign("b", "differs", bytes(48))
        self.until_answered("signing with the scheme of site b",
                            lambda: self.api_of("b").sign("differs", bytes(32), scheme="ECDSA_SHA256"))

        # The other way round, from when the change has returned.
        self.change("a", "SetKeyPolicy", key="differs",
                    policy={"atSites": [{"site": "b", "applications": {"names": ["builder"]}}]})
        self.assert_named_at(there, here, "at this site, 'a': the key's policy names the application at site b")
        self.change("b", "SetKeyPolicy", key="differs", policy={"applications": ["builder"]})
        for api in (here, there):
            self.until_answered("signing at each site", lambda api=api: api.sign("differs", bytes(48)))

    def assert_named_at(self, named: Api, other: Api, reason: str) -> None:
        """The application may see the key "differs" and sign with it at one site, and hears why not at the other."""
        self.until_answered("signing where it is named", lambda: named.sign("differs", bytes(48)))
        self.assertEqual(["differs"], [key["name"] for key in named.call("KeyService/ListKeys")["keys"]])
        for what, ask in {"sign with": lambda: other.sign("differs", bytes(48)),
                          "read": lambda: other.call("KeyService/GetKey", key="differs")}.items():
            with self.subTest(what), self.assertRaises(ApiError) as refused:
                self.until_answered(what, ask)
            self.assertEqual("permission_denied", refused.exception.code)
            self.assertIn(f"application/builder may not {what} this key {reason}; ask there", refused.exception.message)
        self.assertNotIn("keys", other.call("KeyService/ListKeys"))

    def test_an_isolated_site_goes_by_the_rule_that_a_key_has_there(self):
        here = self.api_of("b")
        self.make_key("stops-at-b", policy={"atSites": [{"site": "b", "isolation": "STOP"}]})
        self.make_key("goes-on-at-b", policy={"isolation": "STOP", "atSites": [
            {"site": "b", "isolation": "CONTINUE", "isolationSeconds": 3600}]})
        for key in ("stops-at-b", "goes-on-at-b"):
            self.sign("b", key)
        faults.partition(self.bench, ["b"])
        self.until("site b is isolated", lambda: self.refusal(here, "stops-at-b") == "unavailable")
        here.sign("goes-on-at-b", bytes(32))
        self.assertNotIn("uninformedSites", self.change("a", "DisableKey", key="stops-at-b"))
        disabled = self.change("a", "DisableKey", key="goes-on-at-b")
        self.assertEqual(["b"], [site["site"] for site in disabled["uninformedSites"]])

    def test_an_isolated_site_signs_what_it_may_and_sends_on_who_wants_more(self):
        here = self.api_of("a")
        self.make_key("goes-on", policy={"isolation": "CONTINUE"})
        self.make_key("stops", policy={"isolation": "STOP"})
        self.make_key("is-to-stop", policy={"isolation": "CONTINUE"})
        self.make_key("changes", policy={"isolation": "CONTINUE"})
        self.change("a", "DisableKey", key="changes")
        faults.partition(self.bench, ["a"])
        self.until("site a is isolated", lambda: self.refusal(here, "stops") == "unavailable")
        here.sign("goes-on", os.urandom(32))
        self.sign("b", "stops")
        self.make_key("made-meanwhile", "b")
        self.change("b", "EnableKey", key="changes")
        self.assertEqual("unavailable", self.refusal(here, "made-meanwhile"))
        self.assertEqual("unavailable", self.refusal(here, "changes"))
        for procedure in ("CreateKey", "GetKey", "GetPublicKey", "RotateKey", "DisableKey"):
            fields = {"name": "new", "algorithm": "EC_P256"} if procedure == "CreateKey" else {"key": "made-meanwhile"}
            with self.subTest(procedure=procedure), self.assertRaises(ApiError) as refused:
                ask = here.call if procedure.startswith("Get") else here.change
                ask(f"KeyService/{procedure}", **fields)
            self.assertEqual("unavailable", refused.exception.code)

        disabled = self.change("b", "DisableKey", key="goes-on")
        self.assertEqual(["a"], [site["site"] for site in disabled["uninformedSites"]])
        self.assertNotIn("uninformedSites", self.change("b", "DisableKey", key="stops"))
        self.assertNotIn("uninformedSites", self.change("b", "SetKeyPolicy", key="stops", policy={"isolation": "STOP"}))

        # Site a does not know that this one is to stop.
        self.change("b", "SetKeyPolicy", key="is-to-stop", policy={"isolation": "STOP"})
        for _ in range(2):
            disabled = self.change("b", "DisableKey", key="is-to-stop")
            self.assertEqual(["a"], [site["site"] for site in disabled["uninformedSites"]])
        here.sign("is-to-stop", os.urandom(32))
        faults.heal(self.bench, [])
        self.until("site a has caught up", lambda: self.refusal(here, "goes-on") == "failed_precondition")
        self.sign("a", "made-meanwhile")
        self.sign("a", "changes")

    def refusal(self, api: Api, key: str) -> str:
        """The code with which a signature is refused; empty when it is made."""
        try:
            api.sign(key, os.urandom(32))
            return ""
        except ApiError as error:
            return error.code

    def test_the_whole_pair_starts_again(self):
        self.make_key("stays")
        for place in self.bench.places():
            place.kill()
        self.bench.start_all()
        for site in "ab":
            self.sign(site, "stays")


if __name__ == "__main__":
    unittest.main()
