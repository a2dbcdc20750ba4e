#!/usr/bin/env python3
"""Checks what clients of a pair saw against what the pair promises: see README.md beside it for the lines."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Iterator

from checker.check import check_history
from checker.operations import History, HistoryError, read_history
from checker.violations import KINDS, Violation


def _arguments() -> argparse.Namespace:
    kinds = "\n".join(f"  {kind:12} {meaning}" for kind, meaning in KINDS.items())
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog=f"Violations, each printed with the operations that show it:\n{kinds}\n\n"
               "Exit status: 0 nothing is wrong, 1 a promise was broken, 2 the input is no history.")
    parser.add_argument("history", nargs="+", metavar="HISTORY", help="a file of JSON lines; - is standard input")
    parser.add_argument("--partial", action="store_true", help="do not demand final reads of each key at each site")
    parser.add_argument("--limit", type=int, default=50, metavar="N",
                        help="print at most N violations of a kind (default: 50); all are counted")
    return parser.parse_args()


def _lines(paths: list[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        try:
            text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HistoryError(f"{path} cannot be read: {error}") from None
        for number, line in enumerate(text.split("\n"), start=1):
            yield f"{path}:{number}", line


def _print(history: History, violations: list[Violation], limit: int) -> None:
    origin = min(one.start for one in history.operations)
    printed: Counter[str] = Counter()
    for violation in violations:
        printed[violation.kind] += 1
        if printed[violation.kind] <= limit:
            print("\n".join(violation.lines(origin)))
    for kind, count in printed.items():
        if count > limit:
            print(f"{kind}: {count - limit} more")


def _summary(history: History) -> str:
    changes = [one for one in history.operations if one.is_change]
    requests = {one.request_id for one in changes}
    signatures = sum(one.op == "sign" and one.outcome == "ok" for one in history.operations)
    reads = sum(one.op == "get" and one.outcome == "ok" for one in history.operations)
    unknown = requests - {one.request_id for one in changes if one.outcome != "unknown"}
    keys = {one.key for one in history.operations}
    return (f"{len(keys)} keys, {len(requests)} changes ({len(unknown)} without an answer), {signatures} signatures, "
            f"{reads} reads")


def main() -> int:
    arguments = _arguments()
    try:
        history = read_history(_lines(arguments.history))
        violations = check_history(history, final_reads=not arguments.partial)
    except HistoryError as error:
        print(f"check.py: {error}", file=sys.stderr)
        return 2
    _print(history, violations, arguments.limit)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(one.kind for one in violations).items())
    print(f"{_summary(history)}: {kinds or 'nothing is wrong'}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
