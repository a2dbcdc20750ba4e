"""kill -9 at random moments under load: nothing acknowledged is lost, and no signature is wrong.

Clients change and use keys all the time, each its own. What was acknowledged must hold afterwards; what was under way
when a process died is asked again under the same request id until it is acknowledged. Victims and moments come from a
seed, which is printed; TWINSEAL_CRASH_SEED replays them, TWINSEAL_CRASH_KILLS sets how many there are.
"""

import http.client
import os
import random
import threading
import time
import unittest
import uuid

from bench_sites.addresses import Address
from bench_sites.errors import BenchError
from support.api import Api, ApiError, decoded, encoded
from support.appliance import ApplianceTest
from support.libcrypto import public_key

KILLS = int(os.environ.get("TWINSEAL_CRASH_KILLS", "100"))
SEED = int(os.environ.get("TWINSEAL_CRASH_SEED") or random.SystemRandom().randrange(1 << 32))
CLIENTS = 4

# What a client sees while the appliance is dead or comes up.
PASSING = {"unavailable", "deadline_exceeded", "aborted", "resource_exhausted", "canceled"}


class _Stopped(Exception):
    """The test is over while a change was not acknowledged yet: what became of it does not matter."""


class Client(threading.Thread):
    """Makes, changes and uses keys of its own until told to stop, and remembers what was acknowledged."""

    def __init__(self, number: int, address: Address, identity, stop: threading.Event):
        super().__init__(name=f"client {number}")
        self._number, self._address, self._identity, self._stop_event = number, address, identity, stop
        self._random = random.Random(SEED + number)
        self._made = 0
        self.states: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.signed: list[tuple[str, int, bytes, bytes]] = []
        self.request_ids: list[str] = []
        self.problems: list[str] = []

    def run(self) -> None:
        try:
            while not self._stop_event.is_set():
                self._step()
        except _Stopped:
            pass
        except Exception as problem:  # Told by the test, on its own thread.
            self.problems.append(f"{self.name}: {problem!r}")
        finally:
            self._api.close()

    def _step(self) -> None:
        names = [name for name, state in self.states.items() if state != "DESTROYED"]
        choice = self._random.random()
        if not names or (choice < 0.06 and len(names) < 12):
            self._create()
            return
        name = self._random.choice(names)
        if choice < 0.12:
            self._change("DisableKey" if self.states[name] == "ENABLED" else "EnableKey", name)
        elif choice < 0.16:
            self._change("RotateKey", name) if self.states[name] == "ENABLED" else self._change("EnableKey", name)
        elif choice < 0.18 and len(names) > 4:
            self._change("ScheduleKeyDestruction", name, waitSeconds=0)
            self._destroy(name)
        else:
            self._sign(name)

    def _create(self) -> None:
        self._made += 1
        key = self._insist("KeyService/CreateKey", name=f"c{self._number}-{self._made}", algorithm="EC_P256",
                           policy={"minDestructionWaitSeconds": 0})
        self._remember(key)

    def _change(self, procedure: str, name: str, **fields) -> None:
        self._remember(self._insist(f"KeyService/{procedure}", key=name, **fields))

    def _destroy(self, name: str) -> None:
        try:
            self._change("DestroyKey", name)
        except ApiError as refused:
            # The appliance itself destroys what is due, and may have been first.
            if refused.code != "failed_precondition":
                raise
            self.states[name] = "DESTROYED"

    def _remember(self, key: dict) -> None:
        self.states[key["name"]] = key["state"]
        self.versions[key["name"]] = key["currentVersion"]

    def _sign(self, name: str) -> None:
        digest = self._random.randbytes(32)
        try:
            answer = self._api.call("SigningService/Sign", key=name, digest=encoded(digest))
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)  # Nobody listens; spares the processor.
            return
        except ApiError as refused:
            if refused.code == "failed_precondition" and self.states[name] != "ENABLED":
                return
            if refused.code not in PASSING:
                self.problems.append(f"signing with {name}, which is {self.states[name]}: {refused}")
            return
        if self.states[name] != "ENABLED":
            self.problems.append(f"{name} signed though it is {self.states[name]}")
        if answer["version"] != self.versions[name]:
            self.problems.append(f"{name} signed with version {answer['version']}, not {self.versions[name]}")
        self.signed.append((name, answer["version"], digest, decoded(answer["signature"])))

    def _insist(self, procedure: str, **fields) -> dict:
        """Asks under one request id until there is an answer."""
        request_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        while True:
            if self._stop_event.is_set():
                self.states.pop(fields.get("key"), None)
                raise _Stopped
            try:
                answer = self._api.call(procedure, requestId=request_id, **fields)
                self.request_ids.append(request_id)
                return answer
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            except ApiError as refused:
                if refused.code not in PASSING:
                    raise

    @property
    def _api(self) -> Api:
        if not hasattr(self, "_connected"):
            self._connected = Api(self._address, self._identity)
        return self._connected


class Crash(ApplianceTest):
    def kill_at_random(self, chance: random.Random, victim: str) -> None:
        time.sleep(chance.uniform(0.02, 0.35))
        if victim == "core":
            self.site.kill_core()
            return
        if victim == "twinseald":
            self.site.process().kill_alone()
        else:
            self.site.kill()
        self.site.start()

    def test_kills_at_random_moments(self):
        print(f"\nseed {SEED}, {KILLS} kills; to replay: TWINSEAL_CRASH_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        stop = threading.Event()
        clients = [Client(number, self.site.listen, self.operator, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for number in range(KILLS):
                victim = chance.choice(("core", "twinseald", "both"))
                try:
                    self.kill_at_random(chance, victim)
                except BenchError as problem:
                    self.fail(f"kill {number} ({victim}): {problem}")
                self.assertEqual([], [problem for client in clients for problem in client.problems],
                                 f"after kill {number} ({victim})")
            self.wait_until_it_signs()
        finally:
            stop.set()
            for client in clients:
                client.join(60)
        self.assertFalse(any(client.is_alive() for client in clients), "a client hangs")
        self.assertEqual([], [problem for client in clients for problem in client.problems])
        self.check_keys(clients)
        self.check_signatures(clients)
        self.check_audit_log(clients)
        self.twinseal("audit", "verify")
        signatures = sum(len(client.signed) for client in clients)
        changes = sum(len(client.request_ids) for client in clients)
        print(f"{changes} changes and {signatures} signatures were acknowledged; all hold", flush=True)
        self.assertGreater(signatures, KILLS)

    def test_a_token_that_a_kill_left_empty_is_there_again(self):
        self.site.kill()
        for token_object in self.site.files.token_folder.glob("*/token.object"):
            os.truncate(token_object, 0)
        self.site.start()

    def wait_until_it_signs(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if self.api().request("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        self.fail("the appliance is not ready 30 seconds after the last kill")

    def check_keys(self, clients: list[Client]) -> None:
        api = self.api()
        for client in clients:
            for name, state in client.states.items():
                key = api.call("KeyService/GetKey", key=name)
                self.assertEqual((state, client.versions[name]), (key["state"], key["currentVersion"]), name)
                if state == "ENABLED":
                    digest = os.urandom(32)
                    self.assert_verifies(self.public_pem(name), api.sign(name, digest), digest)

    def check_signatures(self, clients: list[Client]) -> None:
        pems: dict[tuple[str, int], str] = {}
        api = self.api()
        for client in clients:
            for name, version, digest, signature in client.signed:
                if (name, version) not in pems:
                    pems[name, version] = api.call("KeyService/GetPublicKey", key=name, version=version)["publicKeyPem"]
                self.assertTrue(public_key(pems[name, version]).verifies_digest(signature, digest),
                                f"a signature of {name} version {version} is wrong")

    def check_audit_log(self, clients: list[Client]) -> None:
        records = [record for record in self.api().audit_records() if record.outcome == "ok"]
        digests = {digest for record in records for digest in record.digests}
        request_ids = {record.request_id for record in records}
        for client in clients:
            missing = [digest.hex() for _, _, digest, _ in client.signed if digest not in digests]
            self.assertEqual([], missing, f"signatures of {client.name} without a record")
            missing = [request_id for request_id in client.request_ids if request_id not in request_ids]
            self.assertEqual([], missing, f"changes by {client.name} without a record")


if __name__ == "__main__":
    unittest.main()
