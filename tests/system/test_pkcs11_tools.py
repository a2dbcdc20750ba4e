"""The general tools for PKCS#11 tokens on the module: OpenSC's pkcs11-tool, GnuTLS's p11tool and certtool."""

import hashlib
import re
import shutil
import unittest
from pathlib import Path

from bench_sites.module import USER_PIN
from support.appliance import openssl
from support.certificates import Ca
from support.module import ModuleTest, as_user

# RFC 8017 §9.2, note 1: what CKM_RSA_PKCS is given before the digest.
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Tools(ModuleTest):
    def tool(self, *arguments: str | Path, login: bool = True, pin: str = USER_PIN, status: int = 0,
             settings: Path | None = None) -> str:
        signed_in = ("--login", "--pin", "env:TOKEN_PIN") if login else ()
        configured = {"TWINSEAL_PKCS11_CONF": str(settings)} if settings else {}
        return self.run_program("pkcs11-tool", "--module", self.module, *signed_in, *arguments, TOKEN_PIN=pin,
                                status=status, **configured)

    # --- pkcs11-tool --------------------------------------------------------------------------------------------

    def test_the_token_is_shown(self):
        slots = self.tool("-L", login=False)
        self.assertRegex(slots, r"token label +: Twinseal\n")
        self.assertIn("login required", slots)
        self.assertIn("rng", slots)
        mechanisms = self.tool("-M", login=False)
        for mechanism in ("ECDSA", "ECDSA-SHA256", "RSA-PKCS", "SHA256-RSA-PKCS", "RSA-PKCS-PSS", "SHA512-RSA-PKCS-PSS",
                          "SHA256", "ECDSA-KEY-PAIR-GEN", "RSA-PKCS-KEY-PAIR-GEN"):
            self.assertRegex(mechanisms, rf"(?m)^  {mechanism}\b")

    def test_keys_are_shown_with_their_versions(self):
        self.token_key("shown")
        before = self.objects("shown")
        self.assertEqual(["Private", "Public"], sorted(kind for kind, _ in before))
        self.assertEqual(1, len({identifier for _, identifier in before}))
        self.change("a", "RotateKey", key="shown")
        after = self.objects("shown")
        self.assertEqual(["Private", "Public", "Public"], sorted(kind for kind, _ in after))
        newest = next(identifier for kind, identifier in after if kind == "Private")
        self.assertNotIn(("Private", newest), before)
        self.assertEqual({newest, before[0][1]}, {identifier for _, identifier in after})

    def objects(self, name: str) -> list[tuple[str, str]]:
        """Kind and id of each object with the label."""
        shown = re.split(r"^(?=\w+ Key Object)", self.tool("-O"), flags=re.MULTILINE)
        wanted = re.compile(rf"(\w+) Key Object.*^ +label: +{name}$.*^ +ID: +(\w+)$", re.MULTILINE | re.DOTALL)
        return [(found.group(1), found.group(2)) for one in shown if (found := wanted.match(one))]

    def id_of(self, name: str) -> str:
        """That of the version which signs: pkcs11-tool signs by id alone."""
        return next(identifier for kind, identifier in self.objects(name) if kind == "Private")

    def test_its_own_test(self):
        """Also with a client whose private key has no passphrase: its token asks for no PIN."""
        self.change("a", "CreateKey", name="tested-ec", algorithm="EC_P256", policy={"applications": ["tester"]})
        settings = self.configure_application("tester")
        self.change("a", "CreateKey", name="tested-rsa", algorithm="RSA_2048", policy={"applications": ["tester"]})
        said = self.tool("--test", login=False, settings=settings)
        for well in ("all 4 digest functions seem to work", "all 4 signature functions seem to work", "RSA-PKCS: OK",
                     "SHA256-RSA-PKCS: OK", "No errors"):
            self.assertIn(well, said)
        self.assertIn("No errors", self.tool("--test"))

    def test_an_application_sees_its_own_keys(self):
        """And its token asks for a PIN once its private key has a passphrase."""
        self.change("a", "CreateKey", name="its-own", algorithm="EC_P256", policy={"applications": ["builder"]})
        self.token_key("not-its-own")
        settings = self.configure_application("builder")
        key = self.folder / "builder" / "builder.key"
        openssl("pkcs8", "-topk8", "-in", key, "-passout", f"file:{self.pin_file}", "-out", key.with_suffix(".enc.key"))
        settings.write_text(settings.read_text().replace(str(key), str(key.with_suffix(".enc.key"))))
        self.assertIn("login required", self.tool("-L", login=False, settings=settings))
        self.assertNotIn("Key Object", self.tool("-O", login=False, settings=settings))
        self.assertEqual({"its-own"}, set(re.findall(r"label: +(.*)", self.tool("-O", settings=settings))))
        self.assertIn("object not found", self.tool("--read-object", "--type", "pubkey", "--label", "not-its-own",
                                                    settings=settings, status=1))
        said = self.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "more", settings=settings, status=1)
        self.assertRegex(said, r"CKR_ACTION_PROHIBITED|0x1b")  # OpenSC 0.23 knows no word for it.

    def configure_application(self, name: str) -> Path:
        """The module's settings with another client, of the role application."""
        folder = self.folder / name
        self.twinseal("client", "issue", name, "--role", "application", "--out-dir", folder)
        bench = self.bench.files.module
        settings = folder / "pkcs11.conf"
        settings.write_text(bench.config.read_text().replace(str(bench.certificate), str(folder / f"{name}.pem"))
                            .replace(str(bench.key), str(folder / f"{name}.key")))
        return settings

    def test_signatures_verify(self):
        text, digest, signature = (self.folder / name for name in ("text", "digest", "signature"))
        text.write_bytes(b"from the pair" * 1000)
        sha256 = hashlib.sha256(text.read_bytes()).digest()
        self.token_key("signs-ec")
        self.token_key("signs-rsa", "RSA_2048")
        pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
        for key, mechanism, prepared, options in (
                ("signs-ec", "ECDSA", sha256, ()), ("signs-ec", "ECDSA-SHA256", None, ()),
                ("signs-rsa", "RSA-PKCS", SHA256_DIGEST_INFO + sha256, ()), ("signs-rsa", "SHA256-RSA-PKCS", None, ()),
                ("signs-rsa", "RSA-PKCS-PSS", sha256, pss), ("signs-rsa", "SHA256-RSA-PKCS-PSS", None, pss)):
            with self.subTest(mechanism):
                digest.write_bytes(prepared or b"")
                hash_option = ("--hash-algorithm", "SHA256") if mechanism == "RSA-PKCS-PSS" else ()
                self.tool("--sign", "--id", self.id_of(key), "--mechanism", mechanism, *hash_option,
                          "--signature-format", "openssl", "--input-file", digest if prepared else text,
                          "--output-file", signature)
                self.assertIn(b"Verified OK", openssl("dgst", "-sha256", "-verify", self.public_key_file(key), *options,
                                                      "-signature", signature, text))
                signature.unlink()

    def test_ed25519_signs_the_message_itself(self):
        # On the token of one site: SoftHSM2 cannot wrap such keys.
        self.change("a", "CreateKey", name="signs-ed", algorithm="ED25519", storage="TOKEN")
        message, signature = self.folder / "message", self.folder / "message.sig"
        message.write_bytes(b"from the pair")
        self.tool("--sign", "--id", self.id_of("signs-ed"), "--mechanism", "EDDSA", "--input-file", message,
                  "--output-file", signature)
        openssl("pkeyutl", "-verify", "-pubin", "-inkey", self.public_key_file("signs-ed"), "-rawin", "-in", message,
                "-sigfile", signature)

    def test_the_public_key_is_the_appliances(self):
        # Of EC keys OpenSC 0.23 reads only some, by chance: it leaves the curve's name without an end.
        self.token_key("read", "RSA_2048")
        self.tool("--read-object", "--type", "pubkey", "--label", "read", "--output-file", "read.der")
        self.assertEqual(self.public_key_file("read").read_bytes(),
                         openssl("pkey", "-pubin", "-inform", "DER", "-in", self.folder / "read.der"))

    def test_what_is_no_digest_is_not_signed(self):
        self.token_key("strict", "RSA_2048")
        (self.folder / "raw").write_bytes(b"no DigestInfo")
        said = self.tool("--sign", "--id", self.id_of("strict"), "--mechanism", "RSA-PKCS", "--input-file", "raw",
                         status=1)
        self.assertIn("CKR_DATA_INVALID", said)

    def test_keys_are_made_and_destroyed(self):
        for kind, algorithm, digest_size in (("EC:prime256v1", "EC_P256", 32), ("EC:secp384r1", "EC_P384", 48),
                                             ("rsa:3072", "RSA_3072", 32)):
            with self.subTest(kind):
                name = "made-" + algorithm.lower().replace("_", "-")
                self.assertIn("Private Key Object", self.tool("--keypairgen", "--key-type", kind, "--label", name))
                key = self.api_of("b").call("KeyService/GetKey", key=name)
                self.assertEqual((algorithm, "ENABLED"), (key["algorithm"], key["state"]))
                self.sign("b", name, bytes(digest_size))
        self.tool("--delete-object", "--type", "privkey", "--label", "made-ec-p256")
        self.assertEqual("PENDING_DESTRUCTION",
                         self.api_of("b").call("KeyService/GetKey", key="made-ec-p256")["state"])
        self.assert_does_not_sign("b", "made-ec-p256")

    def certify(self, name: str) -> tuple[Ca, Path]:
        """A key with a certificate in the inventory, and its issuers; the CA and the certificate."""
        self.token_key(name)
        ca = Ca(self.folder / f"ca-{name}")
        certificate = ca.issue(name, self.public_key_file(name).read_text(), f"/CN={name}")
        self.twinseal("certificate", "import", "--key", name, "--in", certificate, "--in", ca.issuing, "--in", ca.root)
        return ca, certificate

    def certificate_labels(self) -> set[str]:
        return set(re.findall(r"label: +(.*)", self.tool("-O", "--type", "cert")))

    def test_certificates_are_shown_written_and_removed(self):
        _, certificate = self.certify("certified")
        der, read = self.folder / "certified.der", self.folder / "read.der"
        openssl("x509", "-in", certificate, "-outform", "DER", "-out", der)
        self.assertLessEqual({"certified", "certified issuer 1", "certified issuer 2"}, self.certificate_labels())
        identifier = self.id_of("certified")
        self.tool("--read-object", "--type", "cert", "--id", identifier, "--output-file", read)
        self.assertEqual(der.read_bytes(), read.read_bytes())
        self.tool("--delete-object", "--type", "cert", "--label", "certified")
        self.assertNotIn("certified", self.certificate_labels())
        self.assertNotIn("certificates", self.api_of("a").call("CertificateService/ListCertificates", key="certified"))
        self.tool("--write-object", der, "--type", "cert", "--id", identifier, "--label", "certified")
        self.assertIn("certified", self.certificate_labels())
        self.token_key("not-certified")
        said = self.tool("--write-object", der, "--type", "cert", "--label", "not-certified", status=1)
        self.assertIn("CKR_ATTRIBUTE_VALUE_INVALID", said)

    def test_sites_have_tokens_of_their_own_where_configured(self):
        self.token_key("anywhere")
        settings = self.folder / "sites.conf"
        sites = "".join(f'{name} = "{self.bench.api_address(name)}"\n' for name in "ab")
        settings.write_text(f"{self.bench.files.module.config.read_text()}[sites]\n{sites}")
        labels = re.findall(r"token label +: (.*)", self.tool("-L", login=False, settings=settings))
        self.assertEqual(["Twinseal", "Twinseal a", "Twinseal b"], [label.strip() for label in labels])
        self.site("a").kill()
        for token, reachable in (("Twinseal", True), ("Twinseal b", True), ("Twinseal a", False)):
            with self.subTest(token):
                said = self.tool("--token-label", token, "-O", settings=settings,
                                 status=0 if reachable else 1)
                self.assertIn("label:      anywhere" if reachable else "CKR_DEVICE_ERROR", said)

    def test_a_wrong_pin_opens_nothing(self):
        self.assertIn("CKR_PIN_INCORRECT", self.tool("-O", pin="4321", status=1))

    # --- GnuTLS -------------------------------------------------------------------------------------------------

    def gnutls(self, *arguments: str | Path, **variables: str) -> str:
        return self.run_program(*as_user(), *arguments, GNUTLS_PIN=USER_PIN, **variables)

    def test_p11_kit_finds_what_is_installed(self):
        prefix, home = self.folder / "installed", self.folder / "another-home"
        self.run_program("cmake", "--install", self.bench.programs.folder.parent, "--component", "pkcs11",
                         "--prefix", prefix)
        modules = home / ".config" / "pkcs11" / "modules"
        modules.mkdir(parents=True)
        shutil.copy(prefix / "share" / "p11-kit" / "modules" / "twinseal.module", modules)
        self.assertIn(f"module: {prefix}/", (modules / "twinseal.module").read_text())
        self.assertIn("token=Twinseal", self.gnutls("p11tool", "--list-tokens", HOME=str(home)))

    def test_p11tool_lists_and_exports(self):
        self.token_key("listed")
        listed = self.gnutls("p11tool", "--list-privkeys", "--login", self.uri("listed"))
        self.assertIn("object=listed;type=private", listed)
        self.gnutls("p11tool", "--login", "--export", self.uri("listed", "public"), "--outfile", "listed.pem")
        self.assertEqual(self.public_key_file("listed").read_bytes(),
                         openssl("pkey", "-pubin", "-in", self.folder / "listed.pem"))

    def test_p11tool_reads_and_writes_certificates(self):
        ca, certificate = self.certify("chained")
        listed = self.gnutls("p11tool", "--login", "--list-all-certs", "pkcs11:token=Twinseal")
        for label, file in (("chained", certificate), ("chained%20issuer%201", ca.issuing),
                            ("chained%20issuer%202", ca.root)):
            self.assertIn(f"object={label};type=cert", listed)
            self.gnutls("p11tool", "--login", "--export", self.uri(label, "cert"), "--outfile", "exported.pem")
            self.assertEqual(openssl("x509", "-in", file), openssl("x509", "-in", self.folder / "exported.pem"))
        self.twinseal("certificate", "remove", "--key", "chained", "--id", self.certificate_id("chained"))
        self.gnutls("p11tool", "--login", "--write", "--load-certificate", certificate, "--label", "chained",
                    "pkcs11:token=Twinseal")
        self.assertTrue(self.certificate_id("chained"))

    def certificate_id(self, key: str) -> str:
        [certificate] = self.api_of("a").call("CertificateService/ListCertificates", key=key)["certificates"]
        return certificate["certificateId"]

    def test_certtool_makes_certificates_and_requests(self):
        (self.folder / "certtool.cfg").write_text('cn = "sign.example"\ndns_name = "sign.example"\n'
                                                  "expiration_days = 30\nsigning_key\ntls_www_server\n")
        for algorithm in ("EC_P256", "RSA_2048"):
            with self.subTest(algorithm):
                name = "cert-" + algorithm.lower().replace("_", "-")
                self.token_key(name, algorithm)
                keys = ("--load-privkey", self.uri(name), "--load-pubkey", self.uri(name, "public"), "--template",
                        "certtool.cfg", "--outfile")
                self.gnutls("certtool", "--generate-self-signed", *keys, "self.pem")
                certificate = self.folder / "self.pem"
                self.assertIn(b"OK", openssl("verify", "-check_ss_sig", "-CAfile", certificate, certificate))
                self.assertEqual(self.public_key_file(name).read_bytes(),
                                 openssl("x509", "-in", certificate, "-noout", "-pubkey"))
                self.gnutls("certtool", "--generate-request", *keys, "request.pem")
                openssl("req", "-verify", "-noout", "-in", self.folder / "request.pem")


if __name__ == "__main__":
    unittest.main()
