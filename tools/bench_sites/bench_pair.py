"""The command `tools/bench pair`."""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Callable, Iterable, Iterator

from . import figures, pair_distance, pair_footprint, pair_outages
from .build import build_with_tests
from .errors import BenchError
from .figures import Figure, tell
from .pair_load import Load
from .pair_setting import PairSetting, Size
from .usage import MachineTime

# Each has a pair of its own, unless it is to be quick.
PARTS: dict[str, Callable[[PairSetting, Load, Size], Iterable[Figure]]] = {
    "idle": pair_footprint.measure_idle,
    "signing": pair_distance.measure_throughput,
    "change": pair_distance.measure_changes,
    "changes64": pair_distance.measure_many_changes,
    "loss": pair_outages.measure_loss,
    "planned": pair_outages.measure_planned,
    "keys": pair_footprint.measure_keys,
}

QUICK = Size(rounds=1, slice_ms=200, losses=2, drains=2, single_changes=3, many_changes=64, idle_seconds=1.0, keys=100,
             changes=100)


def add_arguments(part: argparse.ArgumentParser) -> None:
    part.add_argument("--json", metavar="FILE", help="also write the figures there")
    part.add_argument("--only", action="append", choices=PARTS, help="only this part; may be repeated")
    part.add_argument("--quick", action="store_true", help="shows that everything works; the figures mean little")
    part.add_argument("--keep", metavar="FOLDER", type=Path, help="keep the pairs' files and logs there")
    part.add_argument("--rounds", type=int, default=10, help="slices in turn for each case (default 10)")
    part.add_argument("--slice-ms", type=int, default=2000, help="length of a slice (default 2000)")
    part.add_argument("--losses", type=int, default=20, help="how often a site is killed (default 20)")
    part.add_argument("--drains", type=int, default=6, help="how often one is drained (default 6)")
    part.add_argument("--keys", type=int, default=100_000, help="how many keys to grow to (default 100,000)")
    part.add_argument("--changes", type=int, default=100_000,
                      help="how many changes a site misses before it returns (default 100,000)")


def run(arguments: argparse.Namespace) -> int:
    if "TWINSEAL_PROGRAMS" not in os.environ:
        build_with_tests("bench-pair")
    size = QUICK if arguments.quick else Size(
        rounds=arguments.rounds, slice_ms=arguments.slice_ms, losses=arguments.losses, drains=arguments.drains,
        single_changes=20, many_changes=2000, idle_seconds=60.0, keys=arguments.keys, changes=arguments.changes)
    names = arguments.only or list(PARTS)
    found: list[Figure] = []
    print(figures.HEAD, flush=True)
    failed = [words for parts in ([names] if arguments.quick else [[name] for name in names])
              if (words := _measure(parts, size, arguments.keep, found))]
    return figures.conclude(found, arguments.json, failed)


def _measure(names: list[str], size: Size, keep: Path | None, found: list[Figure]) -> str:
    """These parts, on a pair made for them. Why the rest of them could not be measured; empty when all were."""
    with tempfile.TemporaryDirectory(prefix="twinseal-bench-") as temporary:
        folder = keep.absolute() / "-".join(names) if keep else Path(temporary) / "bench"
        setting = PairSetting(folder)
        try:
            setting.up()
            with setting.load() as load:
                for name in names:
                    for figure in _with_stolen(name, PARTS[name](setting, load, size)):
                        print(figure.line(), flush=True)
                        found.append(figure)
        except BenchError as error:
            tell(f"{'/'.join(names)}: {error}")
            return f"Not everything of {', '.join(names)} was measured: {error}"
        finally:
            setting.down(keep_files=keep is not None)
    return ""


def _with_stolen(name: str, part: Iterable[Figure]) -> Iterator[Figure]:
    before = MachineTime.now()
    yield from part
    yield figures.stolen(name, before.stolen_percent_since())
