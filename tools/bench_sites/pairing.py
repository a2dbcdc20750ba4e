"""The ceremonies that make two appliances and an agent a pair, with the bench in the place of the operators."""

import os
import re
import subprocess
import threading
from pathlib import Path

from .agent import Agent
from .errors import BenchError
from .layout import Programs
from .site import Site

PATIENCE_SECONDS = 120

# Thirty digits in groups of five: what both consoles and the driver of the ceremony show.
_CODE = re.compile(r"\b\d{5}(?:[ -]\d{5}){5}\b")


def hold_ceremony(programs: Programs, what: list[str], sites: list[Site], joiner_endpoint: str, agent: Agent,
                  environment: dict[str, str]) -> str:
    """Runs `twinseal pair` with "create", or with "replace" and the site's name, and confirms the code at the console
    of each site. The code."""
    command = [programs.cli, "pair", *what, "--joiner", joiner_endpoint, "--agent-config", agent.files.config,
               "--confirm-within", f"{PATIENCE_SECONDS}s", "--output", "json"]
    ceremony = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = threading.Timer(PATIENCE_SECONDS, ceremony.kill)
    end.start()
    said: list[str] = []
    code = ""
    try:
        for line in ceremony.stdout:
            said.append(line)
            found = _CODE.search(line)
            if found and not code:
                code = found.group()
                for site in sites:
                    confirm(programs, site.files.config, code)
        status = ceremony.wait()
    finally:
        end.cancel()
        ceremony.kill()
        ceremony.wait()
        ceremony.stdout.close()
    if status != 0 or not code:
        raise BenchError(f"`twinseal pair {what[0]}` failed: {''.join(said).strip() or 'it took too long.'}")
    return code


def confirm(programs: Programs, config: Path, code: str) -> None:
    """What the operator at a site's console does who has compared the codes."""
    done = subprocess.run([programs.cli, "pair", "confirm", "--config", config, "--code", code],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"`twinseal pair confirm` failed: {(done.stderr or done.stdout).strip()}")
