"""A site's vault read from outside, as anyone who has the file can."""

import sqlite3
from contextlib import closing

from .layout import SiteFiles


def vault_blobs(site: SiteFiles) -> dict[tuple[str, int], bytes]:
    """The blob of each key, by key id in hexadecimal and version."""
    with closing(sqlite3.connect(f"file:{site.vault}?mode=ro", uri=True, timeout=30)) as vault:
        return {(bytes(key_id).hex(), version): bytes(record) for key_id, version, record in vault.execute(
            "SELECT key_id, version, record FROM marks JOIN slots USING (slot)")}
