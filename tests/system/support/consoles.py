"""The terminals of a bench's places: what a page tells people to type, typed and answered."""

import fcntl
import os
import re
import select
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

from bench_sites.bench import Bench
from bench_sites.layout import AGENT, REPOSITORY
from bench_sites.site import Site

from .page import Block

PATIENCE_SECONDS = 120.0

# A command that says so goes on while others are typed elsewhere.
_WAITS_FOR_CONSOLES = re.compile(r"an operator at each of the two consoles")


class Typed:
    """A block that was typed at a terminal of its own."""

    def __init__(self, block: Block, environment: dict[str, str], folder: Path, answers: dict[str, str]):
        self.block = block
        self._answers = {re.compile(pattern): answer for pattern, answer in answers.items()}
        self._printed = ""
        self._ended = False
        self._changed = threading.Condition()
        self._master, slave = os.openpty()
        self._shell = subprocess.Popen(["bash", "-e", "-u", "-o", "pipefail", "-c", block.text], env=environment,
                                       cwd=folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                       preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def printed(self) -> str:
        with self._changed:
            return self._printed

    def wait(self) -> str:
        """Until it has ended, and well; what it printed."""
        try:
            status = self._shell.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as error:
            self.end()
            raise AssertionError(f"it takes too long: {self._words()}") from error
        self._reader.join()
        if status != 0:
            raise AssertionError(f"it ended with {status}: {self._words()}")
        return self.printed

    def wait_or_consoles(self) -> None:
        """Until it has ended well, or waits for people at other terminals."""
        end = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while not _WAITS_FOR_CONSOLES.search(self._printed) and self._shell.poll() is None:
                if not self._changed.wait(0.1) and time.monotonic() > end:
                    break
        if not _WAITS_FOR_CONSOLES.search(self.printed):
            self.wait()

    def end(self) -> None:
        """May be called again."""
        if self._ended:
            return
        self._ended = True
        self._shell.kill()
        self._shell.wait()
        self._reader.join()
        os.close(self._master)

    def _words(self) -> str:
        return f"{self.block.text}\n{self.printed}"

    def _read(self) -> None:
        answered = 0
        while self._shell.poll() is None or select.select([self._master], [], [], 0)[0]:
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self._master, 65536)
            except OSError:
                break  # Nobody has the terminal open any more.
            with self._changed:
                self._printed += piece.decode(errors="replace").replace("\r\n", "\n")
                self._changed.notify_all()
                question = self._printed[answered:]
            for pattern, answer in self._answers.items():
                if pattern.search(question):
                    answered = len(self._printed)
                    os.write(self._master, answer.encode() + b"\n")
                    break


class Consoles:
    """Where blocks are typed. The names that a page uses for files and machines stand for the bench's."""

    def __init__(self, bench: Bench, folder: Path):
        self.bench = bench
        self._folder = folder
        self._shims = folder / "shims"
        self._shims.mkdir()
        systemctl = self._shims / "systemctl"
        systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} -m support.systemctl "$@"\n')
        systemctl.chmod(0o755)

    def type(self, block: Block, **answers: str) -> Typed:
        """`answers` to questions besides the usual ones, by a word of the question."""
        here = self._folder / block.where
        here.mkdir(exist_ok=True)
        wanted = {r"Type yes: $": "yes", **{f"{word}.*: $": answer for word, answer in answers.items()}}
        place = None if block.where == "operator" else self.bench.place(block.where)
        if isinstance(place, Site) and place.files.pin.exists():
            wanted |= {r"Security officer's PIN.*: $": place.files.so_pin.read_text(),
                       r"PIN that the appliance.*: $": place.files.pin.read_text()}
        return Typed(Block(block.where, self._translate(block)), self._environment(block.where), here, wanted)

    def _translate(self, block: Block) -> str:
        text = block.text
        for place in self.bench.places():
            text = text.replace(f"https://{place.name}.sign.example.com:8443", self.bench.api_address(place.name))
        if block.where == "operator":
            return text
        place = self.bench.place(block.where)
        words = {"/etc/twinseal/agent.conf": place.files.config, "/etc/twinseal/twinseald.conf": place.files.config,
                 "/var/lib/twinseal-agent": place.files.data, "/var/lib/twinseal": place.files.data}
        for word, path in words.items():
            text = text.replace(word, str(path))
        return text

    def _environment(self, where: str) -> dict[str, str]:
        environment = {**os.environ, **self.bench.client_environment()}
        path = [str(self._shims), str(self.bench.programs.folder), environment["PATH"]]
        if where != "operator":
            environment["TWINSEAL_PLACE"] = where
            environment["PYTHONPATH"] = f"{REPOSITORY / 'tools'}:{REPOSITORY / 'tests' / 'system'}"
        if where == AGENT:
            environment["TWINSEAL_PROXY"] = self.bench.network.proxy(AGENT)
        elif where != "operator":
            environment.update(self.bench.site(where).environment())
        return {**environment, "PATH": ":".join(path)}
