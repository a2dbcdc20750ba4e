"""`tools/bench core`: the signing core, at its socket and over the API, beside the HSM calls that it stands on."""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import figures
from .bench import Bench
from .build import build_with_tests
from .errors import BenchError
from .figures import Figure
from .layout import BenchFiles
from .pins import pin_descriptor
from .site import Site

ALGORITHMS = ("ec-p256", "rsa-2048")
SESSIONS = (1, 2)
SHARED = 64


def add_arguments(part: argparse.ArgumentParser) -> None:
    figures.add_arguments(part, ALGORITHMS)
    part.add_argument("--sessions", action="append", type=int, choices=SESSIONS, help="only with so many")
    part.add_argument("--keys", type=int, default=100_000, help="how many keys to grow to (default 100,000)")


def run(arguments: argparse.Namespace) -> int:
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("bench-core")
    measured: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="twinseal-bench-") as folder:
        bench = Bench(BenchFiles(Path(folder) / "bench"))
        try:
            bench.up(["a"])
            site = bench.site("a")
            for algorithm in arguments.algorithm or ALGORITHMS:
                _make_keys(bench, algorithm)
            print(figures.HEAD, flush=True)
            for sessions in arguments.sessions or SESSIONS:
                for algorithm in arguments.algorithm or ALGORITHMS:
                    measured += _signing(bench, site, algorithm, sessions, arguments)
            if "growth".startswith(arguments.only.split("/")[0]):
                measured += _measure(bench, site, "growth", SESSIONS[-1], arguments, "--grow-to", str(arguments.keys))
        finally:
            bench.down()
    return figures.conclude(measured, arguments.json)


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


def _measure(bench: Bench, site: Site, case: str, sessions: int, arguments: argparse.Namespace,
             *flags: str) -> list[Figure]:
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
    return figures.read_json(report)


def _signing(bench: Bench, site: Site, algorithm: str, sessions: int,
             arguments: argparse.Namespace) -> list[Figure]:
    operator = bench.client_environment()
    return _measure(bench, site, algorithm, sessions, arguments, "--only", arguments.only, "--host", site.listen.host,
                    "--port", str(site.listen.port), "--ca", operator["TWINSEAL_CA"],
                    "--certificate", operator["TWINSEAL_CERTIFICATE"], "--key", operator["TWINSEAL_KEY"],
                    "--strict-key", f"strict-{algorithm}", "--shared-key", f"shared-{algorithm}",
                    "--algorithm", algorithm)
