"""A bench: several sites and the operator who may use them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from . import tokens
from .errors import BenchError
from .layout import BenchFiles, Programs
from .site import Site, TokenKind


class Bench:
    def __init__(self, files: BenchFiles | None = None, programs: Programs | None = None,
                 token: TokenKind = tokens.softhsm):
        self.files = files or BenchFiles.find()
        self.programs = programs or Programs.find()
        self._token = token

    def exists(self) -> bool:
        return self.files.marker.exists()

    def site(self, name: str) -> Site:
        if name not in self.files.site_names():
            known = ", ".join(self.files.site_names()) or "none; start with `./tools/testbench up`"
            raise BenchError(f"The bench in {self.files.folder} has no site '{name}'. Its sites: {known}.")
        return self._site(name)

    def sites(self) -> list[Site]:
        return [self.site(name) for name in self.files.site_names()]

    def up(self, names: list[str] | None = None) -> None:
        """Sets up the sites that are missing and starts all."""
        self.programs.check()
        if not self.exists():
            self._make_folder()
        wanted = names or self.files.site_names() or ["a"]
        others = set(self.files.site_names()) - set(wanted)
        if len(wanted) + len(others) > 1:
            raise BenchError("A bench runs one site as yet: two sites need pairing, which is not built.")
        for name in wanted:
            if name not in self.files.site_names():
                self._set_up(name)
            self.site(name).start()

    def down(self, keep_files: bool = False) -> None:
        """Stops every site, then removes the bench's files."""
        for site in self.sites():
            site.stop()
        if not keep_files and self.exists():
            shutil.rmtree(self.files.folder)

    def client_environment(self) -> dict[str, str]:
        """What the command line needs to reach the bench as its operator."""
        operator = self.files.operator
        return {
            "TWINSEAL_BENCH": str(self.files.folder),
            "TWINSEAL_ENDPOINTS": ",".join(site.endpoint for site in self.sites()),
            "TWINSEAL_CERTIFICATE": str(operator.certificate),
            "TWINSEAL_KEY": str(operator.key),
            "TWINSEAL_CA": str(operator.ca),
        }

    def cli(self, *arguments: str) -> str:
        """What `twinseal` prints when the bench's operator calls it so."""
        done = subprocess.run([self.programs.cli, *arguments], capture_output=True, text=True,
                              env={**os.environ, **self.client_environment()}, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise BenchError(f"`twinseal {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def _site(self, name: str) -> Site:
        return Site(self.files.site(name), self.programs, self.files.operator, self._token)

    def _make_folder(self) -> None:
        folder = self.files.folder
        if folder.exists() and any(folder.iterdir()):
            raise BenchError(f"{folder} is not empty and is no bench. "
                             "Name another folder in TWINSEAL_BENCH, or empty it.")
        folder.mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
        self.files.marker.write_text(json.dumps({"bench": 1}) + "\n")

    def _set_up(self, name: str) -> None:
        if not name.isalnum() or len(name) > 32 or not name.islower():
            raise BenchError(f"'{name}' is no site name; lower-case letters and digits make one.")
        site = self._site(name)
        try:
            site.initialize()
        except BaseException:
            # A half-made site would be in the way of the next `up`.
            shutil.rmtree(site.files.folder, ignore_errors=True)
            raise
