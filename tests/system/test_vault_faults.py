"""A vault that was damaged, manipulated or taken away: what is wrong is refused by name, all else goes on working."""

import os
import resource
import shutil
import sqlite3
import time
import unittest
from contextlib import closing

from bench_sites.vault import vault_blobs
from support import blobs
from support.api import ApiError
from support.appliance import ApplianceTest


class Records(ApplianceTest):
    """The records of a vault are changed behind the core's back, while it runs."""

    def setUp(self):
        self.connection = self.api()

    def put(self, key_id: str, blob: bytes) -> None:
        with closing(sqlite3.connect(self.site.files.vault, timeout=30)) as vault, vault:
            vault.execute("UPDATE slots SET record = ? WHERE slot = (SELECT slot FROM marks WHERE key_id = ?)", (blob, bytes.fromhex(key_id)))

    def blob(self, key_id: str) -> bytes:
        return vault_blobs(self.site.files)[key_id, 1]

    def assert_refused(self, name: str, key_id: str) -> None:
        with self.assertRaises(ApiError) as refused:
            self.connection.sign(name, os.urandom(32))
        self.assertEqual("data_loss", refused.exception.code, refused.exception.message)
        self.assertTrue(key_id in refused.exception.message or name in refused.exception.message,
                        f"the message names no key: {refused.exception.message}")

    def test_every_byte_of_a_record_is_guarded(self):
        key = self.connection.create_key("guarded")
        self.connection.create_key("neighbour")
        good = self.blob(key["keyId"])
        for at in range(len(good)):
            damaged = bytearray(good)
            damaged[at] ^= 1 << (at % 8)
            self.put(key["keyId"], bytes(damaged))
            with self.subTest(byte=at):
                self.assert_refused("guarded", key["keyId"])
            if at % 50 == 0:
                self.connection.sign("neighbour", os.urandom(32))
        self.put(key["keyId"], good)
        self.connection.sign("guarded", os.urandom(32))

    def test_records_cut_short_or_made_longer(self):
        key = self.connection.create_key("measured")
        good = self.blob(key["keyId"])
        for damaged in (b"", good[:1], good[:48], good[:-1], good + b"\0", os.urandom(len(good)), bytes(1_000_000)):
            self.put(key["keyId"], damaged)
            with self.subTest(size=len(damaged)):
                self.assert_refused("measured", key["keyId"])
        self.put(key["keyId"], good)
        self.connection.sign("measured", os.urandom(32))

    def test_swapped_records(self):
        left, right = self.connection.create_key("left"), self.connection.create_key("right")
        first, second = self.blob(left["keyId"]), self.blob(right["keyId"])
        self.put(left["keyId"], second)
        self.put(right["keyId"], first)
        self.assert_refused("left", left["keyId"])
        self.assert_refused("right", right["keyId"])

    def test_an_older_generation_put_back(self):
        key = self.connection.create_key("aging")
        old = self.blob(key["keyId"])
        for _ in range(3):
            self.connection.sign("aging", os.urandom(32))
        self.assertGreater(blobs.parse(self.blob(key["keyId"])).generation, blobs.parse(old).generation)
        self.put(key["keyId"], old)
        self.assert_refused("aging", key["keyId"])

    def test_another_keys_policy(self):
        """A record's header is exchanged for that of a key with a more generous policy."""
        strict = self.connection.create_key("strict", policy={"schemes": ["ECDSA_SHA256"]})
        self.connection.create_key("generous")
        record = blobs.parse(self.blob(strict["keyId"]))
        self.put(strict["keyId"], self.blob(strict["keyId"]).replace(record.policy, bytes(len(record.policy))))
        self.assert_refused("strict", strict["keyId"])

    def test_a_refused_record_is_in_the_audit_log_and_in_the_status(self):
        key = self.connection.create_key("told")
        damaged = bytearray(self.blob(key["keyId"]))
        damaged[-1] ^= 1
        self.put(key["keyId"], bytes(damaged))
        self.assert_refused("told", key["keyId"])
        record = [record for record in self.connection.audit_records() if record.key_name == "told"][-1]
        self.assertEqual("data_loss", record.outcome)
        self.assertIn("binding", record.detail)
        capabilities = self.connection.call("ApplianceService/GetStatus")["capabilities"]
        reasons = [capability.get("reason", "") for capability in capabilities if not capability.get("available")]
        self.assertTrue(any(key["keyId"] in reason and "binding" in reason for reason in reasons), reasons)


class Files(ApplianceTest):
    """The vault's file is changed while the appliance is down."""

    def setUp(self):
        self.site.stop()
        self.saved = self.folder / "saved"
        shutil.copytree(self.site.files.data, self.saved)
        self.addCleanup(self.restore)

    def restore(self) -> None:
        self.site.kill()
        shutil.rmtree(self.site.files.data)
        shutil.move(self.saved, self.site.files.data)

    def refused_to_start(self) -> str:
        """Starts the site, which must not become ready; what its log says."""
        self.site.files.log.unlink(missing_ok=True)
        self.site.start(wait=False)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            text = self.site.files.log.read_text()
            if "vault" in text.lower() and ("error" in text.lower() or "critical" in text.lower()):
                break
            time.sleep(0.05)
        if self.site.running():
            try:
                self.assertNotEqual(200, self.api(timeout=5).request("GET", "/readyz")[0])
            except OSError:
                pass  # It does not even listen.
        self.site.kill()
        return self.site.files.log.read_text()

    def test_a_truncated_file(self):
        size = self.site.files.vault.stat().st_size
        for cut in (1, size // 2, size - 1000):
            with self.subTest(cut=cut):
                with open(self.site.files.vault, "r+b") as vault:
                    vault.truncate(cut)
                self.assertIn("vault.db", self.refused_to_start())
                shutil.copy(self.saved / "vault" / "vault.db", self.site.files.vault)

    def test_a_file_of_noise(self):
        self.site.files.vault.write_bytes(os.urandom(8192))
        self.assertIn("vault.db", self.refused_to_start())

    def test_a_file_that_others_may_read(self):
        os.chmod(self.site.files.vault, 0o644)
        self.assertIn("vault.db", self.refused_to_start())

    def test_a_file_owned_by_someone_else(self):
        # Only root can give a file away; anyone else has files of root's to link to.
        if os.geteuid() == 0:
            os.chown(self.site.files.vault, 65534, 65534)
        else:
            self.site.files.vault.unlink()
            self.site.files.vault.symlink_to("/etc/hostname")
        self.assertIn("vault.db", self.refused_to_start())

    def test_the_whole_vault_of_last_week(self):
        """Every record in it is genuine; only the token remembers that there were newer ones."""
        self.site.start()
        api = self.api()
        api.create_key("newer")
        api.sign("newer", os.urandom(32))
        api.close()
        self.site.stop()
        shutil.copy(self.saved / "vault" / "vault.db", self.site.files.vault)
        self.assertIn("older than the token remembers", self.refused_to_start())
        with closing(sqlite3.connect(self.site.files.vault, isolation_level=None)) as vault:
            # What the old file lacks, invented.
            vault.execute("INSERT INTO marks (key_id, version, revision, generation, destroyed, seal, slot, size) "
                          "SELECT randomblob(16), 0, 0, 1000000, 1, seal, 0, 0 FROM marks LIMIT 1")
        self.assertIn("were not written by this core", self.refused_to_start())


class FullDisk(ApplianceTest):
    def test_nothing_is_acknowledged_that_does_not_fit(self):
        """The size of files is limited, which meets every write of the appliance as a full disk does."""
        api = self.api()
        api.create_key("before")
        pids = [self.site.process().pid, self.site.core_pid()]
        largest = max(path.stat().st_size for path in self.site.files.data.rglob("*") if path.is_file())
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        acknowledged, refusals = [], set()
        for number in range(400):
            try:
                acknowledged.append(api.create_key(f"key-{number}")["name"])
            except ApiError as refused:
                refusals.add(refused.code)
            if len(refusals) and number > 300:
                break
        self.assertTrue(refusals, "nothing was refused")
        self.assertLessEqual(refusals, {"resource_exhausted", "unavailable"})
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        api.create_key("after")
        api.sign("before", os.urandom(32))
        self.site.stop()
        self.site.start()
        api = self.api()
        for name in ["before", *acknowledged, "after"]:
            api.sign(name, os.urandom(32))

    def test_it_is_not_ready_while_it_can_record_nothing(self):
        api = self.api()
        api.create_key("unrecorded")
        self.assertEqual("", self.site.not_ready())
        service = self.site.process().pid
        resource.prlimit(service, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        with self.assertRaises(ApiError):
            api.sign("unrecorded", os.urandom(32))
        self.assertIn("the audit log", self.site.not_ready())
        resource.prlimit(service, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        # Nobody has to try: who asks whether it is ready has gone elsewhere.
        self.site.wait_until_ready()
        api.sign("unrecorded", os.urandom(32))


if __name__ == "__main__":
    unittest.main()
