"""A pair for a test class, and what tests do with it."""

import os
import subprocess
import time
import uuid
from typing import Callable, TypeVar

from bench_sites.addresses import Address
from bench_sites.bench import API_PORT
from bench_sites.network import CLIENT
from bench_sites.place import Place
from bench_sites.site import Site

from .api import Api, ApiError, Identity
from .appliance import Appliances, make_request, new_bench, operator_of

PATIENCE_SECONDS = 30.0
LOG_LINES = 30  # Of each place, when a test fails.

T = TypeVar("T")


class PairTest(Appliances):
    """Sites a and b and the agent, paired and ready for the class, stopped at its end. Each test finds all of it whole:
    what a test has broken is mended before the next one."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.bench = new_bench(cls.folder / "bench")
        cls.addClassCleanup(cls.bench.down)
        cls.bench.programs.check()
        cls.bench.prepare_pair(environment=cls.environment)
        cls.bench.pair()
        cls.operator = operator_of(cls.bench)

    @classmethod
    def environment(cls, _: Place) -> dict[str, str]:
        """Further variables for the place's service."""
        return {}

    def setUp(self) -> None:
        super().setUp()
        self.mend()

    def mend(self) -> None:
        self.bench.network.change(lambda plan: plan.links.clear())
        for place in self.bench.places():
            place.resume_all()
        self.bench.start_all()

    def site(self, name: str) -> Site:
        return self.bench.site(name)

    def api_of(self, site: str, timeout: float = PATIENCE_SECONDS, identity: Identity | None = None) -> Api:
        """A connection to the site as clients have it, over the links of `client`; closed when the test ends. The
        operator's unless another identity is given."""
        relay = self.bench.network.relay(CLIENT)
        api = Api(Address(self.bench.address(site), API_PORT), identity or self.operator, timeout, relay)
        self.addCleanup(api.close)
        return api

    def application(self, name: str) -> Identity:
        """A client certificate for an application."""
        key, csr, certificate = (self.folder / f"application-{name}.{kind}" for kind in ("key", "csr", "pem"))
        make_request(key, csr)
        answer = self.until_answered("issuing a certificate", lambda: self.api_of("a").change(
            "ApplianceService/IssueClientCertificate", role="APPLICATION", name=name, csrPem=csr.read_text()))
        certificate.write_text(answer["certificatePem"])
        return Identity(certificate, key, self.operator.ca)

    # A machine that runs many tests at once may be so busy that a site loses the ledger for a moment, and says so. These
    # ask again, as clients do.

    def change(self, site: str, procedure: str, **fields) -> dict:
        request = {"requestId": str(uuid.uuid4()), **fields}
        return self.until_answered(procedure, lambda: self.api_of(site).call(f"KeyService/{procedure}", **request))

    def make_key(self, name: str, site: str = "a", **fields) -> dict:
        return self.change(site, "CreateKey", name=name, algorithm="EC_P256", **fields)

    def sign(self, site: str, key: str, digest: bytes = bytes(32)) -> bytes:
        return self.until_answered(f"signing with {key}", lambda: self.api_of(site).sign(key, digest))

    def assert_does_not_sign(self, site: str, key: str) -> None:
        with self.assertRaises(ApiError) as refused:
            self.api_of(site).sign(key, bytes(32))
        self.assertIn(refused.exception.code, ("failed_precondition", "unavailable"))

    def until_answered(self, what: str, ask: Callable[[], T]) -> T:
        """Its answer, once it is not "unavailable" any more."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return ask()
            except ApiError as error:
                if error.code != "unavailable" or time.monotonic() > end:
                    raise
            except OSError as error:
                if time.monotonic() > end:
                    self.fail(f"{what}: {error}")
            time.sleep(0.02)

    def until(self, what: str, done: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS) -> float:
        """Asks again and again until it is so, or fails the test; no answer is a no. The seconds that it took."""
        started = time.monotonic()
        while True:
            try:
                if done():
                    return time.monotonic() - started
                why = ""
            except (OSError, ApiError) as error:
                why = f": {error}"
            if time.monotonic() - started > patience_seconds:
                self.fail(f"{what}: not within {patience_seconds:.0f} s{why}\n{self.how_it_is()}")
            time.sleep(0.02)

    def how_it_is(self) -> str:
        """What an operator would look at, for the words of a failure."""
        status = subprocess.run([self.bench.programs.cli, "status"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env={**os.environ, **self.bench.client_environment()}).stdout.decode()
        return "\n".join([status, *(place.last_words(LOG_LINES) for place in self.bench.places())])
