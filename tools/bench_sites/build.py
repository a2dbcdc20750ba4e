"""Builds the programs with the release preset."""

import subprocess
import sys

from .errors import BenchError
from .layout import MODULE_NAME, PROGRAM_NAMES, RELEASE_BUILD, REPOSITORY


def build_programs() -> None:
    """What is built already is left alone; takes well under a second then."""
    # The tests need packages that the programs do not; tools/test configures them in.
    _build((*PROGRAM_NAMES, MODULE_NAME), "-DTWINSEAL_TESTS=OFF")


def build_with_tests(*names: str) -> None:
    """The programs and the module, and what measures or tests them; needs the packages of the tests."""
    _build((*PROGRAM_NAMES, MODULE_NAME, *names), "-DTWINSEAL_TESTS=ON", configure=True)


def _build(targets: tuple[str, ...], option: str, configure: bool = False) -> None:
    if configure or not (RELEASE_BUILD / "build.ninja").exists():
        _run(["cmake", "--preset", "release", option], "Configuring the build")
    _run(["cmake", "--build", "--preset", "release", "--target", *targets], "Building")


def _run(command: list[str], what: str) -> None:
    """Shows the command's progress on a terminal; elsewhere only what it says when it fails."""
    if sys.stdout.isatty():
        done = subprocess.run(command, cwd=REPOSITORY)
        words = ""
    else:
        done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        words = "\n" + "\n".join(done.stdout.splitlines()[-40:])
    if done.returncode != 0:
        raise BenchError(f"{what} failed (`{' '.join(command)}`).{words}")
