"""Faults upon a pair under load, and what its clients saw put before the checker."""

import argparse
import contextlib
import os
import random
import secrets
import shutil
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

from bench_sites.addresses import Address
from bench_sites.bench import API_PORT, Bench
from bench_sites.build import build_with_tests
from bench_sites.errors import BenchError
from bench_sites.layout import REPOSITORY, BenchFiles
from bench_sites.network import CLIENT
from bench_sites.processes import end_by_sigterm_as_by_ctrl_c
from support.api import Api, Identity
from support.certificates import Ca
from support.surroundings import surroundings_of

from .certifier import Certifier
from .clients import Changer, Client, Creator, KeyPlan, Signer, Steady, Worker
from .faults import KINDS, Act, Schedule, heal, inject
from .history import History

READY_PATIENCE_SECONDS = 60.0
# A client waits so long for one answer, and asks so long until one is final.
ATTEMPT_SECONDS = 4.0
ANSWER_PATIENCE_SECONDS = 180.0

# Longer than it takes to answer also at a site that is slow; then the other site is asked.
SIGN_SECONDS = 1.0

STEADY_KEY = KeyPlan("steady", "continue")

# Those that everybody changes and signs with.
SHARED_KEYS = [KeyPlan(f"shared-{isolation}-{number}", isolation)
               for isolation in ("stop", "continue") for number in range(2)]


class ChaosError(Exception):
    """A promise that the run itself saw broken."""


class Run:
    def __init__(self, bench: Bench, history: History, options: argparse.Namespace):
        self._bench, self._history, self._options = bench, history, options
        self._sites = bench.files.site_names()
        self._stop = threading.Event()
        self._workers: list[Worker] = []
        self._performed: list[tuple[float, Act]] = []  # And when it began, on the monotonic clock.
        self.faults = 0
        self.slowest_return = 0.0

    def go(self) -> None:
        self._make_shared_keys()
        self._start_workers()
        try:
            self._perform()
        finally:
            self._stop.set()
            for worker in self._workers:
                worker.join(ANSWER_PATIENCE_SECONDS + ATTEMPT_SECONDS)
        for worker in self._workers:
            if worker.is_alive():
                raise ChaosError(f"{worker.name} did not end.")
            if worker.failure:
                raise ChaosError(f"{worker.name} failed: {worker.failure!r}") from worker.failure
        self._read_all()
        self._look_at_certificates()

    def acts(self) -> int:
        return len(self._performed)

    @property
    def unanswered(self) -> int:
        return sum(worker.unanswered for worker in self._workers)

    def longest_gap(self) -> str:
        """The longest time in which no steady client finished a signature, and what was the matter then."""
        finished = sorted(moment for worker in self._workers if isinstance(worker, Steady)
                          for moment in worker.finished)
        length, began = max(((later - earlier, earlier) for earlier, later in pairwise(finished)),
                            default=(0.0, 0.0))
        words = [act.words() for start, act in self._performed if start <= began + length]
        return f"{length:.2f} s ({words[-1] if words else 'before the first fault'})"

    # --- clients ------------------------------------------------------------------------------------------------

    def _client(self, name: str, home: str, timeout: float = ATTEMPT_SECONDS) -> Client:
        """Reaches the sites as the rest of the world does, through the relay of clients."""
        operator = self._bench.files.operator
        identity = Identity(operator.certificate, operator.key, operator.ca)
        order = [home, *(site for site in self._sites if site != home)]
        relay = self._bench.network.relay(CLIENT)
        apis = {site: Api(Address(self._bench.address(site), API_PORT), identity, timeout, relay) for site in order}
        return Client(name, apis, self._history)

    def _make_shared_keys(self) -> None:
        with contextlib.closing(self._client("setup", self._sites[0])) as client:
            for plan in (STEADY_KEY, *SHARED_KEYS):
                if not client.change("create", plan, time.monotonic() + ANSWER_PATIENCE_SECONDS):
                    raise ChaosError(f"The key {plan.name} could not be made.")

    def _start_workers(self) -> None:
        ca = Ca(self._bench.files.folder / "ca")
        for end in self._sites:
            order = [end, *(site for site in self._sites if site != end)]
            for number in range(self._options.clients):
                self._workers += [
                    Signer(*self._equipment(f"signer-{end}-{number}", end, SIGN_SECONDS), keys=SHARED_KEYS, sites=order,
                           pause_seconds=0.005),
                    Changer(*self._equipment(f"changer-{end}-{number}", end), keys=SHARED_KEYS, sites=order,
                            pause_seconds=0.002)]
            self._workers += [
                Creator(*self._equipment(f"creator-{end}", end), pause_seconds=0.3),
                Steady(*self._equipment(f"steady-{end}", end, SIGN_SECONDS), key=STEADY_KEY, sites=order,
                       pause_seconds=0.01),
                Certifier(*self._equipment(f"certifier-{end}", end), ca=ca, pause_seconds=0.5)]
        for worker in self._workers:
            worker.start()

    def _equipment(self, name: str, end: str, timeout: float = ATTEMPT_SECONDS) -> tuple:
        return (self._client(name, end, timeout), random.Random(f"{name} {self._options.seed}"), self._stop,
                ANSWER_PATIENCE_SECONDS)

    # --- faults -------------------------------------------------------------------------------------------------

    def _perform(self) -> None:
        end = time.monotonic() + self._options.minutes * 60
        started = time.monotonic()
        time.sleep(1.0)  # Some work without faults, for the figures' sake.
        for act in Schedule(self._options.seed, self._sites, self._options.only or list(KINDS)).acts():
            if time.monotonic() > end or (self._options.faults and self.faults >= self._options.faults):
                break
            self._performed.append((time.monotonic(), act))
            self.faults += len(act.faults)
            print(f"{time.monotonic() - started:7.1f} s  {act.words()}", flush=True)
            self._perform_act(act)
            self._look_at_workers()

    def _perform_act(self, act: Act) -> None:
        try:
            inject(self._bench, act)
            time.sleep(act.hold_seconds)
            heal(self._bench, act)
        except BenchError as error:
            raise ChaosError(f"During {act.words()}: {error}") from error
        healed = time.monotonic()
        self._await_ready(act)
        self.slowest_return = max(self.slowest_return, time.monotonic() - healed)
        time.sleep(act.settle_seconds)

    def _await_ready(self, act: Act) -> None:
        for place in self._bench.places():
            try:
                place.wait_until_ready(patience_seconds=READY_PATIENCE_SECONDS)
            except BenchError as error:
                raise ChaosError(f"After {act.words()}: {error}") from error

    def _look_at_workers(self) -> None:
        for worker in self._workers:
            if worker.failure:
                raise ChaosError(f"{worker.name} failed: {worker.failure!r}") from worker.failure

    # --- the end ------------------------------------------------------------------------------------------------

    def _read_all(self) -> None:
        """Every key at every site, once all is whole and nobody changes anything."""
        plans = [STEADY_KEY, *SHARED_KEYS, *(plan for worker in self._workers if isinstance(worker, Creator)
                                 for plan in worker.made)]
        for site in self._sites:
            with contextlib.closing(self._client(f"reader-{site}", site, timeout=30.0)) as client:
                for plan in plans:
                    client.read_last(plan.name, site, time.monotonic() + READY_PATIENCE_SECONDS)

    def _certifiers(self) -> list[Certifier]:
        return [worker for worker in self._workers if isinstance(worker, Certifier)]

    def _look_at_certificates(self) -> None:
        for worker in self._certifiers():
            with contextlib.closing(worker.client):
                for site in self._sites:
                    wrong = worker.wrong_at(site, READY_PATIENCE_SECONDS)
                    if wrong:
                        raise ChaosError(wrong)

    def certificates(self) -> tuple[int, int]:
        """How many were imported, and how many of them removed again; acknowledged both."""
        known = [there for worker in self._certifiers() for certificates in worker.expected.values()
                 for there in certificates.values() if there is not None]
        return len(known), known.count(False)


def _check(history: Path) -> int:
    return subprocess.run([sys.executable, REPOSITORY / "tests" / "history" / "check.py", history]).returncode


def _run(options: argparse.Namespace) -> int:
    folder = (options.folder or REPOSITORY / "build" / "chaos" / str(options.seed)).absolute()
    if options.overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists() and any(folder.iterdir()):
        raise BenchError(f"{folder} is not empty. Name another with --folder, or say --overwrite.")
    folder.mkdir(parents=True, exist_ok=True)
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("twinseal_surroundings", "twinseal-surrounded")
    bench = Bench(BenchFiles(folder / "bench"))
    print(f"Seed {options.seed}: faults for {options.minutes:g} minutes. All files are in {folder}.", flush=True)
    fine = False
    try:
        bench.programs.check()
        bench.prepare_pair(seed=options.seed,
                           environment=lambda place: surroundings_of(place, bench.programs))
        bench.pair()
        fine = _perform_and_check(bench, folder / "history.jsonl", options)
    finally:
        bench.kill_all()
        if fine and not options.keep:
            shutil.rmtree(folder)
        elif not fine:
            print(f"The history, the logs and the sites' files are kept in {folder}. The same faults again:\n"
                  f"  {_replay(options)}")
    return 0 if fine else 1


def _perform_and_check(bench: Bench, path: Path, options: argparse.Namespace) -> bool:
    history = History(path, bench.files.site_names())
    run = Run(bench, history, options)
    broken = ""
    try:
        run.go()
    except ChaosError as error:
        broken = str(error)
    finally:
        history.close()
    counts = ", ".join(f"{count} {what}" for what, count in sorted(history.counts.items()))
    imported, removed = run.certificates()
    print(f"\n{run.faults} faults in {run.acts()} acts. {counts}. {imported} certificates imported, {removed} of them "
          f"removed again.\n"
          f"The longest time without a finished signature: {run.longest_gap()}. "
          f"The slowest return of all places after a heal: {run.slowest_return:.1f} s. "
          f"Changes given up without an answer: {run.unanswered}.", flush=True)
    if broken:
        print(f"Broken: {broken}")
    status = _check(path)
    return status == 0 and not broken


def _replay(options: argparse.Namespace) -> str:
    more = "".join([f" --faults {options.faults}" if options.faults else "", f" --clients {options.clients}",
                    *(f" --only {kind}" for kind in options.only or [])])
    return f"./tools/chaos --minutes {options.minutes:g} --seed {options.seed}{more}"


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos",
        description="Brings up a pair, lets clients at both ends sign and change keys while faults come and go, and "
                    "has the checker prove or refute what they saw.",
        epilog="A seed fixes which faults come, where, in what order and for how long, and what each client wants to "
               "do; not how the machine interleaves them.")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults come (default 5)")
    parser.add_argument("--faults", type=int, default=0, metavar="N", help="at most so many faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: by chance")
    parser.add_argument("--clients", type=int, default=2, help="signers and changers at each end (default 2 of each)")
    parser.add_argument("--only", action="append", choices=KINDS, help="only faults of this kind; may be repeated")
    parser.add_argument("--folder", type=Path, help="for the history and the bench (default: build/chaos/SEED)")
    parser.add_argument("--overwrite", action="store_true", help="remove what an earlier run left in the folder")
    parser.add_argument("--keep", action="store_true", help="keep the folder also when nothing is wrong")
    return parser


def main() -> int:
    options = _arguments().parse_args()
    end_by_sigterm_as_by_ctrl_c()
    try:
        return _run(options)
    except BenchError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
