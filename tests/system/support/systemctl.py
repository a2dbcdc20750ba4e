"""Stands in for systemctl at a place of a bench, which TWINSEAL_PLACE names: start, stop, restart, enable --now."""

import os
import sys

from bench_sites.bench import Bench


def main(arguments: list[str]) -> int:
    place = Bench().place(os.environ["TWINSEAL_PLACE"])
    verb = [word for word in arguments if not word.startswith("-")][0]
    if verb in ("stop", "restart"):
        place.stop()
    if verb in ("start", "restart", "enable"):
        place.start(wait=False)
        place.wait_until_listening()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
