"""The audit log: everything is in it, and whatever is done to it afterwards is found and named."""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest
from contextlib import closing
from pathlib import Path

from bench_sites.errors import BenchError
from bench_sites.layout import REPOSITORY
from support.api import ApiError
from support.appliance import ApplianceTest


class Contents(ApplianceTest):
    def test_operations_are_recorded_whether_done_or_refused(self):
        api = self.api()
        digest = os.urandom(32)
        key = api.create_key("recorded", requestId="the-request")
        api.sign("recorded", digest)
        with self.assertRaises(ApiError):
            api.sign("recorded", os.urandom(31))
        application = self.api(self.issue("application", "nosy"))
        with self.assertRaises(ApiError):
            application.sign("recorded", digest)

        records = api.audit_records()
        self.assertEqual(list(range(len(records))), [record.sequence for record in records])
        mine = [record for record in records if record.key_name == "recorded"]
        created = mine[0]
        self.assertEqual(("KeyService/CreateKey", "ok", "the-request", key["keyId"], "operator", "admin"),
                         (created.operation, created.outcome, created.request_id, created.key_id, created.caller_role,
                          created.caller_name))
        signed = next(record for record in mine if record.operation == "SigningService/Sign" and record.outcome == "ok")
        self.assertEqual(([digest], 1), (signed.digests, signed.key_version))
        refused = {(record.caller_name, record.outcome) for record in records if record.operation == "SigningService/Sign"}
        self.assertIn(("admin", "invalid_argument"), refused)
        self.assertIn(("nosy", "permission_denied"), refused)

    def test_the_command_line_lists_and_verifies(self):
        self.twinseal("key", "create", "listed", "--algorithm", "ec-p256")
        self.assertIn("listed", self.twinseal("audit", "list"))
        self.twinseal("audit", "verify")
        self.assertTrue(json.loads(self.twinseal("audit", "list", "--output", "json")))


class WithoutACore(ApplianceTest):
    def test_a_destruction_that_fell_due_is_recorded_when_the_core_is_back(self):
        api = self.api()
        key_id = api.create_key("due", policy={"minDestructionWaitSeconds": 0})["keyId"]
        api.change("KeyService/ScheduleKeyDestruction", key="due", waitSeconds=1)
        api.close()
        self.site.stop()
        self.site.start(wait=False, pin="not-the-pin")  # The core refuses to run; the time is over all the same.
        end = time.monotonic() + 60
        while f"destroying the key {key_id}" not in self.site.files.log.read_text():
            self.assertLess(time.monotonic(), end, "the destruction was not tried")
            time.sleep(0.05)
        self.site.stop()
        self.site.start()
        api = self.api()
        self.assertEqual("DESTROYED", api.call("KeyService/GetKey", key="due")["state"])
        recorded = [record for record in api.audit_records() if record.key_id == key_id and record.outcome == "ok"]
        self.assertEqual(("appliance/SettleKey", "appliance"), (recorded[-2].operation, recorded[-2].caller_role))
        self.assertIn("destroyed", recorded[-2].detail)


class ByHand(ApplianceTest):
    def test_what_the_documentation_tells_to_type(self):
        """The lines of docs/audit.md, run as they stand there."""
        api = self.api()
        api.create_key("busy")
        for _ in range(8):
            api.sign("busy", os.urandom(32))
        api.close()
        self.site.stop()  # An orderly stop leaves a checkpoint.
        self.site.start()

        auditor = self.issue("auditor", "reviser")
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for name, file in (("auditor.pem", auditor.certificate), ("auditor.key", auditor.key), ("ca.pem", auditor.ca)):
            (folder / name).symlink_to(file)
        (folder / "common").symlink_to(REPOSITORY / "common")
        text = (REPOSITORY / "docs" / "audit.md").read_text()
        lines = text.partition("## By hand")[2].partition("```sh\n")[2].partition("```")[0]

        done = subprocess.run(["bash", "-euo", "pipefail", "-c", lines], cwd=folder, capture_output=True, text=True,
                              env={**os.environ, "URL": self.site.endpoint}, stdin=subprocess.DEVNULL)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        verified, stored, hashed, *record = done.stdout.splitlines()
        self.assertEqual("Verified OK", verified)
        self.assertRegex(stored, "^[0-9a-f]{64}$")
        self.assertEqual(stored, hashed)
        self.assertIn("sequence: 7", record)


class Tampering(ApplianceTest):
    """The log is changed while the appliance is down, by someone who knows SQLite."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls("test_untouched")
        test.setUp = lambda: None
        api = test.api()
        api.create_key("busy")
        for _ in range(40):
            api.sign("busy", os.urandom(32))
        api.close()
        cls.site.stop()
        cls.saved = cls.folder / "audit.saved"
        shutil.copy(cls.site.files.audit, cls.saved)

    def setUp(self):
        self.site.stop()
        shutil.copy(self.saved, self.site.files.audit)
        for left in ("-wal", "-shm"):
            self.site.files.audit.with_name(self.site.files.audit.name + left).unlink(missing_ok=True)
        self.site.start()

    def change(self, *statements: tuple) -> None:
        """By other hands, while the appliance runs."""
        with closing(sqlite3.connect(self.site.files.audit)) as log, log:
            for (trigger,) in log.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                log.execute(f"DROP TRIGGER {trigger}")
            for statement, *values in statements:
                log.execute(statement, values)

    def found(self) -> str:
        """What `twinseal audit verify` says; it must not be content."""
        return self.twinseal("audit", "verify", status=1)

    def record(self, sequence: int) -> tuple[bytes, bytes]:
        with closing(sqlite3.connect(self.site.files.audit)) as log:
            return log.execute("SELECT record, leaf_hash FROM records WHERE sequence = ?", (sequence,)).fetchone()

    def test_untouched(self):
        self.twinseal("audit", "verify")

    def test_a_changed_record(self):
        record, _ = self.record(10)
        self.change(("UPDATE records SET record = ? WHERE sequence = 10", record.replace(b"busy", b"idle")))
        self.assertRegex(self.found(), r"\b10\b.*changed|changed.*\b10\b")

    def test_a_removed_record(self):
        self.change(("DELETE FROM records WHERE sequence = 11",))
        self.assertRegex(self.found(), r"\b11\b.*(removed|missing|gone)|(removed|missing|gone).*\b11\b")

    def test_reordered_records(self):
        first, second = self.record(12), self.record(13)
        self.change(("UPDATE records SET record = ?, leaf_hash = ? WHERE sequence = 12", *second),
                    ("UPDATE records SET record = ?, leaf_hash = ? WHERE sequence = 13", *first))
        self.assertRegex(self.found(), r"\b1[23] was reordered")

    def test_a_record_changed_with_its_hash(self):

        record, _ = self.record(14)
        record = record.replace(b"busy", b"idle")
        self.change(("UPDATE records SET record = ?, leaf_hash = ? WHERE sequence = 14", record,
                     hashlib.sha256(b"\0" + record).digest()))
        # Only the checkpoints know better, so the range between two of them is what can be named.
        first, last = re.search(r"records (\d+) to (\d+) were rewritten", self.found()).groups()
        self.assertLessEqual(int(first), 14)
        self.assertGreaterEqual(int(last), 14)

    def test_the_newest_records_cut_off(self):
        self.change(("DELETE FROM records WHERE sequence >= 20",))
        self.assertRegex(self.found(), r"\b20\b|fewer|missing|cut")

    def test_no_start_on_a_changed_log(self):
        """What was changed since the newest checkpoint but one is named before anything is served."""
        record, _ = self.record(10)
        self.site.stop()
        self.change(("UPDATE records SET record = ? WHERE sequence = 10", record.replace(b"busy", b"idle")))
        with self.assertRaises(BenchError):
            self.site.start()
        self.assertIn("record 10 is not what it was", self.site.files.log.read_text())


if __name__ == "__main__":
    unittest.main()
