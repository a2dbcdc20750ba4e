"""Sites killed again and again while applications sign through the PKCS#11 module: not one signature may fail."""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from bench_sites.bench import Bench
from bench_sites.build import build_with_tests
from bench_sites.errors import BenchError
from bench_sites.layout import BenchFiles
from bench_sites.module import USER_PIN
from bench_sites.pins import pin_descriptor
from bench_sites.processes import end_by_sigterm_as_by_ctrl_c

KEY = "under-fire"
READY_PATIENCE_SECONDS = 60.0


@contextmanager
def _signers(bench: Bench, threads: int) -> Iterator[subprocess.Popen]:
    with pin_descriptor(USER_PIN) as pin:
        process = subprocess.Popen(
            [bench.programs.folder / "chaos-pkcs11", "--module", bench.programs.module, "--token", "Twinseal",
             "--key", KEY, "--threads", str(threads), "--pin-fd", str(pin)],
            env={**os.environ, **bench.module_environment()}, pass_fds=(pin,), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "signing\n":
            raise BenchError("The signers did not start.")
        yield process
    finally:
        process.kill()
        process.communicate()


def _kill_in_turn(bench: Bench, options: argparse.Namespace) -> int:
    """How many sites were killed. One is away at a time, and the next only goes when all are ready."""
    chance, end, kills = random.Random(options.seed), time.monotonic() + options.minutes * 60, 0
    sites = bench.sites()
    while time.monotonic() < end:
        site = sites[kills % len(sites)]
        site.kill()
        kills += 1
        time.sleep(chance.uniform(0.5, 3.0))  # How long it is away.
        site.start(wait=False)
        site.wait_until_ready(patience_seconds=READY_PATIENCE_SECONDS)
        time.sleep(chance.uniform(0.2, 2.0))  # How long all is well.
    return kills


def _run(options: argparse.Namespace) -> int:
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("chaos-pkcs11")
    with tempfile.TemporaryDirectory(prefix="twinseal-chaos-") as folder:
        bench = Bench(BenchFiles(Path(folder) / "bench"))
        try:
            bench.up()
            bench.cli("key", "create", KEY, "--algorithm", "ec-p256")
            print(f"Seed {options.seed}: {options.threads} threads sign for {options.minutes:g} minutes.", flush=True)
            with _signers(bench, options.threads) as signers:
                kills = _kill_in_turn(bench, options)
                told, _ = signers.communicate()
        finally:
            bench.down()
    result = json.loads(told)
    print(f"{kills} sites killed; {result['made']} signatures, {result['failed']} failed, {result['wrong']} wrong; "
          f"the longest call took {result['longest_seconds']:.2f} s.")
    if result["failed"]:
        print(f"The first failure: {result['first_failure']}")
    fine = result["made"] > 0 and not result["failed"] and not result["wrong"]
    return 0 if fine else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="chaos pkcs11", description="Brings up a pair and kills its sites in turn, every few seconds, while "
                                         "threads sign through the PKCS#11 module and check each signature.")
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long (default 10)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: by chance")
    parser.add_argument("--threads", type=int, default=32, help="how many sign (default 32)")
    end_by_sigterm_as_by_ctrl_c()
    try:
        return _run(parser.parse_args())
    except BenchError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
