"""The program behind `tools/quickstart`: from the sources to a pair that outlives the loss of a site,
told in plain words."""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .bench import PAIR, Bench
from .build import build_programs
from .errors import BenchError
from .layout import RELEASE_BUILD, REPOSITORY
from .processes import end_by_sigterm_as_by_ctrl_c
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


class Story:
    """What the quickstart shows, in the order of its methods."""

    def __init__(self, bench: Bench, steps: Steps, file: Path):
        self._bench, self._steps, self._file = bench, steps, file
        self._holder, self._partner = bench.sites()
        self._folder = bench.files.folder / "quickstart"
        self._folder.mkdir(exist_ok=True)
        self._public = self._folder / "public.pem"
        self._name = _fresh_key_name(bench)

    def make_key(self) -> None:
        holder, partner = self._holder.name, self._partner.name
        with self._steps.step(f"Making the key '{self._name}' (ec-p256) in the HSM of site {holder}") as lines:
            known = vault_blobs(self._holder.files)
            self._bench.cli("key", "create", self._name, "--algorithm", "ec-p256", site=holder)
            made = [blob for blob in vault_blobs(self._holder.files) if blob not in known]
            if len(made) != 1:
                raise BenchError("The vault does not hold one new blob for the new key.")
            self._blob = made[0]
            self._public.write_text(self._bench.cli("key", "public", self._name, site=holder))
            if self._bench.cli("key", "public", self._name, site=partner) != self._public.read_text():
                raise BenchError(f"Site {partner} knows the key by another public key.")
            lines.append(f"site {partner} has it too, under the same name, wrapped for its own HSM")

    def sign_at_both(self) -> None:
        before = vault_blobs(self._holder.files)[self._blob]
        for site in (self._holder, self._partner):
            with self._steps.step(f"Signing {self._file.name} ({self._file.stat().st_size:,} bytes) at site {site.name}"
                                  ) as lines:
                signature = self._sign(f"at-{site.name}", site.name)
            self._check(signature)
        with self._steps.step(f"Looking at the key's blob on the disk of site {self._holder.name}") as lines:
            after = vault_blobs(self._holder.files)[self._blob]
            if before == after:
                raise BenchError("The key's blob on disk is the same as before the signature.")
            lines.append(f"before the signature: SHA-256 {hashlib.sha256(before).hexdigest()}")
            lines.append(f"after it:             SHA-256 {hashlib.sha256(after).hexdigest()}")

    def lose_the_holder(self) -> None:
        lost, left = self._holder.name, self._partner.name
        with self._steps.step(f"Killing every process of site {lost} (kill -9)"):
            self._holder.kill()
        killed = time.monotonic()
        with self._steps.step("Signing again, with the same command") as lines:
            signature = self._sign(f"without-{lost}")
            lines.append(f"site {left} signed, {time.monotonic() - killed:.1f} s after the loss of site {lost}")
        self._check(signature)
        with self._steps.step("Making another key, which takes the majority of the ledger") as lines:
            self._bench.cli("key", "create", f"{self._name}-after-loss", "--algorithm", "ec-p256")
            lines.append(f"site {left} and the agent are the majority: done {time.monotonic() - killed:.1f} s after "
                         "the loss")

    def get_it_back(self) -> None:
        back = self._holder.name
        with self._steps.step(f"Starting site {back} again, until it is ready"):
            self._holder.start()
        with self._steps.step(f"Signing at site {back} with the key made while it was down") as lines:
            name = f"{self._name}-after-loss"
            self._public.write_text(self._bench.cli("key", "public", name, site=back))
            signature = self._sign(f"back-at-{back}", back, name)
            lines.append(f"site {back} has caught up")
        self._check(signature)

    def _sign(self, label: str, site: str = "", key: str = "") -> Path:
        signature = self._folder / f"{self._file.name}.{label}.sig"
        self._bench.cli("sign", "--key", key or self._name, "--in", str(self._file), "--out", str(signature), site=site)
        return signature

    def _check(self, signature: Path) -> None:
        with self._steps.step("Checking the signature with openssl dgst") as lines:
            if not _openssl_verifies(self._public, signature, self._file):
                raise BenchError("OpenSSL says that the signature is not good.")
            lines.append("openssl says: Verified OK")


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
    was_running = bench.is_paired() and any(place.running() for place in bench.places())
    succeeded = False
    try:
        _bring_up(bench, steps)
        story = Story(bench, steps, file)
        story.make_key()
        story.sign_at_both()
        story.lose_the_holder()
        story.get_it_back()
        succeeded = True
    finally:
        if not options.keep and not was_running:
            with steps.step("Stopping the pair"):
                bench.down()
        elif not succeeded:
            print("  The pair is left as it is, to be looked at.")

    print(f"\nDone in {steps.total() + packages_ms / 1000:.0f} seconds.")
    print(f"Two appliances became one service and signed {file.name} with one key. The private key was in plaintext\n"
          "only within an HSM and only for one signature at a time; on each disk it was wrapped before, and\n"
          "wrapped afresh under a new key afterwards, as the two hashes show. When one site was lost the other\n"
          "went on, and nothing that had been acknowledged was lost with it. OpenSSL, which knows nothing of\n"
          "Twinseal, confirms each signature.")
    if options.keep or was_running:
        results = bench.files.folder / "quickstart"
        print(f"\nThe pair goes on running; the signatures and the public key are in {results}.\n"
              'To use it:    eval "$(./tools/testbench env)"\n'
              "              twinseal status\n"
              "              twinseal key list\n"
              "To harm it:   ./tools/testbench --help\n"
              "To end it:    ./tools/testbench down")
    else:
        print("\nAll that was started is stopped. `./tools/quickstart --keep` leaves it running to play with.")


def _bring_up(bench: Bench, steps: Steps) -> None:
    if bench.is_paired():
        with steps.step("Starting the pair that is there"):
            bench.up(list(PAIR))
        return
    with steps.step("Starting two appliances on SoftHSM tokens, and links between"):
        bench.prepare_pair()
    with steps.step("Pairing them, with an agent as the third voice") as lines:
        lines.append(f"both consoles confirmed the code {bench.pair()}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="quickstart", description="Builds Twinseal, brings up two appliances on emulated HSMs and an agent, pairs "
                                       "them, signs a file at both, kills one, signs on, brings it back, and checks "
                                       "each signature with openssl.")
    parser.add_argument("file", nargs="?", metavar="FILE", help="the file to sign (default: README.md)")
    parser.add_argument("--keep", action="store_true", help="leave the pair running")
    options = parser.parse_args(arguments)
    end_by_sigterm_as_by_ctrl_c()
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
