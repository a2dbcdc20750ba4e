"""Clients of a pair that never give up: each asks the site of its own end first, and the other one when it must."""

import base64
import hashlib
import http.client
import random
import textwrap
import threading
import time
import uuid
from dataclasses import dataclass

from support.api import Api, ApiError, decoded, encoded

from .history import History

# What a site answers that is certain: the request took no effect, there or elsewhere (tests/history/README.md).
FINAL = {"invalid_argument", "failed_precondition", "not_found", "already_exists", "permission_denied",
         "unauthenticated", "out_of_range", "unimplemented"}

PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class KeyPlan:
    name: str
    isolation: str  # "stop" or "continue"


class Client:
    """One thread's. Each attempt at a site becomes a line of the history."""

    def __init__(self, name: str, apis: dict[str, Api], history: History):
        """`apis`: the site of its own end first."""
        self.name = name
        self._apis, self._history = apis, history

    def sign(self, key: str, site: str) -> bool:
        """True when a signature came back."""
        digest = hashlib.sha256(uuid.uuid4().bytes).digest()
        line, answer = self._attempt(site, "sign", key, "SigningService/Sign", {"digest": encoded(digest)})
        if line is None:
            return False
        if answer is not None:
            self._history.record_signature({**line, "version": answer["version"]}, digest,
                                           decoded(answer["signature"]))
            return True
        self._history.record(line)
        return False

    def change(self, op: str, key: KeyPlan, deadline: float) -> bool:
        """Asks until an answer is final; at another site each time. False when time was up before."""
        request_id = str(uuid.uuid4())
        procedure, fields = _CHANGES[op]
        request = {"requestId": request_id, **fields(key)}
        described = {"request_id": request_id}
        if op == "create":
            described.update(policy=key.isolation, isolation=key.isolation)
        sites = list(self._apis)
        attempt = 0
        while time.monotonic() < deadline:
            site = sites[attempt % len(sites)]
            attempt += 1
            line, answer = self._attempt(site, op, key.name, procedure, request, **described)
            if line is not None:
                if answer is not None:
                    line.update(self._key_facts(key.name, answer))
                    line.update(self._uninformed(answer))
                self._history.record(line)
                if _is_final(line):
                    return True
            time.sleep(PAUSE_SECONDS)
        return False

    def read_last(self, key: str, site: str, deadline: float) -> None:
        """Asks that site until an answer is final."""
        while not self.get(key, site, final=True) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)

    def get(self, key: str, site: str, **facts) -> bool:
        """True when the answer is final."""
        line, answer = self._attempt(site, "get", key, "KeyService/GetKey", {}, view=True, **facts)
        if line is None:
            return False
        if answer is not None:
            line.update(self._key_facts(key, answer))
        self._history.record(line)
        return _is_final(line)

    def ask(self, procedure: str, deadline: float, **request) -> dict | None:
        """Asks until an answer comes, at another site each time, and records nothing. None when time was up before; a
        refusal that is final is an error."""
        sites = list(self._apis)
        while time.monotonic() < deadline:
            try:
                return self.ask_at(sites[0], procedure, **request)
            except ApiError as error:
                if error.code in FINAL:
                    raise
            except (OSError, http.client.HTTPException, ValueError):
                pass
            sites.append(sites.pop(0))
            time.sleep(PAUSE_SECONDS)
        return None

    def ask_at(self, site: str, procedure: str, **request) -> dict:
        api = self._apis[site]
        try:
            return api.call(procedure, **request)
        except (OSError, http.client.HTTPException, ValueError):
            api.close()
            raise

    def close(self) -> None:
        for api in self._apis.values():
            api.close()

    # --- one attempt --------------------------------------------------------------------------------------------

    def _attempt(self, site: str, op: str, key: str, procedure: str, request: dict,
                 **described) -> tuple[dict | None, dict | None]:
        """The line to record and the answer. No line when the site was not reached, no answer when there is none."""
        api = self._apis[site]
        if op != "create":
            request = {"key": key, **request}
        try:
            api.connect()
        except (OSError, http.client.HTTPException):
            return None, None
        line = {"client": self.name, "site": site, "op": op, "key": key, **described,
                "start_ns": time.monotonic_ns()}
        answer = None
        try:
            answer = api.call(procedure, **request)
            line["outcome"] = "ok"
        except ApiError as error:
            line.update(outcome="refused", code=error.code, message=error.message)
            if op == "sign" and error.code == "failed_precondition" and "disabled" in error.message:
                line["state"] = "disabled"
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            line.update(outcome="unknown", message=f"{type(error).__name__}: {error}")
            api.close()
        line["end_ns"] = time.monotonic_ns()
        return line, answer

    def _key_facts(self, name: str, key: dict) -> dict:
        for version in key.get("versions", []):
            if not self._history.knows_key(name, version["version"]):
                self._history.learn_key(name, version["version"], _pem(version["publicKeyDer"]))
        return {"state": key["state"].lower(), "version": key["currentVersion"], "revision": int(key["revision"])}

    @staticmethod
    def _uninformed(key: dict) -> dict:
        sites = key.get("uninformedSites", [])
        if not sites:
            return {}
        # Carried from the sites' clock, which is this machine's wall clock, to the monotonic one.
        offset = time.monotonic_ns() - time.time_ns()
        return {"uninformed_sites": [
            {"site": site["site"], "until_ns": (int(site["maySignUntilUnixMs"]) + 1) * 1_000_000 + offset}
            for site in sites]}


_CHANGES = {
    "create": ("KeyService/CreateKey", lambda key: {
        "name": key.name, "algorithm": "EC_P256", "policy": {"isolation": key.isolation.upper()}}),
    "enable": ("KeyService/EnableKey", lambda key: {}),
    "disable": ("KeyService/DisableKey", lambda key: {}),
    "rotate": ("KeyService/RotateKey", lambda key: {}),
}


def _is_final(line: dict) -> bool:
    return line["outcome"] == "ok" or line.get("code") in FINAL


def _pem(der_base64: str) -> str:
    der = base64.b64encode(base64.b64decode(der_base64)).decode()
    return "-----BEGIN PUBLIC KEY-----\n" + "\n".join(textwrap.wrap(der, 64)) + "\n-----END PUBLIC KEY-----\n"


class Worker(threading.Thread):
    """Drives a client until it is told to stop; what it trips over itself fails the run."""

    def __init__(self, client: Client, chance: random.Random, stop: threading.Event, answer_patience_seconds: float):
        super().__init__(name=client.name, daemon=True)
        self.client = client
        self.failure: BaseException | None = None
        self._chance, self._stopping, self._patience = chance, stop, answer_patience_seconds
        self.unanswered = 0

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.turn()
        except BaseException as error:  # Told by the main thread, with its name.
            self.failure = error
        finally:
            self.client.close()

    def turn(self) -> None:
        raise NotImplementedError

    def change(self, op: str, key: KeyPlan) -> None:
        if not self.client.change(op, key, time.monotonic() + self._patience):
            self.unanswered += 1


class Signer(Worker):
    def __init__(self, *arguments, keys: list[KeyPlan], sites: list[str], pause_seconds: float):
        super().__init__(*arguments)
        self._keys, self._sites, self._pause = keys, sites, pause_seconds

    def turn(self) -> None:
        site = self._sites[0] if self._chance.random() < 0.8 else self._chance.choice(self._sites)
        done = self.client.sign(self._chance.choice(self._keys).name, site)
        self._stopping.wait(self._pause if done else PAUSE_SECONDS)


class Steady(Worker):
    """Signs with a key that nobody disables, and goes to the other site when one does not answer: what an application
    would see that knows no better. Finished signatures are counted for the figure of the longest gap."""

    def __init__(self, *arguments, key: KeyPlan, sites: list[str], pause_seconds: float):
        super().__init__(*arguments)
        self._key, self._sites, self._pause = key, sites, pause_seconds
        self.finished: list[float] = []  # On the monotonic clock, in seconds.

    def turn(self) -> None:
        if self.client.sign(self._key.name, self._sites[0]):
            self.finished.append(time.monotonic())
            self._stopping.wait(self._pause)
        else:
            self._sites = [*self._sites[1:], self._sites[0]]
            self._stopping.wait(PAUSE_SECONDS)


class Changer(Worker):
    def __init__(self, *arguments, keys: list[KeyPlan], sites: list[str], pause_seconds: float):
        super().__init__(*arguments)
        self._keys, self._sites, self._pause = keys, sites, pause_seconds

    def turn(self) -> None:
        key = self._chance.choice(self._keys)
        choice = self._chance.random()
        if choice < 0.01:
            self.change("rotate", key)
        elif choice < 0.15:
            self.client.get(key.name, self._chance.choice(self._sites))
        else:
            self.change("enable" if choice < 0.575 else "disable", key)
        self._stopping.wait(self._pause)


class Creator(Worker):
    """Makes keys, each with a change or two of its own."""

    def __init__(self, *arguments, pause_seconds: float):
        super().__init__(*arguments)
        self.made: list[KeyPlan] = []
        self._pause = pause_seconds

    def turn(self) -> None:
        plan = KeyPlan(f"{self.client.name}-{len(self.made)}", self._chance.choice(("stop", "continue")))
        self.made.append(plan)
        self.change("create", plan)
        if self._chance.random() < 0.5:
            self.change(self._chance.choice(("disable", "rotate")), plan)
        self._stopping.wait(self._pause)
