"""The programs of tests/bench that sign with an appliance, beside a baseline: keys for them, and their figures."""

import argparse
import subprocess
from pathlib import Path

from . import figures
from .bench import Bench
from .errors import BenchError
from .figures import Figure
from .pins import pin_descriptor
from .site import Site

# Keys by what they are called, and how many signatures may share an activation.
KINDS = {"strict": 1, "shared": 64}


def make_keys(bench: Bench, algorithm: str) -> None:
    for kind, joining in KINDS.items():
        bench.cli("key", "create", f"{kind}-{algorithm}", "--algorithm", algorithm,
                  "--max-signatures-per-activation", str(joining))


def api_access(bench: Bench, site: Site) -> list[str]:
    """The options that name a site's API and the operator's certificate."""
    operator = bench.client_environment()
    return ["--host", site.listen.host, "--port", str(site.listen.port), "--ca", operator["TWINSEAL_CA"],
            "--certificate", operator["TWINSEAL_CERTIFICATE"], "--key", operator["TWINSEAL_KEY"]]


def measure(program: Path, folder: Path, arguments: argparse.Namespace, *flags: str | Path, pins: Path | str,
            environment: dict[str, str], failed: str) -> list[Figure]:
    """Runs the program with these PINs, a line each, and its report in the folder. `failed`: what to say when it
    does."""
    report = folder / "figures.json"
    with pin_descriptor(pins) as descriptor:
        done = subprocess.run(
            [program, "--pins-fd", str(descriptor), "--json", report, "--rounds", str(arguments.rounds),
             "--slice-ms", str(arguments.slice_ms), *flags],
            env=environment, pass_fds=(descriptor,), stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BenchError(failed)
    return figures.read_json(report)
