"""`tools/bench pkcs11`: the PKCS#11 module beside the appliance's API and beside p11-kit's remoting of SoftHSM."""

import argparse
import os
import secrets
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from . import driver, figures
from .bench import Bench
from .build import build_with_tests
from .errors import BenchError
from .figures import Figure, tell
from .layout import BenchFiles
from .module import USER_PIN
from .pair_load import Load
from .tokens import module_path

ALGORITHMS = {"ec-p256": "EC:prime256v1", "rsa-2048": "rsa:2048"}
FEW_KEYS = 100

# The target of the issue that asked for this benchmark: a look-up among many keys beside one among few.
LOOK_UP_RATIO = "<=1.20"

_PATIENCE_SECONDS = 30.0

# Keys are made in pieces, so that one can see how far it is.
_PIECE, _CHANGERS = 10_000, 64


def add_arguments(part: argparse.ArgumentParser) -> None:
    figures.add_arguments(part, ALGORITHMS)
    part.add_argument("--keys", type=int, default=100_000, help="how many keys to look one up among (default 100,000)")


def run(arguments: argparse.Namespace) -> int:
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("bench-pkcs11", "bench-pair")
    with tempfile.TemporaryDirectory(prefix="twinseal-bench-") as folder:
        bench = Bench(BenchFiles(Path(folder) / "bench"))
        try:
            bench.up(["a"])
            measured = list(_measure(bench, Path(folder), arguments))
        finally:
            bench.down()
    return figures.conclude(measured, arguments.json)


def _measure(bench: Bench, folder: Path, arguments: argparse.Namespace) -> Iterator[Figure]:
    algorithms = arguments.algorithm or list(ALGORITHMS)
    for algorithm in algorithms:
        driver.make_keys(bench, algorithm)
    print(figures.HEAD, flush=True)
    with _softhsm_behind_p11_kit(folder / "p11-kit", algorithms) as remote:
        for algorithm in algorithms:
            yield from _signing(bench, folder, remote, algorithm, arguments)
    if "look-up".startswith(arguments.only.split("/")[0]):
        yield _look_up(bench, folder, arguments)


# --- the baseline -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Remote:
    """SoftHSM in another process, behind p11-kit's socket."""

    module: str
    token: str
    pin: str
    environment: dict[str, str]


@contextmanager
def _softhsm_behind_p11_kit(folder: Path, algorithms: list[str]) -> Iterator[Remote]:
    folder.mkdir(mode=0o700)
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(config)}
    softhsm = module_path("SoftHSM2", "softhsm2", "/usr/lib/softhsm/libsofthsm2.so",
                          "/usr/lib64/softhsm/libsofthsm2.so")
    # It guards a token that lives for this measurement alone, in a folder of this user's.
    pin = secrets.token_hex(8)
    _quietly(["softhsm2-util", "--init-token", "--free", "--label", "baseline", "--pin", pin, "--so-pin", pin],
             environment)
    for algorithm in algorithms:
        for kind in driver.KINDS:
            _quietly(["pkcs11-tool", "--module", softhsm, "--login", "--pin", pin, "--keypairgen", "--key-type",
                      ALGORITHMS[algorithm], "--label", f"{kind}-{algorithm}", "--usage-sign"], environment)
    socket = folder / "socket"
    server = subprocess.Popen(["p11-kit", "server", "--foreground", "--name", socket, "--provider", softhsm,
                               "pkcs11:"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not socket.exists():
            if server.poll() is not None or time.monotonic() > end:
                raise BenchError("p11-kit's server did not start.")
            time.sleep(0.01)
        client = module_path("p11-kit's client module", "p11-kit-modules",
                             *map(str, Path("/usr/lib").glob("*/pkcs11/p11-kit-client.so")))
        yield Remote(client, "baseline", pin, {"P11_KIT_SERVER_ADDRESS": f"unix:path={socket}"})
    finally:
        server.terminate()
        server.wait()


def _quietly(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{command[0]} failed: {done.stderr.strip()}")


# --- ours ---------------------------------------------------------------------------------------------------------


def _driver(bench: Bench, folder: Path, arguments: argparse.Namespace, remote: Remote | None,
            *flags: str) -> list[Figure]:
    return driver.measure(
        bench.programs.folder / "bench-pkcs11", folder, arguments, "--module", bench.programs.module,
        "--token", "Twinseal", *flags, pins=f"{USER_PIN}\n{remote.pin if remote else ''}\n",
        environment={**os.environ, **bench.module_environment(), **(remote.environment if remote else {})},
        failed=f"Measuring failed. The appliance's log: {bench.site('a').files.log}")


def _signing(bench: Bench, folder: Path, remote: Remote, algorithm: str,
             arguments: argparse.Namespace) -> list[Figure]:
    return _driver(bench, folder, arguments, remote, "--algorithm", algorithm, "--only", arguments.only,
                   "--baseline-module", remote.module, "--baseline-token", remote.token,
                   *driver.api_access(bench, bench.site("a")))


def _look_up(bench: Bench, folder: Path, arguments: argparse.Namespace) -> Figure:
    """One key by its label among few keys, and then among many: the same key each time."""
    _make_keys(bench, 0, FEW_KEYS)
    few = _time_of_look_up(bench, folder, arguments)
    _make_keys(bench, FEW_KEYS, arguments.keys)
    many = _time_of_look_up(bench, folder, arguments)
    figure = figures.beside("look-up", "us", many, few, many / few, LOOK_UP_RATIO)
    print(figure.line(), flush=True)
    return figure


def _make_keys(bench: Bench, first: int, count: int) -> None:
    with Load(bench.programs.folder / "bench-pair", bench.files.operator, {"a": bench.site("a").endpoint}) as load:
        for done in range(first, count, _PIECE):
            load.change("create", "a", _CHANGERS, "key", done, min(_PIECE, count - done))
            tell(f"keys: {min(done + _PIECE, count)} of {count}")


def _time_of_look_up(bench: Bench, folder: Path, arguments: argparse.Namespace) -> float:
    return _driver(bench, folder, arguments, None, "--algorithm", "ec-p256", "--find", "key-50")[0].value
