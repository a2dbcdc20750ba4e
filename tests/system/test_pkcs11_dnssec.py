"""Knot signs a zone with keys of the pair, and BIND's dnssec-verify finds it right. Knot's own way of making keys
chooses their ids, which Twinseal's keys have already: they are made in the pair and imported by id."""

import unittest
from pathlib import Path

from bench_sites.addresses import Address, free_address
from bench_sites.module import USER_PIN
from support.module import TOKEN, ModuleTest, program

ZONE = "example.test"

_SETTINGS = """\
server:
    rundir: {folder}/run
    listen: {address.host}@{address.port}
log:
  - target: stderr
    any: info
database:
    storage: {folder}/db
keystore:
  - id: pair
    backend: pkcs11
    config: "pkcs11:token={token};pin-source={pin} {module}"
policy:
  - id: pair
    keystore: pair
    manual: on
    algorithm: {algorithm}
acl:
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: {zone}
    storage: {folder}
    file: {zone}.zone
    acl: transfer
    dnssec-signing: on
    dnssec-policy: pair
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"""

_RECORDS = """\
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
www A 192.0.2.80
* TXT "signed by the pair"
"""


class Knot(ModuleTest):
    def test_a_zone_is_signed_and_served(self):
        for algorithm, kind in (("ecdsap256sha256", "EC_P256"), ("rsasha256", "RSA_2048")):
            with self.subTest(algorithm):
                folder, address = self.folder / algorithm, free_address()
                for part in ("run", "db", "out"):
                    (folder / part).mkdir(parents=True)
                (folder / f"{ZONE}.zone").write_text(_RECORDS)
                settings = folder / "knot.conf"
                settings.write_text(_SETTINGS.format(folder=folder, address=address, token=TOKEN, pin=self.pin_file,
                                                     module=self.module, algorithm=algorithm, zone=ZONE))
                for role, name in (("ksk", f"{algorithm}-ksk"), ("zsk", f"{algorithm}-zsk")):
                    self.token_key(name, kind)
                    self.import_key(settings, name, role, algorithm)
                self.run_program("kzonesign", "-c", settings, "-o", folder / "out", ZONE)
                self.assert_verifies_as_zone(folder / "out" / f"{ZONE}.zone")
                self.serve(settings, address)

    def import_key(self, settings: Path, name: str, role: str, algorithm: str) -> None:
        listed = self.run_program("p11tool", "--provider", self.module, "--list-privkeys", "--login", self.uri(name),
                                  GNUTLS_PIN=USER_PIN)
        shown = next(line for line in listed.splitlines() if "\tID: " in line)
        identifier = shown.split("ID: ")[1].replace(":", "")
        roles = [f"{one}={'yes' if one == role else 'no'}" for one in ("ksk", "zsk")]
        self.run_program("keymgr", "-c", settings, ZONE, "import-pkcs11", identifier, f"algorithm={algorithm}", *roles,
                         "created=+0", "publish=+0", "ready=+0", "active=+0")

    def assert_verifies_as_zone(self, file: Path) -> None:
        said = self.run_program(program("dnssec-verify"), "-o", ZONE, file)
        self.assertIn("Zone fully signed", said)
        self.assertIn("KSKs: 1 active", said)
        self.assertIn("ZSKs: 1 active", said)

    def serve(self, settings: Path, address: Address) -> None:
        log = settings.parent / "knotd.log"
        server = (f"@{address.host}", "-p", str(address.port))
        with self.running(program("knotd"), "-c", settings, log=log) as knot:
            self.until("Knot answers with signatures", lambda: knot.poll() is not None or "RRSIG" in self.run_program(
                "kdig", *server, "+dnssec", "+retry=0", "+timeout=1", "www." + ZONE, "A", status=None))
            self.assertIsNone(knot.poll(), log.read_text())
            transferred = settings.parent / "transferred"
            transferred.write_text(self.run_program("kdig", *server, "+tcp", ZONE, "AXFR"))
            self.assert_verifies_as_zone(transferred)
            signed = self.run_program("kdig", *server, "+dnssec", "anything." + ZONE, "TXT")
            self.assertIn("signed by the pair", signed)
            self.assertIn("RRSIG", signed)


if __name__ == "__main__":
    unittest.main()
