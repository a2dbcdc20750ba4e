"""The program behind `tools/bench`: measures an appliance beside the HSM calls that it stands on, and a pair beside its
targets."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import bench_pair, bench_pkcs11
from .bench import Bench
from .build import build_with_tests
from .errors import BenchError
from .layout import BenchFiles
from .pins import pin_descriptor
from .site import Site

ALGORITHMS = ("ec-p256", "rsa-2048")
SESSIONS = (1, 2)
SHARED = 64


def _make_keys(bench: Bench, algorithm: str) -> None:
    for name, joining in (("strict", 1), ("shared", SHARED)):
        bench.cli("key", "create", f"{name}-{algorithm}", "--algorithm", algorithm,
                  "--max-signatures-per-activation", str(joining))


def _twin(site: Site, folder: Path) -> dict[str, str]:
    """A copy of a stopped site's token and vault, for a core of the benchmark's own: two cores cannot share a token,
    which remembers the newest state of one vault. The environment in which the copy is the token."""
    shutil.copytree(site.files.token_folder, folder / "token")
    shutil.copytree(site.files.vault.parent, folder / "data" / "vault")
    (folder / "data").chmod(0o700)
    config = folder / "softhsm2.conf"
    config.write_text(site.files.module_config.read_text().replace(str(site.files.token_folder),
                                                                   str(folder / "token")))
    return {**site.environment(), "SOFTHSM2_CONF": str(config)}


def _measure(bench: Bench, site: Site, case: str, sessions: int, arguments: argparse.Namespace, *flags) -> list:
    settings = site.token().settings
    folder = site.files.folder / f"twin-{case}-{sessions}"
    folder.mkdir(mode=0o700)
    report = folder / "figures.json"
    site.stop()
    site.write_config(hsm_sessions=str(sessions))
    environment = _twin(site, folder)
    site.start()
    with pin_descriptor(site.files.pin) as pin:
        done = subprocess.run(
            [bench.programs.folder / "bench-core", "--core", bench.programs.core, "--data-dir", folder / "data",
             "--module", settings["hsm_module"], "--token", settings["hsm_token"], "--pin-fd", str(pin),
             "--sessions", str(sessions), "--json", report, "--rounds", str(arguments.rounds),
             "--slice-ms", str(arguments.slice_ms), *flags],
            env=environment, pass_fds=(pin,), stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BenchError(f"Measuring {case} with {sessions} sessions failed. The log: {site.files.log}")
    return json.loads(report.read_text())


def _signing(bench: Bench, site: Site, algorithm: str, sessions: int, arguments: argparse.Namespace) -> list:
    operator = bench.client_environment()
    return _measure(bench, site, algorithm, sessions, arguments, "--only", arguments.only, "--host", site.listen.host,
                    "--port", str(site.listen.port), "--ca", operator["TWINSEAL_CA"],
                    "--certificate", operator["TWINSEAL_CERTIFICATE"], "--key", operator["TWINSEAL_KEY"],
                    "--strict-key", f"strict-{algorithm}", "--shared-key", f"shared-{algorithm}",
                    "--algorithm", algorithm)


def core(arguments: argparse.Namespace) -> int:
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("bench-core")
    figures = []
    with tempfile.TemporaryDirectory(prefix="twinseal-bench-") as folder:
        bench = Bench(BenchFiles(Path(folder) / "bench"))
        try:
            bench.up(["a"])
            site = bench.site("a")
            for algorithm in arguments.algorithm or ALGORITHMS:
                _make_keys(bench, algorithm)
            print(f"{'case':34} {'twinseal':>12} {'baseline':>12} {'unit':12} {'ratio':>7} {'target':>8}",
                  flush=True)
            for sessions in arguments.sessions or SESSIONS:
                for algorithm in arguments.algorithm or ALGORITHMS:
                    figures += _signing(bench, site, algorithm, sessions, arguments)
            if "growth".startswith(arguments.only.split("/")[0]):
                figures += _measure(bench, site, "growth", SESSIONS[-1], arguments, "--grow-to", str(arguments.keys))
        finally:
            bench.down()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")
    missed = [figure["name"] for figure in figures if not _met(figure)]
    print("Every target was met." if not missed else f"Missed: {', '.join(missed)}")
    return 0


def _met(figure: dict) -> bool:
    target = figure["target"]
    if target is None:
        return True
    bound = float(target[2:])
    return figure["ratio"] >= bound if target.startswith(">=") else figure["ratio"] <= bound


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Measures Twinseal beside what it stands on, in turn and in one run.")
    commands = parser.add_subparsers(dest="command", required=True)
    part = commands.add_parser("core", help="the signing core, at its socket and over the API")
    part.add_argument("--json", metavar="FILE", help="also write the figures there")
    part.add_argument("--algorithm", action="append", choices=ALGORITHMS, help="only this one")
    part.add_argument("--sessions", action="append", type=int, choices=SESSIONS, help="only with so many")
    part.add_argument("--keys", type=int, default=100_000, help="how many keys to grow to (default 100,000)")
    part.add_argument("--only", metavar="TEXT", default="", help="only cases whose name has this in it")
    part.add_argument("--rounds", type=int, default=5, help="pairs of slices a case (default 5)")
    part.add_argument("--slice-ms", type=int, default=1000, help="length of a slice (default 1000)")
    part.set_defaults(run=core)
    part = commands.add_parser("pair", help="two sites and an agent: losing a site, planned work, distance, size")
    bench_pair.add_arguments(part)
    part.set_defaults(run=bench_pair.run)
    part = commands.add_parser("pkcs11", help="the PKCS#11 module: its rate, its first use, looking for a key")
    bench_pkcs11.add_arguments(part)
    part.set_defaults(run=bench_pkcs11.run)
    arguments = parser.parse_args()
    try:
        return arguments.run(arguments)
    except BenchError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
