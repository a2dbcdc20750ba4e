"""Destroyed means gone: no file of the appliance holds a byte of the key's blobs any more."""

import os
import sqlite3
import unittest
from contextlib import closing

from bench_sites.vault import vault_blobs
from support import blobs
from support.appliance import ApplianceTest


def ledger_blobs(site) -> dict[str, bytes]:
    """The values of the ledger's keys that name a blob."""
    with closing(sqlite3.connect(f"file:{site.files.ledger}?mode=ro", uri=True)) as ledger:
        rows = ledger.execute("SELECT key, value FROM entries").fetchall()
    return {name: bytes(value) for key, value in rows
            if "/blob/" in (name := key if isinstance(key, str) else bytes(key).decode())}


class Destroyed(ApplianceTest):
    def test_blobs_are_gone_from_every_file(self):
        api = self.api()
        for number in range(20):
            api.create_key(f"neighbour-{number}")
        key = api.create_key("doomed", policy={"minDestructionWaitSeconds": 0})
        pieces: set[bytes] = set()

        def remember() -> None:
            for (key_id, _), blob in vault_blobs(self.site.files).items():
                if key_id == key["keyId"]:
                    pieces.add(blobs.parse(blob).wrapped_key)
                    pieces.add(blobs.parse(blob).wrapped_kek)
            for name, blob in ledger_blobs(self.site).items():
                if key["keyId"] in name:
                    pieces.add(blobs.parse(blob).wrapped_key)

        remember()
        for _ in range(5):
            api.sign("doomed", os.urandom(32))
            remember()
        api.change("KeyService/RotateKey", key="doomed")
        api.sign("doomed", os.urandom(32))
        remember()
        pieces.discard(b"")
        self.assertGreater(len(pieces), 10)
        newest = [piece for piece in pieces if self.files_with(piece)]
        self.assertTrue(newest, "the blobs that are in use must be found, or the search is no search")

        api.change("KeyService/ScheduleKeyDestruction", key="doomed", waitSeconds=0)
        api.change("KeyService/DestroyKey", key="doomed")
        for piece in pieces:
            self.assertEqual([], self.files_with(piece))
        self.assertEqual("DESTROYED", api.call("KeyService/GetKey", key="doomed")["state"])
        api.sign("neighbour-7", os.urandom(32))

    def test_a_destroyed_token_key_is_gone_from_the_token(self):
        api = self.api()
        before = self.token_files()
        api.create_key("on-token", "ED25519", storage="TOKEN", policy={"minDestructionWaitSeconds": 0})
        self.assertGreater(len(self.token_files()), len(before))
        api.change("KeyService/ScheduleKeyDestruction", key="on-token", waitSeconds=0)
        api.change("KeyService/DestroyKey", key="on-token")
        self.assertEqual(len(before), len(self.token_files()))

    def files_with(self, piece: bytes) -> list[str]:
        return [str(path) for path in self.site.files.data.rglob("*") if path.is_file() and piece in path.read_bytes()]

    def token_files(self) -> list[str]:
        return [str(path) for path in self.site.files.token_folder.rglob("*.object")]


if __name__ == "__main__":
    unittest.main()
