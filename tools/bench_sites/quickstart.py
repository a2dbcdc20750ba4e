"""The program behind `tools/quickstart`: from the sources to a checked signature, told in plain words."""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .bench import Bench
from .build import build_programs
from .errors import BenchError
from .layout import RELEASE_BUILD, REPOSITORY
from .vault import vault_blobs

KEY_NAME = "quickstart"


class Steps:
    """Prints what is being done, and how long it took once it is done."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Lines put into the list are printed below the step."""
        if sys.stdout.isatty():
            print(f"  {title} ...", end="", flush=True)
        started = time.monotonic()
        lines: list[str] = []
        try:
            yield lines
        except BaseException:
            print(" failed" if sys.stdout.isatty() else f"  {title} failed")
            raise
        self.done_line(title, time.monotonic() - started)
        for line in lines:
            print(f"      {line}")

    @staticmethod
    def done_line(title: str, seconds: float) -> None:
        begin = "\r" if sys.stdout.isatty() else ""
        print(f"{begin}  {title + ' ':.<62} {seconds:6.1f} s", flush=True)

    def total(self) -> float:
        return time.monotonic() - self._started


def _openssl_verifies(public: Path, signature: Path, file: Path) -> bool:
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, file],
                          capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == "Verified OK"


def _fresh_key_name(bench: Bench) -> str:
    """A kept bench has keys of earlier runs."""
    taken = bench.cli("key", "list", "--all", "--names").split()
    number = 1
    while (name := KEY_NAME if number == 1 else f"{KEY_NAME}-{number}") in taken:
        number += 1
    return name


def _sign_and_check(bench: Bench, steps: Steps, file: Path) -> None:
    site = bench.sites()[0].files
    results = bench.files.folder / "quickstart"
    results.mkdir(exist_ok=True)
    public, signature = results / "public.pem", results / f"{file.name}.sig"

    name = _fresh_key_name(bench)
    with steps.step(f"Making the key '{name}' (ec-p256) in the HSM") as lines:
        known = vault_blobs(site)
        bench.cli("key", "create", name, "--algorithm", "ec-p256")
        before = vault_blobs(site)
        made = [blob for blob in before if blob not in known]
        if len(made) != 1:
            raise BenchError("The vault does not hold one new blob for the new key.")
        public.write_text(bench.cli("key", "public", name))
    with steps.step(f"Signing {file.name} ({file.stat().st_size:,} bytes)") as lines:
        bench.cli("sign", "--key", name, "--in", str(file), "--out", str(signature))
    with steps.step("Checking the signature with openssl dgst") as lines:
        if not _openssl_verifies(public, signature, file):
            raise BenchError("OpenSSL says that the signature is not good.")
        lines.append("openssl says: Verified OK")
    with steps.step("Looking at the key's blob on disk") as lines:
        after = vault_blobs(site)
        if before[made[0]] == after[made[0]]:
            raise BenchError("The key's blob on disk is the same as before the signature.")
        lines.append(f"before the signature: SHA-256 {hashlib.sha256(before[made[0]]).hexdigest()}")
        lines.append(f"after it:             SHA-256 {hashlib.sha256(after[made[0]]).hexdigest()}")


def _run(options: argparse.Namespace) -> None:
    file = Path(options.file) if options.file else REPOSITORY / "README.md"
    if not file.is_file():
        raise BenchError(f"{file} is no file. Name the file to sign: ./tools/quickstart FILE")
    file = file.absolute()

    print("Twinseal quickstart")
    steps = Steps()
    packages_ms = int(os.environ.get("TWINSEAL_PACKAGES_MS", "0"))
    steps.done_line("Installing Debian packages", packages_ms / 1000)
    bench = Bench()
    if bench.programs.folder == RELEASE_BUILD / "bin":
        with steps.step("Building"):
            build_programs()
    was_running = bench.exists() and any(site.running() for site in bench.sites())
    succeeded = False
    try:
        with steps.step("Starting an appliance on a SoftHSM token"):
            bench.up(["a"])
        _sign_and_check(bench, steps, file)
        succeeded = True
    finally:
        if not options.keep and not was_running:
            with steps.step("Stopping the appliance"):
                bench.down()
        elif not succeeded:
            print("  The appliance is left as it is, to be looked at.")

    print(f"\nDone in {steps.total() + packages_ms / 1000:.0f} seconds.")
    print(f"An appliance made a key inside its HSM and signed {file.name} with it. The private key was in\n"
          "plaintext only within the HSM and only for that one signature; on disk it was wrapped before, and\n"
          "wrapped afresh under a new key afterwards, as the two hashes show. OpenSSL, which knows nothing of\n"
          "Twinseal, confirms the signature.")
    if options.keep or was_running:
        results = bench.files.folder / "quickstart"
        print(f"\nThe appliance goes on running; the signature and the public key are in {results}.\n"
              'To use it:    eval "$(./tools/testbench env)"\n'
              "              twinseal key list\n"
              "              twinseal --help\n"
              "To end it:    ./tools/testbench down")
    else:
        print("\nAll that was started is stopped. `./tools/quickstart --keep` leaves it running to play with.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="quickstart", description="Builds Twinseal, brings up an appliance on an emulated HSM, signs a file with a "
                                       "new key, and checks the signature with openssl.")
    parser.add_argument("file", nargs="?", metavar="FILE", help="the file to sign (default: README.md)")
    parser.add_argument("--keep", action="store_true", help="leave the appliance running")
    options = parser.parse_args(arguments)
    try:
        _run(options)
        return 0
    except BenchError as error:
        print(f"\nquickstart: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nquickstart: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
