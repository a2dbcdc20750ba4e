"""The command `tools/testbench`."""

import argparse
import shlex
import subprocess
import sys

from . import faults
from .bench import Bench
from .build import build_programs
from .errors import BenchError
from .layout import RELEASE_BUILD, REPOSITORY
from .module import USER_PIN
from .place import PROCESS_NAMES
from .status import print_status

_DESCRIPTION = """\
A bench of signing appliances on this machine, with SoftHSM2 in place of the HSM: sites `a` and `b`, paired, and the
agent at a third place. Whatever the places send each other passes relays of the bench, which can delay it, lose it or
hold it back. Its files are in build/testbench, or where TWINSEAL_BENCH says; two benches may run side by side."""

_ENVIRONMENT = f"""\
It is what `twinseal` needs to call the bench as its operator, and what applications need that load the PKCS#11 module:
TWINSEAL_PKCS11_MODULE is its path, TWINSEAL_PKCS11_CONF its configuration; the PIN of its token is {USER_PIN}."""

_LINKS = """\
The links are those between the two places named, those of the one place named with all others, or all. Clients
(`client`) have links of their own, which are meant only when they are named. The relays see streams, not packets: a
loss makes a piece of a connection late by 0.2 s and more, as TCP's retransmission would, and now and then ends it; a
cut holds everything back in silence, and once healed lets it through at once."""


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="testbench", description=_DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str, **more) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.", **more)

    up = command("up", "build what is not built, set the bench up, start it")
    up.add_argument("--sites", default="", help="`a` for one appliance alone (default: a,b and the agent, paired)")
    down = command("down", "stop everything and remove the bench's files")
    down.add_argument("--keep-files", action="store_true", help="stop only: `up` starts the same appliances again")
    command("status", "say what runs, and what is wrong with the links")
    command("env", 'print the environment; use it as eval "$(./tools/testbench env)"', epilog=_ENVIRONMENT)
    for name, what in (("start", "start a place that is down, and wait until it is ready"),
                       ("stop", "stop a place in good order"),
                       ("restart", "stop a place in good order and start it again")):
        command(name, what).add_argument("place")
    for name, what in (("kill", "kill a place's processes at once"),
                       ("stop-process", "hold a place's processes with SIGSTOP: connections stay, nothing is answered"),
                       ("resume", "let go on what stop-process holds")):
        one = command(name, what)
        one.add_argument("place")
        one.add_argument("--process", choices=PROCESS_NAMES, default="", help="only this one")
    wipe = command("wipe", "kill a site and empty its disk and its HSM, as if a new appliance stood there")
    wipe.add_argument("site")
    _link_commands(command)
    return parser


def _link_commands(command) -> None:
    cut = command("partition", "cut links: nothing passes, nobody is told", epilog=_LINKS)
    cut.add_argument("places", nargs="+", metavar="PLACE", help="one, from all others; or two, from each other")
    cut.add_argument("--one-way", action="store_true", help="only what the first place sends is held back")
    heal = command("heal", "let links that were cut be whole again", epilog=_LINKS)
    heal.add_argument("places", nargs="*", metavar="PLACE")
    for name, unit, what in (("delay", "MS", "give links a round trip of MS milliseconds, half of it each way"),
                             ("loss", "PCT", "lose PCT percent of what is sent"),
                             ("throttle", "KBPS", "let KBPS kilobytes a second pass; 0: as many as will")):
        link = command(name, what, epilog=_LINKS)
        link.add_argument("value", type=_amount, metavar=unit)
        link.add_argument("places", nargs="*", metavar="PLACE")


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError("0 or more is wanted")
    return value


def _up(bench: Bench, options: argparse.Namespace) -> None:
    names = [name for name in options.sites.split(",") if name] or None
    alone = len(names or bench.files.site_names() or "ab") == 1
    built = not bench.programs.missing(pair=not alone) and bench.programs.module.exists()
    if not built and bench.programs.folder == RELEASE_BUILD / "bin":
        subprocess.run([REPOSITORY / "tools" / "packages"], check=True)
        build_programs()
    bench.up(names)
    print_status(bench)
    print('\nTo use it:  eval "$(./tools/testbench env)"    then, for one:  twinseal status')


def _down(bench: Bench, options: argparse.Namespace) -> None:
    if not bench.exists():
        print("There is no bench; nothing to stop.")
        return
    bench.down(options.keep_files)
    print("The bench is down" + (f"; its files are kept in {bench.files.folder}." if options.keep_files
                                 else " and its files are removed."))


def _status(bench: Bench, _: argparse.Namespace) -> int:
    if not bench.exists():
        print("There is no bench. Start one with `./tools/testbench up`.")
        return 1
    return 0 if print_status(bench) else 1


def _env(bench: Bench, _: argparse.Namespace) -> None:
    if not bench.exists():
        raise BenchError("There is no bench. Start one with `./tools/testbench up`.")
    print(f"export PATH={shlex.quote(str(bench.programs.folder))}:\"$PATH\"")
    for name, value in {**bench.client_environment(), **bench.module_environment()}.items():
        print(f"export {name}={shlex.quote(value)}")


def _start(bench: Bench, options: argparse.Namespace) -> None:
    place = bench.place(options.place)
    place.start()
    print(f"{place.title} runs: {place.endpoint}")


def _stop(bench: Bench, options: argparse.Namespace) -> None:
    place = bench.place(options.place)
    in_order = place.stop()
    print(f"{place.title} is down." if in_order else f"{place.title} did not stop by itself and was killed.")


def _restart(bench: Bench, options: argparse.Namespace) -> None:
    _stop(bench, options)
    _start(bench, options)


def _kill(bench: Bench, options: argparse.Namespace) -> None:
    place = bench.place(options.place)
    if not options.process:
        place.kill()
        print(f"{place.title} is killed.")
    elif place.kill_one(options.process):
        print(f"{place.title}'s {PROCESS_NAMES[options.process]} is killed.")
    else:
        raise BenchError(f"{place.title} has no running {options.process}.")


def _stop_process(bench: Bench, options: argparse.Namespace) -> None:
    place = bench.place(options.place)
    place.suspend(options.process)
    print(f"{place.title}: {options.process or 'everything'} is stopped. To let it go on: "
          f"./tools/testbench resume {place.name}")


def _resume(bench: Bench, options: argparse.Namespace) -> None:
    place = bench.place(options.place)
    place.resume(options.process)
    print(f"{place.title}: {options.process or 'everything'} goes on.")


def _wipe(bench: Bench, options: argparse.Namespace) -> None:
    faults.wipe(bench, options.site)
    print(f"Site {options.site} is a new appliance, which knows nothing and waits to be paired. For it to take the "
          f"lost one's place:\n  {faults.replace_command(bench, options.site)}")


def _partition(bench: Bench, options: argparse.Namespace) -> None:
    print(faults.partition(bench, options.places, options.one_way))


def _heal(bench: Bench, options: argparse.Namespace) -> None:
    print(faults.heal(bench, options.places))


def _delay(bench: Bench, options: argparse.Namespace) -> None:
    print(faults.change_links(bench, options.places, delay_ms=options.value / 2))


def _loss(bench: Bench, options: argparse.Namespace) -> None:
    print(faults.change_links(bench, options.places, loss_percent=options.value))


def _throttle(bench: Bench, options: argparse.Namespace) -> None:
    print(faults.change_links(bench, options.places, bytes_per_second=options.value * 1000))


_COMMANDS = {"up": _up, "down": _down, "status": _status, "env": _env, "start": _start, "stop": _stop,
             "restart": _restart, "kill": _kill, "stop-process": _stop_process, "resume": _resume, "wipe": _wipe,
             "partition": _partition, "heal": _heal, "delay": _delay, "loss": _loss, "throttle": _throttle}


def main(arguments: list[str] | None = None) -> int:
    options = _arguments().parse_args(arguments)
    try:
        return _COMMANDS[options.command](Bench(), options) or 0
    except BenchError as error:
        print(f"testbench: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode  # It has said why.
    except KeyboardInterrupt:
        return 130
