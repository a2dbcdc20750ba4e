"""The record of what clients saw, in the form of tests/history/README.md."""

import json
import threading
from collections import Counter
from pathlib import Path

from support.libcrypto import PublicKey


class History:
    """Any thread may call anything."""

    def __init__(self, path: Path, sites: list[str]):
        self.path = path
        self._file = path.open("w")
        self._lock = threading.Lock()
        self._next = 0
        self._public_keys: dict[tuple[str, int], PublicKey] = {}
        self._unverified: list[tuple[dict, bytes, bytes]] = []
        self.counts: Counter[str] = Counter()
        self._write({"sites": sites})

    def learn_key(self, name: str, version: int, pem: str) -> None:
        with self._lock:
            self._public_keys.setdefault((name, version), PublicKey(pem))

    def knows_key(self, name: str, version: int) -> bool:
        return (name, version) in self._public_keys

    def record(self, line: dict) -> None:
        with self._lock:
            self._count(line)
            self._write({"id": self._next, **line})
            self._next += 1

    def record_signature(self, line: dict, digest: bytes, signature: bytes) -> None:
        """Verified now, or at the end when the version's public key is not yet known."""
        key = self._public_keys.get((line["key"], line["version"]))
        if key:
            self.record({**line, "verified": key.verifies_digest(signature, digest)})
        else:
            with self._lock:
                self._unverified.append((line, digest, signature))

    def unknown_versions(self) -> set[tuple[str, int]]:
        """The key versions that signed and whose public keys are not yet known."""
        return {(line["key"], line["version"]) for line, _, _ in self._unverified} - set(self._public_keys)

    def close(self) -> None:
        """Verifies what is left. A version that no site knows has signed nothing that verifies."""
        left, self._unverified = self._unverified, []
        for line, digest, signature in left:
            key = self._public_keys.get((line["key"], line["version"]))
            self.record({**line, "verified": bool(key) and key.verifies_digest(signature, digest)})
        self._file.close()

    def _count(self, line: dict) -> None:
        self.counts[f"{line['op']} {line['outcome']}"] += 1

    def _write(self, line: dict) -> None:
        self._file.write(json.dumps(line) + "\n")
