"""Every algorithm and scheme, every change of a key, every role, through the API and the command line."""

import hashlib
import json
import os
import subprocess
import time
import unittest

from support.api import ApiError, decoded, encoded
from support.appliance import ApplianceTest, make_request, openssl

ECDSA = {"EC_P256": ["ECDSA_SHA256"], "EC_P384": ["ECDSA_SHA384"], "EC_P521": ["ECDSA_SHA512"]}
RSA_SCHEMES = [f"RSA_{padding}_SHA{bits}" for padding in ("PKCS1", "PSS") for bits in (256, 384, 512)]
SCHEMES = {**ECDSA, "RSA_2048": RSA_SCHEMES, "RSA_3072": RSA_SCHEMES, "RSA_4096": RSA_SCHEMES}


def word(enumerator: str) -> str:
    return enumerator.lower().replace("_", "-")


class Algorithms(ApplianceTest):
    def test_every_scheme_of_every_algorithm_verifies(self):
        api = self.api()
        for algorithm, schemes in SCHEMES.items():
            key = api.create_key(f"key-{word(algorithm)}", algorithm)
            pem = self.public_pem(key["name"])
            for scheme in schemes:
                with self.subTest(algorithm=algorithm, scheme=scheme):
                    hash_name = scheme[scheme.index("SHA"):]
                    digest = hashlib.new(hash_name, os.urandom(100)).digest()
                    signature = api.sign(key["name"], digest, scheme=scheme)
                    self.assert_verifies(pem, signature, digest, hash_name, pss="PSS" in scheme)

    def test_a_batch_is_signed_in_order(self):
        api = self.api()
        api.create_key("batch", "EC_P256")
        pem = self.public_pem("batch")
        digests = [os.urandom(32) for _ in range(64)]
        answer = api.call("SigningService/SignBatch", key="batch", digests=[encoded(digest) for digest in digests])
        self.assertEqual(len(answer["signatures"]), 64)
        for digest, signature in zip(digests, answer["signatures"]):
            self.assert_verifies(pem, decoded(signature), digest)

    def test_ed25519_is_refused_in_the_vault_and_works_on_the_token(self):
        api = self.api()
        with self.assertRaises(ApiError) as refused:
            api.create_key("edwards", "ED25519")
        self.assertIn(refused.exception.code, ("failed_precondition", "unimplemented"))
        self.assertIn("--storage token", refused.exception.message)

        api.create_key("edwards", "ED25519", storage="TOKEN")
        message = b"a message that is not hashed first"
        (self.folder / "ed.sig").write_bytes(api.sign("edwards", message, scheme="ED25519_PURE"))
        (self.folder / "ed.pem").write_text(self.public_pem("edwards"))
        (self.folder / "ed.in").write_bytes(message)
        openssl("pkeyutl", "-verify", "-pubin", "-inkey", self.folder / "ed.pem", "-rawin",
                "-in", self.folder / "ed.in", "-sigfile", self.folder / "ed.sig")

    def test_keys_on_the_token_sign_with_every_other_algorithm(self):
        api = self.api()
        for algorithm in ("EC_P256", "RSA_2048"):
            name = f"token-{word(algorithm)}"
            api.create_key(name, algorithm, storage="TOKEN")
            digest = os.urandom(32)
            self.assert_verifies(self.public_pem(name), api.sign(name, digest), digest)


class CommandLine(ApplianceTest):
    def json(self, *arguments):
        return json.loads(self.twinseal(*arguments, "--output", "json"))

    def test_the_life_of_a_key(self):
        release = self.folder / "release.tar"
        release.write_bytes(os.urandom(3_000_000))
        signature = self.folder / "release.sig"
        public = self.folder / "public.pem"

        self.twinseal("key", "create", "code-signing", "--algorithm", "ec-p256")
        public.write_text(self.twinseal("key", "public", "code-signing"))
        self.twinseal("sign", "--key", "code-signing", "--in", release, "--out", signature)
        self.assertEqual(b"Verified OK\n", openssl("dgst", "-sha256", "-verify", public, "-signature", signature, release))
        self.twinseal("verify", "--key", "code-signing", "--in", release, "--signature", signature)

        self.twinseal("key", "rotate", "code-signing")
        # The old version still verifies; the new one signs.
        self.twinseal("verify", "--key", "code-signing", "--in", release, "--signature", signature)
        self.twinseal("sign", "--key", "code-signing", "--in", release, "--out", signature)
        public.write_text(self.twinseal("key", "public", "code-signing"))
        openssl("dgst", "-sha256", "-verify", public, "-signature", signature, release)
        self.assertEqual(2, self.json("key", "show", "code-signing")["currentVersion"])

        self.twinseal("key", "disable", "code-signing")
        self.assertIn("disabled", self.twinseal("sign", "--key", "code-signing", "--in", release, "--out", signature,
                                                status=1))
        self.twinseal("key", "enable", "code-signing")
        self.twinseal("sign", "--key", "code-signing", "--in", release, "--out", signature)

        altered = bytearray(release.read_bytes())
        altered[-1] ^= 1
        release.write_bytes(altered)
        self.twinseal("verify", "--key", "code-signing", "--in", release, "--signature", signature, status=1)

    def test_what_is_wrong_is_said_and_told_by_the_exit_status(self):
        self.assertIn("no-such-key", self.twinseal("key", "show", "no-such-key", status=1))
        self.twinseal("key", "create", "x", "--algorithm", "rot13", status=2)
        self.twinseal("no-such-command", status=2)
        self.twinseal("status")

    def test_listing_shows_keys_by_name(self):
        for name in ("zebra", "ant"):
            self.twinseal("key", "create", name, "--algorithm", "ec-p256")
        lines = [line.split()[0] for line in self.twinseal("key", "list").splitlines()]
        self.assertLess(lines.index("ant"), lines.index("zebra"))


class Changes(ApplianceTest):
    def test_destruction_can_be_cancelled(self):
        api = self.api()
        api.create_key("spared")
        answer = api.change("KeyService/ScheduleKeyDestruction", key="spared")
        self.assertEqual("PENDING_DESTRUCTION", answer["state"])
        wait_days = (int(answer["destructionUnixMs"]) / 1000 - time.time()) / 86400
        self.assertAlmostEqual(30, wait_days, delta=0.1)
        with self.assertRaisesRegex(ApiError, "failed_precondition"):
            api.sign("spared", os.urandom(32))
        with self.assertRaisesRegex(ApiError, "failed_precondition"):
            api.change("KeyService/DestroyKey", key="spared")
        api.change("KeyService/CancelKeyDestruction", key="spared")
        state = api.call("KeyService/GetKey", key="spared")["state"]
        if state == "DISABLED":  # Cancelled is not the same as allowed to sign again.
            api.change("KeyService/EnableKey", key="spared")
        api.sign("spared", os.urandom(32))

    def test_the_waiting_period_cannot_be_shorter_than_the_policy_says(self):
        api = self.api()
        api.create_key("patient", policy={"minDestructionWaitSeconds": 3600})
        with self.assertRaisesRegex(ApiError, "failed_precondition"):
            api.change("KeyService/ScheduleKeyDestruction", key="patient", waitSeconds=3599)

    def test_a_destroyed_key_leaves_a_tombstone(self):
        api = self.api()
        api.create_key("doomed", policy={"minDestructionWaitSeconds": 0})
        api.change("KeyService/ScheduleKeyDestruction", key="doomed", waitSeconds=0)
        api.change("KeyService/DestroyKey", key="doomed")
        self.assertEqual("DESTROYED", api.call("KeyService/GetKey", key="doomed")["state"])
        for procedure in ("EnableKey", "RotateKey", "CancelKeyDestruction"):
            with self.subTest(procedure), self.assertRaisesRegex(ApiError, "failed_precondition"):
                api.change(f"KeyService/{procedure}", key="doomed")
        with self.assertRaises(ApiError):
            api.sign("doomed", os.urandom(32))

    def test_the_same_request_id_gives_the_same_answer(self):
        api = self.api()
        request = {"requestId": "11111111-2222-4333-8444-555555555555", "name": "once", "algorithm": "EC_P256"}
        first = api.call("KeyService/CreateKey", **request)
        self.assertEqual(first, api.call("KeyService/CreateKey", **request))
        with self.assertRaises(ApiError):
            api.call("KeyService/CreateKey", **{**request, "name": "another"})

    def test_a_change_of_policy_holds_at_once(self):
        api = self.api()
        api.create_key("narrowed", "RSA_2048")
        api.sign("narrowed", os.urandom(32), scheme="RSA_PSS_SHA256")
        api.change("KeyService/SetKeyPolicy", key="narrowed", policy={"schemes": ["RSA_PKCS1_SHA256"]})
        api.sign("narrowed", os.urandom(32), scheme="RSA_PKCS1_SHA256")
        with self.assertRaises(ApiError) as refused:
            api.sign("narrowed", os.urandom(32), scheme="RSA_PSS_SHA256")
        self.assertIn(refused.exception.code, ("failed_precondition", "permission_denied", "invalid_argument"))

    def test_all_of_it_outlives_a_restart(self):
        api = self.api()
        api.create_key("lasting")
        api.change("KeyService/RotateKey", key="lasting")
        api.create_key("asleep")
        api.change("KeyService/DisableKey", key="asleep")
        before = {name: api.call("KeyService/GetKey", key=name) for name in ("lasting", "asleep")}
        api.close()
        self.assertTrue(self.site.stop(), "twinseald did not stop by itself")
        self.site.start()
        api = self.api()
        self.assertEqual(before, {name: api.call("KeyService/GetKey", key=name) for name in before})
        digest = os.urandom(32)
        self.assert_verifies(self.public_pem("lasting"), api.sign("lasting", digest), digest)
        with self.assertRaisesRegex(ApiError, "failed_precondition"):
            api.sign("asleep", digest)


class Roles(ApplianceTest):
    def test_an_application_uses_only_the_keys_that_name_it(self):
        operator = self.api()
        operator.create_key("builds", policy={"applications": ["build-server"]})
        operator.create_key("private")
        application = self.api(self.issue("application", "build-server"))
        application.sign("builds", os.urandom(32))
        for key in ("private", "no-such-key"):
            with self.subTest(key), self.assertRaises(ApiError) as refused:
                application.sign(key, os.urandom(32))
            self.assertIn(refused.exception.code, ("permission_denied", "not_found"))
        with self.assertRaisesRegex(ApiError, "permission_denied"):
            application.create_key("mine")
        stranger = self.api(self.issue("application", "stranger"))
        with self.assertRaises(ApiError):
            stranger.sign("builds", os.urandom(32))

    def test_an_auditor_reads_and_changes_nothing(self):
        self.api().create_key("watched")
        auditor = self.api(self.issue("auditor", "eve"))
        auditor.call("KeyService/ListKeys")
        auditor.call("ApplianceService/GetStatus")
        self.assertTrue(auditor.audit_records())
        for procedure, fields in (("KeyService/DisableKey", {"key": "watched"}),
                                  ("KeyService/CreateKey", {"name": "n", "algorithm": "EC_P256"})):
            with self.subTest(procedure), self.assertRaisesRegex(ApiError, "permission_denied"):
                auditor.change(procedure, **fields)
        with self.assertRaisesRegex(ApiError, "permission_denied"):
            auditor.sign("watched", os.urandom(32))

    def test_the_appliances_own_keys_cannot_be_used_by_clients(self):
        api = self.api()
        for key in ("twinseal.operator-ca", "twinseal.audit.a"):
            with self.subTest(key):
                with self.assertRaises(ApiError):
                    api.sign(key, os.urandom(32))
                with self.assertRaises(ApiError):
                    api.change("KeyService/DisableKey", key=key)
        with self.assertRaises(ApiError):
            api.create_key("twinseal.mine")

    def test_an_applications_certificate_cannot_issue_certificates(self):
        application = self.api(self.issue("application", "ambitious"))
        key, csr = self.folder / "more.key", self.folder / "more.csr"
        make_request(key, csr)
        with self.assertRaisesRegex(ApiError, "permission_denied"):
            application.change("ApplianceService/IssueClientCertificate", role="OPERATOR", name="me",
                               csrPem=csr.read_text())


class Paths(ApplianceTest):
    def test_health_readiness_and_metrics(self):
        api = self.api()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(200, api.request("GET", path)[0], path)
        api.create_key("counted")
        api.sign("counted", os.urandom(32))
        status, headers, text = api.request("GET", "/metrics")
        self.assertEqual(200, status)
        self.assertTrue(headers["content-type"].startswith("text/plain"))
        for line in text.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                self.assertTrue(name.startswith("twinseal_"), line)
                float(value)

    def test_a_readable_certificate_with_curl(self):
        files = self.bench.client_environment()
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--cert", files["TWINSEAL_CERTIFICATE"], "--key", files["TWINSEAL_KEY"],
             "--cacert", files["TWINSEAL_CA"], "--json", "{}",
             self.site.endpoint + "/twinseal.v1.ApplianceService/GetStatus"], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("a", json.loads(done.stdout)["site"])


if __name__ == "__main__":
    unittest.main()
