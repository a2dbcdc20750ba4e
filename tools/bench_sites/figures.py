"""Figures as a table for people and as JSON for machines, in the form of bench-core's."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterable

from .errors import BenchError

HEAD = f"{'case':34} {'measured':>12} {'beside':>12} {'unit':14} {'ratio':>7} {'target':>8}"


@dataclass(frozen=True)
class Figure:
    name: str  # "loss/leader/gap"
    unit: str
    value: float
    baseline: float | None = None  # What it is measured beside, or the limit that it has.
    ratio: float | None = None
    target: str | None = None  # Of the ratio: ">=0.97"

    def met(self) -> bool:
        if self.target is None:
            return True
        bound = float(self.target[2:])
        return self.ratio >= bound if self.target.startswith(">=") else self.ratio <= bound

    def line(self) -> str:
        verdict = "" if self.target is None else "met" if self.met() else "MISSED"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (f"{self.name:34} {_number(self.value):>12} {_number(self.baseline):>12} {self.unit:14} {ratio:>7} "
                f"{self.target or '':>8} {verdict}").rstrip()


def plain(name: str, unit: str, value: float) -> Figure:
    """For information."""
    return Figure(name, unit, value)


def at_most(name: str, unit: str, value: float, limit: float) -> Figure:
    return Figure(name, unit, value, limit, value / limit, "<=1.00")


def at_least(name: str, unit: str, value: float, limit: float) -> Figure:
    return Figure(name, unit, value, limit, value / limit, ">=1.00")


def stolen(name: str, percent: float) -> Figure:
    """Of the processor time that the machine wanted while it was measured: how far the rest is to be believed."""
    return plain(f"{name}/stolen", "% of wanted", percent)


def none_of(name: str, unit: str, value: float, all_of_them: float) -> Figure:
    """Not one of so many."""
    return Figure(name, unit, value, all_of_them, value / max(all_of_them, 1), "<=0.00")


def beside(name: str, unit: str, value: float, baseline: float, ratio: float, target: str | None = None) -> Figure:
    return Figure(name, unit, value, baseline, ratio, target)


def tell(words: str) -> None:
    """How far the measuring is; no figure."""
    print(f"  {words}", file=sys.stderr, flush=True)


def add_arguments(part: argparse.ArgumentParser, algorithms: Iterable[str]) -> None:
    """Of a benchmark that measures pairs of slices for each algorithm."""
    part.add_argument("--json", metavar="FILE", help="also write the figures there")
    part.add_argument("--algorithm", action="append", choices=list(algorithms), help="only this one")
    part.add_argument("--only", metavar="TEXT", default="", help="only cases whose name has this in it")
    part.add_argument("--rounds", type=int, default=5, help="pairs of slices a case (default 5)")
    part.add_argument("--slice-ms", type=int, default=1000, help="length of a slice (default 1000)")


def read_json(path: Path) -> list[Figure]:
    """What bench-core and bench-pkcs11 write."""
    return [Figure(**figure) for figure in json.loads(path.read_text())]


def conclude(measured: list[Figure], json_file: str | None, failed: list[str] | None = None) -> int:
    """Says which targets were missed; the status of the program. `failed`: why some could not be measured."""
    if json_file:
        write_json(measured, Path(json_file))
    missed = [figure.name for figure in measured if not figure.met()]
    print("Every target was met." if not missed and not failed else f"Missed: {', '.join(missed) or 'none'}")
    if failed:
        raise BenchError(" ".join(failed))
    return 0


def write_json(figures: list[Figure], path: Path) -> None:
    """An array of {"name", "unit", "value", "baseline", "ratio", "target"}."""
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"
