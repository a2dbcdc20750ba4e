"""The inventory of certificates: the same at both sites, whichever is lost meanwhile."""

import json
import unittest
from pathlib import Path

from bench_sites import faults
from support.api import ApiError
from support.appliance import openssl
from support.certificates import Ca
from support.pair import PairTest


class Certificates(PairTest):
    ca: Ca

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.ca = Ca(cls.folder / "ca")

    def issue(self, key: str, subject: str = "/CN=localhost", site: str = "a") -> Path:
        """A certificate for the key's current version."""
        pem = self.api_of(site).call("KeyService/GetPublicKey", key=key)["publicKeyPem"]
        return self.ca.issue(f"{key}-{subject.partition('=')[2]}", pem, subject)

    def at(self, site: str, *arguments: str | Path, status: int = 0) -> str:
        """`twinseal certificate` at one site alone."""
        return self.twinseal("certificate", *arguments, status=status,
                             TWINSEAL_ENDPOINTS=self.bench.api_address(site))

    def listed(self, site: str, key: str = "") -> list[str]:
        """The subjects of the certificates that a site shows, the newest import first."""
        named = ("--key", key) if key else ()
        shown = json.loads(self.at(site, "list", *named, "--output", "json"))
        return [one["subject"] for one in shown["certificates"]]

    def test_what_is_imported_at_one_site_is_at_the_other(self):
        self.make_key("web")
        first, renewed = self.issue("web", "/CN=first"), self.issue("web", "/CN=renewed")
        said = self.at("a", "import", "--key", "web", "--in", first, "--in", self.ca.root, "--in", self.ca.issuing)
        self.assertRegex(said, r"^Imported certificate \w{16} for version 1 of key web, with 2 of its issuers\.\n$")
        self.until("site b shows it", lambda: self.listed("b", "web") == ["CN=first"])
        self.at("b", "import", "--key", "web", "--in", renewed)
        self.until("site a shows both", lambda: self.listed("a", "web") == ["CN=renewed", "CN=first"])
        chain = self.folder / "chain.pem"
        identifier = openssl("x509", "-in", first, "-outform", "DER", "-fingerprint", "-sha256", "-noout")
        digits = identifier.decode().partition("=")[2].replace(":", "").strip().lower()
        self.at("b", "export", "--key", "web", "--id", digits[:16], "--out", chain)
        self.assertEqual(chain.read_text().count("BEGIN CERTIFICATE"), 3)
        openssl("verify", "-CAfile", self.ca.root, "-untrusted", chain, chain)
        self.assertEqual(self.at("a", "export", "--key", "web", "--alone"), renewed.read_text())
        self.at("b", "remove", "--key", "web", "--id", digits[:16])
        self.until("both forget it", lambda: all(self.listed(site, "web") == ["CN=renewed"] for site in "ab"))

    def test_what_is_imported_while_a_site_is_lost_is_there_when_it_is_back(self):
        self.make_key("survives")
        for lost, left in (("a", "b"), ("b", "a")):
            with self.subTest(lost=lost):
                before = self.listed(left, "survives")
                certificate = self.issue("survives", f"/CN=without-{lost}", left)
                self.site(lost).kill()
                self.until("the other site takes it", lambda: bool(
                    self.bench.cli("certificate", "import", "--key", "survives", "--in", str(certificate), site=left)))
                self.assertEqual(self.listed(left, "survives"), [f"CN=without-{lost}", *before])
                self.site(lost).start()
                self.until("the lost site has it, too",
                           lambda: self.listed(lost, "survives") == [f"CN=without-{lost}", *before])

    def test_a_site_that_is_cut_off_shows_what_it_has_and_takes_nothing(self):
        self.make_key("cut-off", policy={"isolation": "STOP"})
        certificate = self.issue("cut-off")
        self.at("a", "import", "--key", "cut-off", "--in", certificate)
        self.until("site b shows it", lambda: self.listed("b", "cut-off") == ["CN=localhost"])
        faults.partition(self.bench, ["b"])
        self.until("site b knows that it is cut off", lambda: not self.signs("b", "cut-off"))
        self.assertEqual(self.listed("b", "cut-off"), ["CN=localhost"])
        said = self.at("b", "import", "--key", "cut-off", "--in", certificate, status=1)
        self.assertIn("majority", said)

    def signs(self, site: str, key: str) -> bool:
        try:
            self.api_of(site).sign(key, bytes(32))
            return True
        except ApiError:
            return False

    def test_what_is_not_the_keys_is_refused_and_changes_nothing(self):
        self.make_key("refuses")
        self.make_key("other")
        said = self.at("a", "import", "--key", "refuses", "--in", self.issue("other"), status=1)
        self.assertIn("none is for the key 'refuses'", said)
        said = self.at("a", "import", "--key", "refuses", "--in", self.issue("refuses"), "--in", self.ca.root, status=1)
        self.assertIn("that of CN=Test Root is not the issuer of that of CN=localhost", said)
        self.assertEqual(self.listed("a", "refuses"), [])

    def test_an_application_sees_those_of_its_keys(self):
        self.make_key("its", policy={"applications": ["web-server"]})
        self.make_key("not-its")
        for key in ("its", "not-its"):
            self.at("a", "import", "--key", key, "--in", self.issue(key))
        application = self.application("web-server")
        shown = self.twinseal("certificate", "list", identity=application)
        self.assertIn("\nits ", shown)
        self.assertNotIn("not-its", shown)
        said = self.twinseal("certificate", "import", "--key", "its", "--in", self.issue("its"), identity=application,
                             status=1)
        self.assertIn("not open to the role application", said)


if __name__ == "__main__":
    unittest.main()
