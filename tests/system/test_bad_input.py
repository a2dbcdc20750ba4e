"""What strangers and careless clients send: each is refused with the right code, changes nothing and harms nobody."""

import contextlib
import json
import os
import socket
import ssl
import threading
import time
import unittest

from bench_sites.vault import vault_blobs
from support.api import Api, ApiError, Identity, encoded
from support.appliance import ApplianceTest, make_request, openssl
from support.owner import TokenOwner

CREATE = "KeyService/CreateKey"


class Bodies(ApplianceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with Api(cls.site.listen, cls.operator) as api:
            api.create_key("p256")
            api.create_key("rsa", "RSA_2048")

    def setUp(self):
        self.keys_before = self.api().call("KeyService/ListKeys")

    def tearDown(self):
        self.assertEqual(self.keys_before, self.api().call("KeyService/ListKeys"), "something was changed")

    def refused(self, procedure: str, body: bytes, content_type: str = "application/json", status: int = 400,
                code: str = "invalid_argument") -> str:
        got, _, content = self.api().post(procedure, body, content_type)
        self.assertEqual(status, got, content)
        answer = json.loads(content)
        self.assertEqual(code, answer["code"])
        self.assertTrue(answer["message"])
        return answer["message"]

    def test_an_unknown_field_is_named(self):
        body = json.dumps({"requestId": "r1", "name": "n", "algorithm": "EC_P256", "colour": "red"}).encode()
        self.assertIn("colour", self.refused(CREATE, body))

    def test_malformed_json(self):
        for body in (b"", b"{", b"[]", b'"text"', b"{\"name\": }", b"\xff\xfe", b"\0" * 100, b"{" * 10_000,
                     b'{"a":' * 5_000, b'{"name":"n"', b'{"name":1e999}', b"null", b"{}{}"):
            with self.subTest(body=body[:20]):
                self.refused(CREATE, body)

    def test_fields_of_the_wrong_type(self):
        for fields in ({"name": 5}, {"algorithm": "EC_P999"}, {"policy": []}, {"algorithm": {}},
                       {"policy": {"maxSignaturesPerActivation": -1}}, {"policy": {"maxSignaturesPerActivation": 1025}}):
            with self.subTest(fields=fields):
                request = {"requestId": "r2", "name": "n", "algorithm": "EC_P256", **fields}
                self.refused(CREATE, json.dumps(request).encode())

    def test_malformed_protobuf(self):
        for body in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05abc", b"\x08" * 1000, os.urandom(500),
                     b"\x0b" * 20_000):
            with self.subTest(body=body[:20]):
                self.refused(CREATE, body, "application/proto")

    def test_a_wrong_content_type(self):
        for content_type in ("text/plain", "application/xml", "application/grpc", ""):
            with self.subTest(content_type):
                status, _, _ = self.api().post(CREATE, b"{}", content_type)
                self.assertEqual(415, status)

    def test_paths_and_methods_that_do_not_exist(self):
        api = self.api()
        for path in ("/", "/twinseal.v1.KeyService/Nothing", "/twinseal.v1.KeyService", "/../etc/passwd", "/%00",
                     "/" + "a" * 4000):
            with self.subTest(path[:40]):
                self.assertIn(api.request("POST", path, b"{}", {"Content-Type": "application/json"})[0], (400, 404, 414, 431))
        self.assertEqual(405, api.request("GET", "/twinseal.v1.KeyService/CreateKey")[0])

    def test_digests_of_the_wrong_length(self):
        for key, scheme, length in (("p256", "ECDSA_SHA256", 31), ("p256", "ECDSA_SHA256", 33), ("p256", "ECDSA_SHA256", 0),
                                    ("rsa", "RSA_PSS_SHA512", 32), ("rsa", "RSA_PKCS1_SHA256", 64)):
            with self.subTest(key=key, length=length):
                body = json.dumps({"key": key, "scheme": scheme, "digest": encoded(bytes(length))}).encode()
                self.assertIn("digest", self.refused("SigningService/Sign", body))

    def test_batches_that_are_empty_too_long_or_partly_wrong(self):
        digest = encoded(bytes(32))
        for digests in ([], [digest] * 1025, [digest, encoded(bytes(31)), digest]):
            with self.subTest(count=len(digests)):
                self.refused("SigningService/SignBatch", json.dumps({"key": "p256", "digests": digests}).encode())

    def test_a_scheme_that_does_not_fit_the_key(self):
        for key, scheme in (("p256", "RSA_PSS_SHA256"), ("rsa", "ECDSA_SHA256"), ("p256", "ED25519_PURE")):
            with self.subTest(key=key, scheme=scheme):
                body = json.dumps({"key": key, "scheme": scheme, "digest": encoded(bytes(32))}).encode()
                self.refused("SigningService/Sign", body)

    def test_odd_key_names(self):
        names = ["", "a" * 10_000, "nul\0nul", "../escape", "/absolute", "a b", "tab\t", "Ünïcode", "new\nline", ".", "..",
                 "-dash", "quote'\"", "%s%n", "\u202eright-to-left", "a/b"]
        for name in names:
            with self.subTest(name=name[:20]):
                request = {"requestId": "r3", "name": name, "algorithm": "EC_P256"}
                self.assertIn("name", self.refused(CREATE, json.dumps(request).encode()))
        # Text that is no UTF-8 cannot be said in JSON; in protobuf it can be sent.
        self.refused(CREATE, b'{"requestId":"r4","name":"\xff\xfe","algorithm":"EC_P256"}')
        self.refused(CREATE, b"\x0a\x02r4\x12\x02\xff\xfe\x18\x01", "application/proto")

    def test_odd_names_of_keys_that_are_asked_for(self):
        for name in ("", "a" * 10_000, "nul\0", "../../etc/passwd"):
            with self.subTest(name=name[:20]), self.assertRaises(ApiError) as refused:
                self.api().call("KeyService/GetKey", key=name)
            self.assertIn(refused.exception.code, ("invalid_argument", "not_found"))

    def test_odd_request_ids(self):
        for request_id in ("", "a" * 10_000, "../x", "nul\0"):
            with self.subTest(request_id=request_id[:20]):
                request = {"requestId": request_id, "name": "n", "algorithm": "EC_P256"}
                self.refused(CREATE, json.dumps(request).encode())


class Connections(ApplianceTest):
    """At the level of TCP and TLS."""

    def tls(self, identity: Identity | None = None, timeout: float = 60.0) -> ssl.SSLSocket:
        plain = socket.create_connection(self.site.listen, timeout)
        connection = (identity or self.operator).tls().wrap_socket(plain, server_hostname=self.site.listen.host)
        self.addCleanup(connection.close)
        return connection

    def assert_still_serves(self):
        self.assertEqual("a", self.api().call("ApplianceService/GetStatus")["site"])

    def assert_refused_by_tls(self, identity: Identity):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            api = self.api(identity)
            status, _, content = api.request("GET", "/healthz")
            self.fail(f"was answered {status}: {content}")
        self.assert_still_serves()

    def read_all(self, connection: socket.socket) -> bytes:
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except (ConnectionError, ssl.SSLError):
            pass
        return received

    def resident_bytes(self) -> int:
        with open(f"/proc/{self.site.process().pid}/statm") as counts:
            return int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def send_until_refused(self, connection: ssl.SSLSocket, chunk: bytes) -> bytes:
        """Sends up to 100 MB; what the appliance answered. It must not have kept what was sent."""
        before = self.resident_bytes()
        try:
            for _ in range(104_857_600 // len(chunk)):
                connection.sendall(chunk)
        except OSError:
            pass  # The appliance has hung up.
        self.assertLess(self.resident_bytes() - before, 10_000_000)
        return self.read_all(connection)

    def test_a_body_of_100_mb_is_refused_before_it_is_read(self):
        connection = self.tls()
        connection.sendall(b"POST /twinseal.v1.KeyService/CreateKey HTTP/1.1\r\nHost: a\r\n"
                           b"Content-Type: application/json\r\nContent-Length: 104857600\r\n\r\n")
        self.assertIn(b" 413 ", connection.recv(4096).split(b"\r\n")[0])
        self.send_until_refused(connection, b"x" * 65536)
        self.assert_still_serves()

    def test_an_endless_chunked_body_is_refused(self):
        connection = self.tls()
        connection.sendall(b"POST /twinseal.v1.KeyService/CreateKey HTTP/1.1\r\nHost: a\r\n"
                           b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        answer = self.send_until_refused(connection, b"10000\r\n" + b"x" * 65536 + b"\r\n")
        if answer:
            self.assertIn(b" 413 ", answer.split(b"\r\n")[0])
        self.assert_still_serves()

    def test_headers_without_end_are_refused(self):
        connection = self.tls()
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
        with self.assertRaises(OSError):
            for number in range(200_000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 100))
        self.assert_still_serves()

    def test_a_slow_sender_is_cut_off_and_holds_nobody_up(self):
        connection = self.tls()
        cut_off = threading.Event()

        def send_slowly() -> None:
            text = b"POST /twinseal.v1.KeyService/CreateKey HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
            try:
                for byte in text + b"x" * 1_000_000:
                    connection.send(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                cut_off.set()

        sender = threading.Thread(target=send_slowly, daemon=True)
        sender.start()
        self.assert_still_serves()
        sender.join(timeout=90)
        self.assertTrue(cut_off.is_set(), "the slow sender was not cut off")

    def test_plain_http_on_the_tls_port(self):
        with socket.create_connection(self.site.listen, 30) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = self.read_all(connection)
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"https", answer)
        self.assert_still_serves()

    def test_noise_instead_of_tls(self):
        for noise in (os.urandom(4096), b"", b"\x16\x03\x01\xff\xff" + b"A" * 65535):
            with socket.create_connection(self.site.listen, 30) as connection:
                with contextlib.suppress(OSError):  # The server may hang up before it heard all.
                    connection.sendall(noise)
                    connection.shutdown(socket.SHUT_WR)
                self.read_all(connection)
        self.assert_still_serves()

    def test_tls_1_2_is_refused(self):
        context = self.operator.tls()
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(self.site.listen, 30) as plain:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain, server_hostname=self.site.listen.host)
        self.assert_still_serves()

    def test_no_client_certificate(self):
        """Enough to ask for the health, as a load balancer does, and for nothing else."""
        api = self.api(Identity(None, None, self.operator.ca))
        self.assertEqual(200, api.request("GET", "/healthz")[0])
        with self.assertRaises(ApiError) as refused:
            api.call("ApplianceService/GetStatus")
        self.assertEqual("unauthenticated", refused.exception.code)

    def forged(self, name: str, *options: str) -> Identity:
        """A certificate of another CA with the operator CA's name, which says that its owner is an operator."""
        ca_subject = openssl("x509", "-in", self.operator.ca, "-noout", "-subject", "-nameopt", "compat").decode()
        subject = ca_subject.removeprefix("subject=").strip()
        if not subject.startswith("/"):
            subject = "/" + subject.replace(", ", "/")
        paths = {kind: self.folder / f"{name}.{kind}" for kind in ("ca-key", "ca-pem", "key", "csr", "pem", "ext")}
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                paths["ca-key"], "-subj", subject, "-out", paths["ca-pem"], "-days", "10")
        make_request(paths["key"], paths["csr"])
        paths["ext"].write_text("subjectAltName=URI:twinseal:operator/admin\nextendedKeyUsage=clientAuth\n")
        openssl("x509", "-req", "-in", paths["csr"], "-CA", paths["ca-pem"], "-CAkey", paths["ca-key"],
                "-CAcreateserial", "-extfile", paths["ext"], "-out", paths["pem"], *(options or ("-days", "10")))
        return Identity(paths["pem"], paths["key"], self.operator.ca)

    def test_another_cas_certificate(self):
        self.assert_refused_by_tls(self.forged("other"))

    def signed_by_the_operator_ca(self, name: str, days: str) -> Identity:
        """A certificate that the real CA's key signs: the token's owner can get at it."""
        ca = self.api().call("KeyService/GetKey", key="twinseal.operator-ca")
        paths = {kind: self.folder / f"{name}.{kind}" for kind in ("ca-key", "key", "csr", "pem", "ext")}
        owner = TokenOwner(self.site)
        try:
            paths["ca-key"].write_bytes(owner.private_key(vault_blobs(self.site.files)[ca["keyId"], 1]))
        finally:
            owner.close()
        make_request(paths["key"], paths["csr"])
        paths["ext"].write_text("subjectAltName=URI:twinseal:operator/admin\nextendedKeyUsage=clientAuth\n")
        openssl("x509", "-req", "-in", paths["csr"], "-CA", self.operator.ca, "-CAkeyform", "DER", "-CAkey", paths["ca-key"],
                "-set_serial", "77", "-extfile", paths["ext"], "-days", days, "-out", paths["pem"])
        return Identity(paths["pem"], paths["key"], self.operator.ca)

    def test_an_expired_certificate(self):
        still_good = self.signed_by_the_operator_ca("good", "1")
        self.assertEqual(200, self.api(still_good).request("GET", "/healthz")[0])
        # Zero days: it ends in the second in which it begins.
        self.assert_refused_by_tls(self.signed_by_the_operator_ca("expired", "0"))

    def test_a_self_signed_certificate(self):
        key, certificate = self.folder / "self.key", self.folder / "self.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-subj", "/CN=admin", "-addext", "subjectAltName=URI:twinseal:operator/admin", "-out", certificate)
        self.assert_refused_by_tls(Identity(certificate, key, self.operator.ca))


if __name__ == "__main__":
    unittest.main()
