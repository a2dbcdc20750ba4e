"""The appliance end to end on NSS softokn: nothing in it is made for SoftHSM."""

import os
import unittest

from bench_sites import tokens
from support.api import encoded, decoded
from support.appliance import ApplianceTest


class OnNss(ApplianceTest):
    token = staticmethod(tokens.nss)

    def test_keys_live_and_sign(self):
        status = self.api().call("ApplianceService/GetStatus")
        self.assertIn("Mozilla", status["hsmManufacturer"])
        api = self.api()
        for algorithm, scheme, hash_name in (("EC_P256", "ECDSA_SHA256", "SHA256"), ("EC_P384", "ECDSA_SHA384", "SHA384"),
                                             ("EC_P521", "ECDSA_SHA512", "SHA512"), ("RSA_2048", "RSA_PKCS1_SHA256", "SHA256"),
                                             ("RSA_2048", "RSA_PSS_SHA256", "SHA256")):
            with self.subTest(scheme):
                name = scheme.lower().replace("_", "-")
                api.create_key(name, algorithm)
                size = int(hash_name[3:]) // 8
                for _ in range(3):  # Each signature leaves a fresh blob behind, which must open again.
                    digest = os.urandom(size)
                    self.assert_verifies(self.public_pem(name), api.sign(name, digest, scheme=scheme), digest, hash_name,
                                         pss="PSS" in scheme)

    def test_keys_outlive_a_restart_and_can_be_destroyed(self):
        api = self.api()
        api.create_key("lasting", policy={"minDestructionWaitSeconds": 0})
        api.change("KeyService/RotateKey", key="lasting")
        api.close()
        self.site.stop()
        self.site.start()
        api = self.api()
        digests = [os.urandom(32) for _ in range(8)]
        answer = api.call("SigningService/SignBatch", key="lasting", digests=[encoded(digest) for digest in digests])
        for digest, signature in zip(digests, answer["signatures"]):
            self.assert_verifies(self.public_pem("lasting"), decoded(signature), digest)
        api.change("KeyService/ScheduleKeyDestruction", key="lasting", waitSeconds=0)
        api.change("KeyService/DestroyKey", key="lasting")
        self.twinseal("audit", "verify")


if __name__ == "__main__":
    unittest.main()
