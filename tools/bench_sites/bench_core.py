"""`tools/bench core`: the signing core, at its socket and over the API, beside the HSM calls that it stands on."""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from . import driver, figures
from .bench import Bench
from .build import build_with_tests
from .figures import Figure
from .layout import BenchFiles
from .site import Site

ALGORITHMS = ("ec-p256", "rsa-2048")
SESSIONS = (1, 2)


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
                driver.make_keys(bench, algorithm)
            print(figures.HEAD, flush=True)
            for sessions in arguments.sessions or SESSIONS:
                for algorithm in arguments.algorithm or ALGORITHMS:
                    measured += _signing(bench, site, algorithm, sessions, arguments)
            if "growth".startswith(arguments.only.split("/")[0]):
                measured += _measure(bench, site, "growth", SESSIONS[-1], arguments, "--grow-to", str(arguments.keys))
        finally:
            bench.down()
    return figures.conclude(measured, arguments.json)


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
    site.stop()
    site.write_config(hsm_sessions=str(sessions))
    environment = _twin(site, folder)
    site.start()
    return driver.measure(
        bench.programs.folder / "bench-core", folder, arguments, "--core", bench.programs.core,
        "--data-dir", folder / "data", "--module", settings["hsm_module"], "--token", settings["hsm_token"],
        "--sessions", str(sessions), *flags, pins=site.files.pin, environment=environment,
        failed=f"Measuring {case} with {sessions} sessions failed. The log: {site.files.log}")


def _signing(bench: Bench, site: Site, algorithm: str, sessions: int,
             arguments: argparse.Namespace) -> list[Figure]:
    return _measure(bench, site, algorithm, sessions, arguments, "--only", arguments.only,
                    *driver.api_access(bench, site), "--strict-key", f"strict-{algorithm}",
                    "--shared-key", f"shared-{algorithm}", "--algorithm", algorithm)
