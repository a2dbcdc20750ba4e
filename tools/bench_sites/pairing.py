"""The ceremonies that make two appliances and an agent a pair, with the bench in the place of the operators."""

import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable

from .agent import Agent
from .errors import BenchError
from .layout import Programs
from .site import Site

PATIENCE_SECONDS = 120

# Thirty digits in groups of five: what both consoles and the driver of the ceremony show.
_CODE = re.compile(r"\b\d{5}(?:[ -]\d{5}){5}\b")
_GOES_ON = "the same command goes on with it"


def hold_ceremony(programs: Programs, what: list[str], sites: list[Site], joiner_endpoint: str, agent: Agent,
                  environment: dict[str, str]) -> str:
    """Runs `twinseal pair` with "create", or with "replace" and the site's name, and confirms the code at the console
    of each site; again while it says that the same command goes on. The code."""
    command = [programs.cli, "pair", *what, "--joiner", joiner_endpoint, "--agent-config", agent.files.config,
               "--confirm-within", f"{PATIENCE_SECONDS}s", "--output", "json"]
    confirmed: dict[str, str] = {}

    def show(code: str) -> None:
        for site in sites:
            if confirmed.get(site.name) != code:
                confirm(programs, site.files.config, code)
                confirmed[site.name] = code

    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, said = _drive(command, {**os.environ, **environment}, show)
        if status == 0 and confirmed:
            return confirmed[sites[0].name]
        if _GOES_ON not in said or time.monotonic() > end:
            raise BenchError(f"`twinseal pair {what[0]}` failed: {said.strip() or 'it took too long.'}")


def _drive(command: list[str], environment: dict[str, str], show: Callable[[str], None]) -> tuple[int, str]:
    """The status and the words of the command; the code that it shows is given to `show`."""
    ceremony = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    too_long = threading.Timer(PATIENCE_SECONDS, ceremony.kill)
    too_long.start()
    said: list[str] = []
    try:
        for line in ceremony.stdout:
            said.append(line)
            if found := _CODE.search(line):
                show(found.group())
        return ceremony.wait(), "".join(said)
    finally:
        too_long.cancel()
        ceremony.kill()
        ceremony.wait()
        ceremony.stdout.close()


def confirm(programs: Programs, config: Path, code: str) -> None:
    """What the operator at a site's console does who has compared the codes."""
    done = subprocess.run([programs.cli, "pair", "confirm", "--config", config, "--code", code],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"`twinseal pair confirm` failed: {(done.stderr or done.stdout).strip()}")
