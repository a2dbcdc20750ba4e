"""What has passed through the ledger's journal is in every site's archive, also of one that joins later."""

import sqlite3
import time
import unittest
from pathlib import Path

from support.appliance import Appliances, new_bench, operator_of
from support.certificates import Ca

PATIENCE_SECONDS = 60.0
ENTRIES = {f"test/{number:04}": b"content %d " % number + b"x" * 2000 for number in range(1200)}


def put_into_journal(ledger: Path) -> None:
    """As an appliance that is alone commits entries, while it does not run: more than could be issued in a test's time."""
    with sqlite3.connect(ledger) as database:
        (revision,) = database.execute("SELECT value FROM counters WHERE name = 'revision'").fetchone()
        for name, content in ENTRIES.items():
            revision += 1
            database.execute("INSERT INTO entries (key, value, created, modified) VALUES (?, ?, ?, ?)",
                             (f"/journal/entry/{name}".encode(), b"\0" + content, revision, revision))
        database.execute("UPDATE counters SET value = ? WHERE name = 'revision'", (revision,))
    database.close()


def rows(file: Path, query: str) -> list[tuple]:
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


class Archive(Appliances):
    def setUp(self) -> None:
        super().setUp()
        self.bench = new_bench(self.folder / "bench")
        self.addCleanup(self.bench.down)
        self.bench.prepare_pair()
        self.operator = operator_of(self.bench)

    def until(self, what: str, done) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not done():
            self.assertLess(time.monotonic(), end, f"{what}: not within {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.05)

    def archived(self, name: str) -> list[tuple[int, bytes, bytes]]:
        return rows(self.bench.site(name).files.data / "archive" / "archive.db",
                    "SELECT position, name, content FROM entries ORDER BY position")

    def test_a_site_that_joins_reads_the_others_archive(self):
        first = self.bench.site("a")
        self.bench.cli("key", "create", "web", "--algorithm", "ec-p256")
        certificate = Ca(self.folder / "ca").issue("web", self.bench.cli("key", "public", "web"), "/CN=localhost")
        self.bench.cli("certificate", "import", "--key", "web", "--in", str(certificate))
        ledger = first.files.data / "ledger" / "ledger.db"
        first.stop()
        put_into_journal(ledger)
        first.start()
        # What the ledger has dropped, nothing but a's archive can give to b.
        self.until("site a archives and drops", lambda: not rows(
            ledger, "SELECT 1 FROM entries WHERE CAST(key AS TEXT) LIKE '/journal/entry/%' LIMIT 1"))
        entries = self.archived("a")
        self.assertEqual({name.decode(): content for _, name, content in entries if name.startswith(b"test/")}, ENTRIES)
        self.bench.pair()
        self.until("site b reads a's archive", lambda: len(self.archived("b")) == len(entries))
        self.assertEqual(self.archived("b"), entries)
        # A certificate from before the pairing is one of both sites' now.
        self.assertEqual(self.bench.cli("certificate", "export", "--key", "web", site="b"), certificate.read_text())


if __name__ == "__main__":
    unittest.main()
