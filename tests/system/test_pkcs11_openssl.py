"""OpenSSL with libp11's engine on the module: signatures, requests, a CA, a TLS server; and osslsigncode, which stands
on the same engine."""

import os
import socket
import ssl
import struct
import unittest
from pathlib import Path

from bench_sites.addresses import free_address
from support.appliance import openssl
from support.openssl_engine import EngineTest

PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")


class Engine(EngineTest):
    def engine(self, command: str, *arguments: str | Path) -> str:
        return self.run_program("openssl", command, "-engine", "pkcs11", *arguments)

    def test_signatures_verify(self):
        text, signature = self.folder / "text", self.folder / "signature"
        text.write_bytes(b"from the pair" * 10_000)
        self.token_key("signs-p256")
        self.token_key("signs-p384", "EC_P384")
        self.token_key("signs-rsa", "RSA_2048")
        for key, digest, options in (("signs-p256", "-sha256", ()), ("signs-p384", "-sha384", ()),
                                     ("signs-rsa", "-sha256", ()), ("signs-rsa", "-sha512", ()),
                                     ("signs-rsa", "-sha256", PSS), ("signs-rsa", "-sha384", PSS)):
            with self.subTest(key, digest=digest, options=options):
                self.engine("dgst", digest, "-keyform", "engine", "-sign", self.key_uri(key), *options,
                            "-out", signature, text)
                self.assertIn(b"Verified OK", openssl("dgst", digest, "-verify", self.public_key_file(key), *options,
                                                      "-signature", signature, text))

    def test_it_reads_the_public_key(self):
        self.token_key("public")
        self.engine("pkey", "-inform", "engine", "-in", self.key_uri("public"), "-pubout", "-out", "public.pem")
        self.assertEqual(self.public_key_file("public").read_bytes(), (self.folder / "public.pem").read_bytes())

    def test_a_certificate_authority_issues(self):
        for number, algorithm in enumerate(("EC_P256", "RSA_2048")):
            with self.subTest(algorithm):
                ca_key, leaf_key = f"ca-{number}", f"leaf-{number}"
                self.token_key(ca_key, algorithm)
                self.token_key(leaf_key, algorithm)
                ca = self.self_signed(ca_key, "/CN=The pair's CA", "ca")
                self.engine("req", "-new", "-keyform", "engine", "-key", self.key_uri(leaf_key),
                            "-subj", "/CN=localhost", "-out", "leaf.csr")
                openssl("req", "-verify", "-noout", "-in", self.folder / "leaf.csr")
                self.engine("x509", "-req", "-in", "leaf.csr", "-CA", ca, "-CAkeyform", "engine",
                            "-CAkey", self.key_uri(ca_key), "-set_serial", "1", "-days", "30",
                            "-extfile", self.settings, "-extensions", "server", "-out", "leaf.pem")
                openssl("verify", "-CAfile", ca, self.folder / "leaf.pem")

    def test_a_tls_server_shakes_hands(self):
        self.token_key("tls")
        certificate = self.self_signed("tls", "/CN=localhost", "server")
        address = free_address()
        log = self.folder / "s_server.log"
        with self.running("openssl", "s_server", "-engine", "pkcs11", "-keyform", "engine",
                          "-key", self.key_uri("tls"), "-cert", certificate, "-accept", str(address), "-www",
                          log=log) as server:
            self.until("the server listens", lambda: server.poll() is not None or b"ACCEPT" in log.read_bytes())
            self.assertIsNone(server.poll(), log.read_text())
            trusted = ssl.create_default_context(cafile=str(certificate))
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                trusted.maximum_version = version
                with socket.create_connection(address, timeout=30) as plain, \
                        trusted.wrap_socket(plain, server_hostname="localhost") as connection:
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    self.assertIn(b"200", connection.recv(100))

    def test_osslsigncode_signs_a_program(self):
        plain, signed = self.folder / "plain.exe", self.folder / "signed.exe"
        plain.write_bytes(smallest_pe())
        for algorithm in ("RSA_2048", "EC_P256"):
            with self.subTest(algorithm):
                name = "code-" + algorithm.lower().replace("_", "-")
                self.token_key(name, algorithm)
                certificate = self.self_signed(name, "/CN=Code signer", "signer")
                self.osslsigncode("sign", "-pkcs11engine", engine_library(), "-pkcs11module", self.module,
                                  "-certs", certificate, "-key", self.uri(name), "-readpass", self.pin_file,
                                  "-h", "sha256", "-in", plain, "-out", signed)
                said = self.osslsigncode("verify", "-CAfile", certificate, "-in", signed)
                self.assertIn("Signature verification: ok", said)
                broken = bytearray(signed.read_bytes())
                broken[512] ^= 1
                signed.write_bytes(broken)
                self.osslsigncode("verify", "-CAfile", certificate, "-in", signed, status=1)
                signed.unlink()

    def test_osslsigncode_takes_the_certificate_from_the_token(self):
        plain, signed = self.folder / "plain.exe", self.folder / "signed.exe"
        plain.write_bytes(smallest_pe())
        self.token_key("code")
        certificate = self.self_signed("code", "/CN=Code signer", "signer")
        self.twinseal("certificate", "import", "--key", "code", "--in", certificate)
        self.osslsigncode("sign", "-pkcs11engine", engine_library(), "-pkcs11module", self.module, "-pkcs11cert",
                          self.uri("code", "cert"), "-key", self.uri("code"), "-readpass", self.pin_file,
                          "-h", "sha256", "-in", plain, "-out", signed)
        self.assertIn("Signature verification: ok",
                      self.osslsigncode("verify", "-CAfile", certificate, "-in", signed))

    def osslsigncode(self, *arguments: str | Path, status: int = 0) -> str:
        # It loads the engine itself, which fails when a configuration file has done so before.
        return self.run_program("osslsigncode", *arguments, status=status, OPENSSL_CONF=os.devnull)


def engine_library() -> Path:
    return Path(openssl("version", "-e").decode().split('"')[1]) / "pkcs11.so"


def smallest_pe() -> bytes:
    """A 64-bit Windows program (PE32+) of one section with one instruction: what signers and loaders insist on."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22)  # x86-64, one section; executable, large addresses.
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 512, 0, 0, 0x1000, 0x1000)
    optional += struct.pack("<QIIHHHHHH", 0x1_4000_0000, 0x1000, 512, 6, 0, 0, 0, 6, 0)
    optional += struct.pack("<IIIIHH", 0, 0x2000, 512, 0, 3, 0x8160)
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(128)
    section = struct.pack("<8sIIIIIIHHI", b".text", 1, 0x1000, 512, 512, 0, 0, 0, 0, 0x6000_0020)
    return (dos + b"PE\0\0" + coff + optional + section).ljust(512, b"\0") + b"\xC3".ljust(512, b"\0")


if __name__ == "__main__":
    unittest.main()
