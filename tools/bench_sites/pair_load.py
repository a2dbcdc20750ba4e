"""The clients of the pair's benchmark: tests/bench/pair, driven a command at a time."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError
from .layout import OperatorFiles


@dataclass(frozen=True)
class Window:
    """What loads met between two marks."""

    finished: int
    failed: int
    longest_gap: float  # Seconds without a signature at one of the loads, the worst of them.
    longest_call: float
    why: list[str]


@dataclass(frozen=True)
class Answer:
    """To a change that was asked for at a certain moment."""

    change: str
    key: str
    answered: float  # By time.monotonic().
    error: str


class Load:
    """Used by one thread; ends its clients with its context."""

    def __init__(self, program: Path, operator: OperatorFiles, ends: dict[str, str]):
        """`ends` by name: "URL[,URL...][@PROXY]"."""
        self._process = subprocess.Popen(
            [program, "--ca", operator.ca, "--certificate", operator.certificate, "--key", operator.key,
             *(word for name, end in ends.items() for word in ("--end", f"{name}={end}"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.communicate()

    def sign(self, ends: str, clients: int, prefix: str, keys: int, milliseconds: int) -> dict:
        """"per_second" and "p50" (seconds) of a slice."""
        return self._ask("sign", ends, clients, prefix, keys, milliseconds)

    def start(self, name: str, ends: str, clients: int, prefix: str, keys: int) -> None:
        """Signs in the background from now on."""
        self._ask("load", name, ends, clients, prefix, keys)

    def mark(self) -> dict[str, Window]:
        """What each load met since the last mark."""
        return self._windows("mark")

    def stop(self) -> dict[str, Window]:
        return self._windows("stop")

    def change(self, change: str, ends: str, clients: int, prefix: str, first: int, count: int) -> dict:
        """Creates, disables or enables keys, each once; "per_second", and "p50" and "longest" in seconds."""
        done = self._ask("change", change, ends, clients, prefix, first, count)
        if done["failed"]:
            raise BenchError(f"{done['failed']:.0f} of {count} requests to {change} a key failed: {done['why'][0]}")
        return done

    def ask(self, ends: str, prefix: str) -> list[Answer]:
        """At each end and at once: create PREFIX-END-1 and disable PREFIX-END-0."""
        return [Answer(**answer) for answer in self._ask("ask", ends, prefix)["answers"]]

    def look(self, end: str, prefix: str, first: int, count: int, step: int) -> dict:
        """How many keys "sign" at the end's first site, and how many are "refused" as disabled; "other" in words."""
        return self._ask("look", end, prefix, first, count, step)

    def _windows(self, command: str) -> dict[str, Window]:
        windows = {}
        for load in self._ask(command)["loads"]:
            windows[load["name"]] = Window(int(load["finished"]), int(load["failed"]), load["longest_gap"],
                                           load["longest_call"], load["why"])
        return windows

    def _ask(self, *words: str | int) -> dict:
        line = ""
        try:
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
            line = self._process.stdout.readline()
        except BrokenPipeError:
            pass  # It has said on standard error what it died of.
        if not line:
            raise BenchError(f"The benchmark's clients failed at `{' '.join(map(str, words))}`.")
        return json.loads(line)


def together(windows: list[Window]) -> Window:
    """The worst of them all."""
    return Window(sum(window.finished for window in windows), sum(window.failed for window in windows),
                  max(window.longest_gap for window in windows), max(window.longest_call for window in windows),
                  [words for window in windows for words in window.why])
