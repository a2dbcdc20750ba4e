"""The pairing ceremony with real sites: interrupted at each of its steps, undone, and begun again."""

import json
import os
import subprocess
import time
import unittest
from typing import Callable

from bench_sites.layout import AGENT
from bench_sites.pairing import confirm
from support.appliance import Appliances, new_bench, operator_of

PATIENCE_SECONDS = 60.0


class Pairing(Appliances):
    """Sites a and b and an agent that are not yet paired, for each test."""

    def setUp(self) -> None:
        super().setUp()
        self.bench = new_bench(self.folder / self.id().rpartition(".")[2])
        self.addCleanup(self.bench.down)
        self.bench.prepare_pair()
        self.operator = operator_of(self.bench)
        self.ceremony_file = self.bench.agent().files.data / "ceremony"

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.bench.client_environment(),
                "TWINSEAL_ENDPOINTS": self.bench.api_address("a"),
                "TWINSEAL_PROXY": self.bench.network.proxy(AGENT)}

    def command(self, *arguments: str) -> list[str]:
        return [str(self.bench.programs.cli), "pair", *arguments,
                "--agent-config", str(self.bench.agent().files.config)]

    def create(self, within: str = "300s") -> subprocess.Popen:
        process = subprocess.Popen(
            self.command("create", "--joiner", self.bench.api_address("b"), "--confirm-within", within),
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def abort(self, *more: str, status: int = 0) -> str:
        done = subprocess.run(self.command("abort", *more), env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def looks(self) -> dict[str, dict]:
        """What each site says of the pair; those that say something."""
        done = subprocess.run([str(self.bench.programs.cli), "pair", "status", "--output", "json",
                               "--joiner", self.bench.api_address("b")],
                              env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        sites = json.loads(done.stdout or '{"sites": []}')["sites"]
        return {site["pair"]["site"]: site["pair"] for site in sites if site["pair"]}

    def phases(self) -> dict[str, str]:
        return {name: pair["phase"] for name, pair in self.looks().items()}

    def confirm_at(self, *names: str) -> None:
        code = self.looks()["b"]["code"]
        for name in names:
            confirm(self.bench.programs, self.bench.site(name).files.config, code)

    def until(self, what: str, done) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not done():
            self.assertLess(time.monotonic(), end, f"{what}: not within {PATIENCE_SECONDS:.0f} s; {self.phases()}")
            time.sleep(0.005)

    def identity_of_ceremony(self) -> int:
        """Another number for each time that the driver has noted something."""
        try:
            return os.stat(self.ceremony_file).st_ino
        except FileNotFoundError:
            return 0

    def assert_serves_as_one(self) -> None:
        self.bench._mark(paired=True)
        self.bench.start_all()
        self.twinseal("key", "create", "shared", "--algorithm", "ec-p256")
        file = self.folder / "file"
        file.write_bytes(b"to be signed")
        for name in "ab":
            signature = self.folder / f"{name}.sig"
            self.twinseal("sign", "--key", "shared", "--in", file, "--out", signature,
                          TWINSEAL_ENDPOINTS=self.bench.api_address(name))
            self.twinseal("verify", "--key", "shared", "--in", file, "--signature", signature)

    def test_whenever_its_driver_is_killed_the_ceremony_goes_on(self):
        confirmed, runs = False, 0
        while True:
            runs += 1
            self.assertLess(runs, 40, "the ceremony never ends")
            noted = self.identity_of_ceremony()
            driver = self.create()
            while driver.poll() is None and self.identity_of_ceremony() in (noted, 0):
                if not confirmed and self.phases() == {"a": "agreed", "b": "answered"}:
                    self.confirm_at("a", "b")
                    confirmed = True
            if driver.poll() is not None:
                break
            driver.kill()
            driver.wait()
        self.assertEqual(driver.returncode, 0, driver.stdout.read().decode())
        self.assertGreater(runs, 5)
        self.assertFalse(self.ceremony_file.exists())
        self.assert_serves_as_one()

    def test_an_undone_ceremony_leaves_both_sites_as_before(self):
        self.twinseal("key", "create", "older", "--algorithm", "ec-p256",
                      TWINSEAL_ENDPOINTS=self.bench.api_address("a"))
        for confirmed in ((), ("b",), ("a",)):
            driver = self.create(within="2s")
            self.until("agreed", lambda: self.phases() == {"a": "agreed", "b": "answered"})
            if confirmed:
                self.confirm_at(*confirmed)
            self.assertEqual(driver.wait(), 1)
            self.abort()
            self.assertEqual(self.phases(), {"a": "alone", "b": "joining"})
            self.assertFalse(self.ceremony_file.exists())
            self.twinseal("key", "show", "older", TWINSEAL_ENDPOINTS=self.bench.api_address("a"))
        driver = self.create()
        self.until("agreed", lambda: self.phases() == {"a": "agreed", "b": "answered"})
        self.confirm_at("a", "b")
        self.assertEqual(driver.wait(), 0, driver.stdout.read().decode())
        self.assertIn("concluded", self.abort(status=1))
        self.assert_serves_as_one()

    def test_an_accepted_domain_is_given_back(self):
        self.twinseal("key", "create", "older", "--algorithm", "ec-p256",
                      TWINSEAL_ENDPOINTS=self.bench.api_address("a"))
        # Where the driver comes next after the joiner has accepted, it cannot go on.
        in_the_way = self.bench.agent().files.data / "agent.key"
        self.accept_everywhere(meanwhile=in_the_way.mkdir, status=1)
        self.until("b has started again", lambda: self.phases() == {"a": "released", "b": "accepted"})
        in_the_way.rmdir()
        self.abort()
        self.until("b has given the domain back", lambda: self.phases() == {"a": "alone", "b": "joining"})
        self.assertFalse(self.ceremony_file.exists())
        self.accept_everywhere()
        self.assert_serves_as_one()
        self.twinseal("key", "show", "older", TWINSEAL_ENDPOINTS=self.bench.api_address("b"))

    def accept_everywhere(self, meanwhile: Callable[[], None] = lambda: None, status: int = 0) -> None:
        driver = self.create()
        self.until("agreed", lambda: self.phases() == {"a": "agreed", "b": "answered"})
        meanwhile()
        self.confirm_at("a", "b")
        self.assertEqual(driver.wait(), status, driver.stdout.read().decode())

    def test_sites_that_are_killed_meanwhile_take_it_up_again(self):
        driver = self.create()
        self.until("agreed", lambda: self.phases() == {"a": "agreed", "b": "answered"})
        for name in "ab":
            self.bench.site(name).kill()
            self.bench.site(name).start(wait=False)
            self.bench.site(name).wait_until_listening()
        self.until("still agreed", lambda: self.phases() == {"a": "agreed", "b": "answered"})
        self.confirm_at("a", "b")
        self.assertEqual(driver.wait(), 0, driver.stdout.read().decode())
        self.assert_serves_as_one()


if __name__ == "__main__":
    unittest.main()
