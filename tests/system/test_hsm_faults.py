"""The HSM fails, dawdles, hangs or takes the core down: callers get an answer, and work goes on afterwards."""

import itertools
import json
import os
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import interposer
from support.api import Api, ApiError, encoded
from support.appliance import ApplianceTest


class HsmFaults(ApplianceTest):
    token = staticmethod(interposer.token)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls("test_errors_that_pass")
        test.api().create_key("key")
        test.doCleanups()

    def setUp(self):
        self.connection = self.api(timeout=120)
        self.addCleanup(self.wait_until_it_signs)
        self.addCleanup(interposer.play, self.site.files)

    def wait_until_it_signs(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                digest = os.urandom(32)
                self.assert_verifies(self.public_pem("key"), self.api().sign("key", digest), digest)
                return
            except (ApiError, OSError):
                self.assertLess(time.monotonic(), end, "it does not sign again")
                time.sleep(0.05)

    def outcome(self) -> str:
        try:
            digest = os.urandom(32)
            signature = self.connection.sign("key", digest)
            self.assert_verifies(self.public_pem("key"), signature, digest)
            return "ok"
        except ApiError as refused:
            return refused.code

    def test_errors_that_pass(self):
        errors = ("CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
                  "CKR_USER_NOT_LOGGED_IN", "CKR_GENERAL_ERROR", "CKR_HOST_MEMORY", "CKR_FUNCTION_FAILED",
                  "CKR_KEY_HANDLE_INVALID", "CKR_CRYPTOKI_NOT_INITIALIZED")
        for error, function in zip(errors, itertools.cycle(("C_Sign", "C_UnwrapKey", "C_WrapKey"))):
            with self.subTest(error=error, function=function):
                interposer.play(self.site.files, f"{function} error {error} times 1")
                self.assertIn(self.outcome(), ("ok", "unavailable", "internal", "resource_exhausted", "failed_precondition"))
                interposer.play(self.site.files)
                self.wait_until_it_signs()

    def test_a_module_that_is_gone_for_a_while(self):
        interposer.play(self.site.files, "* error CKR_DEVICE_REMOVED")
        self.assertEqual("unavailable", self.outcome())
        self.assertEqual(200, self.connection.request("GET", "/healthz")[0])

    def test_wrong_signatures_are_never_released(self):
        interposer.play(self.site.files, "C_Sign corrupt")
        for _ in range(10):
            self.assertNotEqual("ok", self.outcome())

    def test_crashes_of_the_module(self):
        for function in ("C_Sign", "C_UnwrapKey", "C_WrapKey", "C_GenerateKey"):
            with self.subTest(function):
                interposer.play(self.site.files, f"{function} crash times 1")
                self.assertIn(self.outcome(), ("ok", "unavailable"))
                interposer.play(self.site.files)
                self.wait_until_it_signs()

    def test_a_call_that_hangs_fails_alone(self):
        interposer.play(self.site.files, "C_Sign hang times 1")
        with ThreadPoolExecutor(3) as callers:
            outcomes = sorted(callers.map(self.sign_within_ten_seconds, range(6)))
        self.assertEqual(["deadline_exceeded"] + ["ok"] * 5, outcomes)

    def sign_within_ten_seconds(self, _: int) -> str:
        with Api(self.site.listen, self.operator, timeout=60) as api:
            status, _, content = api.request(
                "POST", "/twinseal.v1.SigningService/Sign",
                json.dumps({"key": "key", "digest": encoded(os.urandom(32))}).encode(),
                {"Content-Type": "application/json", "Connect-Timeout-Ms": "10000"})
        return "ok" if status == 200 else json.loads(content)["code"]

    def test_a_slow_module_is_waited_for(self):
        interposer.play(self.site.files, "C_Sign delay 200ms")
        self.assertEqual("ok", self.outcome())


class WrongWrapping(ApplianceTest):
    token = staticmethod(interposer.token)

    def test_a_fresh_wrapping_that_came_out_wrong_loses_no_key(self):
        """Each activation wraps twice: the key, then its KEK."""
        api = self.api()
        for algorithm, skipped in itertools.product(("EC_P256", "RSA_2048"), (0, 1)):
            with self.subTest(algorithm=algorithm, skipped=skipped):
                key = f"key-{algorithm.lower().replace('_', '-')}-{skipped}"
                api.create_key(key, algorithm)
                interposer.play(self.site.files, f"C_WrapKey corrupt after {skipped} times 1")
                api.sign(key, os.urandom(32))
                interposer.play(self.site.files)
                for _ in range(5):
                    digest = os.urandom(32)
                    self.assert_verifies(self.public_pem(key), api.sign(key, digest), digest)

    def test_a_new_key_that_was_wrapped_wrong_is_not_made(self):
        api = self.api()
        for algorithm in ("EC_P256", "RSA_2048"):
            with self.subTest(algorithm=algorithm):
                name = f"new-{algorithm.lower().replace('_', '-')}"
                interposer.play(self.site.files, "C_WrapKey corrupt times 1")
                with self.assertRaises(ApiError) as refused:
                    api.create_key(name, algorithm)
                self.assertEqual("internal", refused.exception.code)
                self.assertIn("nothing was kept", refused.exception.message)
                interposer.play(self.site.files)
                api.create_key(name, algorithm)
                digest = os.urandom(32)
                self.assert_verifies(self.public_pem(name), api.sign(name, digest), digest)


class MissingMechanism(ApplianceTest):
    token = staticmethod(interposer.token)

    def test_what_the_token_cannot_do_is_refused_by_name(self):
        self.site.stop()
        interposer.play(self.site.files, "C_GetMechanismList hide CKM_RSA_PKCS_KEY_PAIR_GEN")
        self.site.start()
        with self.assertRaises(ApiError) as refused:
            self.api().create_key("rsa", "RSA_2048")
        self.assertIn(refused.exception.code, ("unimplemented", "failed_precondition"))
        self.assertIn("rsa-2048", refused.exception.message)
        self.api().create_key("ec", "EC_P256")
        status = self.api().call("ApplianceService/GetStatus")
        missing = [capability for capability in status["capabilities"] if not capability.get("available")]
        self.assertTrue(any("rsa-2048" in capability["name"] and capability["reason"] for capability in missing))


if __name__ == "__main__":
    unittest.main()
