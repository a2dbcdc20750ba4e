"""A bench for a test class, and what tests do with it."""

import atexit
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from bench_sites import tokens
from bench_sites.bench import Bench
from bench_sites.layout import BenchFiles, Programs
from bench_sites.processes import end_by_sigterm_as_by_ctrl_c
from bench_sites.site import Site

from .api import Api, Identity
from .libcrypto import public_key

# A test that is ended for taking too long still takes its appliances with it.
end_by_sigterm_as_by_ctrl_c()


class Folder(unittest.TestCase):
    """A temporary folder for the class, removed at its end."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp(prefix="twinseal-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)


class Appliances(Folder):
    """What tests of one appliance and of a pair have in common."""

    bench: Bench
    operator: Identity

    def twinseal(self, *arguments: str | Path, identity: Identity | None = None, status: int = 0,
                 stdin: bytes | None = None, **variables: str) -> str:
        """Runs the command line; fails the test unless it ends with `status`. Gives its output, with that on stderr
        when it is to be refused."""
        environment = {**os.environ, **self.bench.client_environment(), **variables}
        if identity:
            environment.update(TWINSEAL_CERTIFICATE=str(identity.certificate), TWINSEAL_KEY=str(identity.key))
        done = subprocess.run([self.bench.programs.cli, *arguments], env=environment, input=stdin or b"",
                              capture_output=True)
        self.assertEqual(done.returncode, status,
                         f"twinseal {' '.join(map(str, arguments))}\n{done.stdout.decode()}{done.stderr.decode()}")
        return (done.stdout + done.stderr if status else done.stdout).decode()

    def assert_verifies(self, pem: str, signature: bytes, digest: bytes, hash_name: str = "SHA256",
                        pss: bool = False) -> None:
        self.assertTrue(public_key(pem).verifies_digest(signature, digest, hash_name, pss),
                        "the signature does not verify")


class ApplianceTest(Appliances):
    """One appliance, set up and started for the class, stopped at its end with all that it started."""

    token = staticmethod(tokens.softhsm)
    site: Site

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.bench = new_bench(cls.folder / "bench", cls.token)
        cls.addClassCleanup(cls.bench.down)
        cls.bench.up(["a"])
        cls.site = cls.bench.site("a")
        cls.operator = operator_of(cls.bench)

    def api(self, identity: Identity | None = None, timeout: float = 30.0) -> Api:
        """A connection that is closed when the test ends."""
        api = Api(self.site.listen, identity or self.operator, timeout)
        self.addCleanup(api.close)
        return api

    def issue(self, role: str, name: str, days: int = 0) -> Identity:
        """A client certificate of the operator CA's, for a key that is made here."""
        key, csr, certificate = (self.folder / f"{role}-{name}.{kind}" for kind in ("key", "csr", "pem"))
        make_request(key, csr)
        answer = self.api().change("ApplianceService/IssueClientCertificate", role=role.upper(), name=name,
                                   csrPem=csr.read_text(), **({"days": days} if days else {}))
        certificate.write_text(answer["certificatePem"])
        return Identity(certificate, key, self.operator.ca)

    def public_pem(self, key: str, **fields) -> str:
        return self.api().call("KeyService/GetPublicKey", key=key, **fields)["publicKeyPem"]


def new_bench(folder: Path, token=tokens.softhsm) -> Bench:
    """A bench whose processes end with this program at the latest."""
    bench = Bench(BenchFiles(folder), Programs.find(), token)
    atexit.register(bench.kill_all)
    return bench


def operator_of(bench: Bench) -> Identity:
    operator = bench.files.operator
    return Identity(operator.certificate, operator.key, operator.ca)


def openssl(*arguments: str | Path) -> bytes:
    """Runs openssl; its output."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(map(str, arguments))}\n{done.stderr.decode()}")
    return done.stdout


def make_request(key: Path, csr: Path) -> None:
    """A new P-256 key and a certificate request for it."""
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-subj", "/CN=test", "-out", csr)
