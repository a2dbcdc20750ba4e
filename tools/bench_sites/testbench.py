"""The command `tools/testbench`."""

import argparse
import shlex
import subprocess
import sys

from .bench import Bench
from .build import build_programs
from .errors import BenchError
from .layout import RELEASE_BUILD, REPOSITORY


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testbench",
        description="A bench of signing appliances on this machine, with SoftHSM2 in place of the HSM. Its files are in "
                    "build/testbench, or where TWINSEAL_BENCH says; two benches may run side by side.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="build what is not built, set the bench up, start it")
    up.add_argument("--sites", default="", help="the sites' names, separated by commas (default: a)")
    down = commands.add_parser("down", help="stop everything and remove the bench's files")
    down.add_argument("--keep-files", action="store_true", help="stop only: `up` starts the same appliances again")
    commands.add_parser("status", help="say what runs")
    commands.add_parser("env", help='print the environment; use it as eval "$(./tools/testbench env)"')
    for name, what in (("kill", "kill a site's processes at once, as a power cut would"),
                       ("start", "start a site that is down")):
        command = commands.add_parser(name, help=what)
        command.add_argument("site")
    return parser


def _up(bench: Bench, options: argparse.Namespace) -> int:
    if bench.programs.missing() and bench.programs.folder == RELEASE_BUILD / "bin":
        subprocess.run([REPOSITORY / "tools" / "packages"], check=True)
        build_programs()
    bench.up([name for name in options.sites.split(",") if name] or None)
    _status(bench, options)
    print('\nTo use it:  eval "$(./tools/testbench env)"    then, for one:  twinseal status')
    return 0


def _down(bench: Bench, options: argparse.Namespace) -> int:
    if not bench.exists():
        print("There is no bench; nothing to stop.")
        return 0
    bench.down(options.keep_files)
    print("The bench is down" + (f"; its files are kept in {bench.files.folder}." if options.keep_files
                                 else " and its files are removed."))
    return 0


def _status(bench: Bench, _: argparse.Namespace) -> int:
    if not bench.exists():
        print("There is no bench. Start one with `./tools/testbench up`.")
        return 1
    ready = True
    for site in bench.sites():
        why = site.not_ready()
        ready = ready and not why
        if not site.running():
            print(f"site {site.name}   down; to start it: ./tools/testbench start {site.name}")
            continue
        print(f"site {site.name}   {'ready' if not why else 'not ready: ' + why}")
        print(f"         {site.endpoint}   process {site.process().pid}   log {site.files.log}")
    return 0 if ready else 1


def _env(bench: Bench, _: argparse.Namespace) -> int:
    if not bench.exists():
        raise BenchError("There is no bench. Start one with `./tools/testbench up`.")
    print(f"export PATH={shlex.quote(str(bench.programs.folder))}:\"$PATH\"")
    for name, value in bench.client_environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _kill(bench: Bench, options: argparse.Namespace) -> int:
    bench.site(options.site).kill()
    print(f"Site {options.site} is killed.")
    return 0


def _start(bench: Bench, options: argparse.Namespace) -> int:
    bench.site(options.site).start()
    print(f"Site {options.site} runs: {bench.site(options.site).endpoint}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = _arguments().parse_args(arguments)
    commands = {"up": _up, "down": _down, "status": _status, "env": _env, "kill": _kill, "start": _start}
    try:
        return commands[options.command](Bench(), options)
    except BenchError as error:
        print(f"testbench: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode  # It has said why.
    except KeyboardInterrupt:
        return 130
