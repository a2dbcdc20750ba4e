"""The program behind `tools/bench`: measures an appliance beside the HSM calls that it stands on, a pair beside its
targets, and the PKCS#11 module beside both."""

import argparse
import sys

from . import bench_core, bench_pair, bench_pkcs11
from .errors import BenchError
from .processes import end_by_sigterm_as_by_ctrl_c

PARTS = {
    "core": (bench_core, "the signing core, at its socket and over the API"),
    "pair": (bench_pair, "two sites and an agent: losing a site, planned work, distance, size"),
    "pkcs11": (bench_pkcs11, "the PKCS#11 module: its rate, its first use, looking for a key"),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Measures Twinseal beside what it stands on, in turn and in one run.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (module, words) in PARTS.items():
        part = commands.add_parser(name, help=words)
        module.add_arguments(part)
        part.set_defaults(run=module.run)
    arguments = parser.parse_args()
    end_by_sigterm_as_by_ctrl_c()
    try:
        return arguments.run(arguments)
    except BenchError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
