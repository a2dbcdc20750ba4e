"""The true private values of keys, which the token's owner can read, are searched for everywhere that they must not be."""

import base64
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench_sites.vault import vault_blobs
from support.api import ApiError, encoded
from support.appliance import ApplianceTest
from support.blobs import parse
from support.owner import TokenOwner
from support.traces import Hunt


def private_values(pkcs8: bytes) -> dict[str, bytes]:
    """The secret numbers of a private key, as OpenSSL's text output names them."""
    text = subprocess.run(["openssl", "pkey", "-inform", "DER", "-noout", "-text"], input=pkcs8, capture_output=True,
                          check=True).stdout.decode()
    values, name = {}, ""
    for line in text.splitlines():
        if line.startswith(" "):
            values[name] = values.get(name, "") + line.strip()
        else:
            name = line.split(":")[0]
    secret_names = ("priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient")
    # A number whose first bit is set is printed with a zero before it.
    return {name: bytes.fromhex(values[name].replace(":", "")).lstrip(b"\0") for name in secret_names if name in values}


class PlaintextHunt(ApplianceTest):
    @classmethod
    def setUpClass(cls):
        # What a process that aborts may leave is not held back by the limits of whoever runs the test.
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_CORE, (soft, hard))
        super().setUpClass()

    def secrets_of_every_key(self) -> dict[str, bytes]:
        owner = TokenOwner(self.site)
        try:
            return {f"{key_id} version {version}: {name}": value
                    for (key_id, version), blob in vault_blobs(self.site.files).items()
                    if parse(blob).wrapped_key  # Those of keys on the token hold none.
                    for name, value in private_values(owner.private_key(blob)).items()}
        finally:
            owner.close()

    def load(self, load: str) -> None:
        """Every operation, several times, on several connections at once; the keys' names begin with the load's."""
        def work(number: int) -> None:
            api = self.api()
            for turn in range(3):
                for name in (f"{load}-brief-{number}-{turn}", f"{load}-lasting-{number}-{turn}"):
                    policy = {"minDestructionWaitSeconds": 0, "maxSignaturesPerActivation": 64}
                    api.create_key(name, policy=policy)
                    api.sign(name, os.urandom(32))
                    api.change("KeyService/RotateKey", key=name)
                    api.change("KeyService/SetKeyPolicy", key=name, policy={**policy, "applications": ["builder"]})
                    api.change("KeyService/DisableKey", key=name)
                    with self.assertRaises(ApiError):
                        api.sign(name, os.urandom(32))
                    api.change("KeyService/EnableKey", key=name)
                    with self.assertRaises(ApiError):
                        api.sign(name, os.urandom(31))
                    api.change("KeyService/ScheduleKeyDestruction", key=name, waitSeconds=3600)
                    api.change("KeyService/CancelKeyDestruction", key=name)
                    api.change("KeyService/EnableKey", key=name)
                    api.sign(name, os.urandom(32))
                brief = f"{load}-brief-{number}-{turn}"
                api.change("KeyService/ScheduleKeyDestruction", key=brief, waitSeconds=0)
                try:
                    api.change("KeyService/DestroyKey", key=brief)
                except ApiError as refused:
                    # The appliance itself destroys what is due, and may have been first.
                    self.assertEqual("failed_precondition", refused.code)
                for key in ("ec", "rsa"):
                    api.sign(key, os.urandom(32))
                    api.call("SigningService/SignBatch", key=key, digests=[encoded(os.urandom(32))] * 8)
                    api.call("KeyService/GetPublicKey", key=key)
                api.create_key(f"{load}-token-{number}-{turn}", "ED25519", storage="TOKEN")
                api.call("SigningService/Sign", key=f"{load}-token-{number}-{turn}", digest=encoded(b"a message"))
            self.issue("application", f"{load}-{number}")
            for procedure in ("KeyService/ListKeys", "ApplianceService/GetStatus", "AuditService/ListAuditRecords"):
                api.call(procedure)

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(work, range(3)))  # Raises what one of them has met.

    def assert_can_find(self, hunt: Hunt, pkcs8: bytes, secret: bytes) -> None:
        """In files in every form, and in the memory of another process."""
        planted = self.site.files.data / "planted"
        forms = {"raw": secret, "last byte first": secret[::-1], "DER": pkcs8, "hex": secret.hex().encode(),
                 "capitals": secret.hex().upper().encode(), "colons": secret.hex(":").encode(),
                 "base64": base64.b64encode(secret), "PEM": base64.encodebytes(pkcs8)}
        for form, content in forms.items():
            planted.write_bytes(b"before" + content + b"after")
            self.assertTrue(hunt.in_files(self.bench.files.folder), form)
        planted.unlink()
        program = "import sys; held = bytes.fromhex(sys.stdin.readline()); print(flush=True); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as holder:
            holder.stdin.write(secret.hex() + "\n")
            holder.stdin.flush()
            holder.stdout.readline()
            self.assertTrue(any(", raw" in found for found in hunt.in_memory(holder.pid)))
            holder.stdin.close()

    def test_nothing_holds_a_private_key(self):
        api = self.api()
        api.create_key("ec", "EC_P256", policy={"maxSignaturesPerActivation": 64})
        api.create_key("rsa", "RSA_2048")
        api.create_key("ec-384", "EC_P384")
        secrets = self.secrets_of_every_key()
        self.assertGreaterEqual(len(secrets), 3 + 6)
        self.load("first")
        secrets |= self.secrets_of_every_key()
        self.assertGreaterEqual(len(secrets), 3 + 6 + 9)
        hunt = Hunt(secrets)
        known = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                                "-outform", "DER"], capture_output=True, check=True).stdout
        value = private_values(known)["priv"]
        self.assert_can_find(Hunt({"planted": value}), known, value)

        with self.subTest("files while it runs"):
            self.assertEqual([], hunt.in_files(self.bench.files.folder))
        with self.subTest("memory of twinseald"):
            self.assertEqual([], hunt.in_memory(self.site.process().pid))
        with self.subTest("leavings of an abort"):
            self.abort_under_load()
            self.assertEqual([], hunt.in_files(self.bench.files.folder))
            for left in self.core_dumps():
                self.fail(f"an abort left {left}")
        with self.subTest("files after a restart and a stop"):
            self.site.start()
            self.load("second")
            hunt = Hunt(secrets | self.secrets_of_every_key())
            self.assertEqual([], hunt.in_memory(self.site.process().pid))
            self.site.stop()
            self.assertEqual([], hunt.in_files(self.bench.files.folder))

    def abort_under_load(self) -> None:
        process, core = self.site.process(), self.site.core_pid()
        self.assertIsNotNone(core)
        busy = threading.Event()

        def sign() -> None:
            try:
                while True:
                    self.api().sign("ec", os.urandom(32))
                    busy.set()
            except Exception:
                pass  # The appliance is gone.

        thread = threading.Thread(target=sign)
        thread.start()
        self.assertTrue(busy.wait(30))
        os.kill(core, signal.SIGABRT)
        os.kill(process.pid, signal.SIGABRT)
        while process.alive():
            time.sleep(0.01)
        self.site.kill()
        thread.join()

    def core_dumps(self) -> list[Path]:
        """Where the kernel would put them, when it puts them into files."""
        pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if pattern.startswith("|"):
            return []
        folder = Path(pattern).parent if pattern.startswith("/") else self.site.files.folder
        prefix = Path(pattern).name.split("%")[0]
        return [path for path in folder.glob(f"{prefix}*") if prefix and path.is_file()]


if __name__ == "__main__":
    unittest.main()
