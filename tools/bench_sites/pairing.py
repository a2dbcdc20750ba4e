"""The ceremony that makes two appliances and an agent a pair, with the bench in the place of the operators."""

import os
import re
import subprocess
import tempfile
import threading
from pathlib import Path

from .agent import Agent
from .errors import BenchError
from .layout import Programs
from .site import Site

PATIENCE_SECONDS = 120

# Thirty digits in groups of five: what both consoles and the driver of the ceremony show.
_CODE = re.compile(r"\b\d{5}(?:[ -]\d{5}){5}\b")


def create_pair(programs: Programs, sites: list[Site], joiner_endpoint: str, agent: Agent,
                environment: dict[str, str]) -> None:
    """Runs `twinseal pair create` and confirms the code at the console of each site."""
    command = [programs.cli, "pair", "create", "--joiner", joiner_endpoint, "--agent-config", agent.files.config,
               "--confirm-within", str(PATIENCE_SECONDS), "--output", "json"]
    with tempfile.TemporaryFile("w+") as said:
        ceremony = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        end = threading.Timer(PATIENCE_SECONDS, ceremony.kill)
        end.start()
        try:
            for line in ceremony.stdout:
                said.write(line)
                if code := _CODE.search(line):
                    break
            else:
                code = None
            if code:
                for site in sites:
                    confirm(programs, site.files.config, code.group())
            said.write(ceremony.stdout.read())
            status = ceremony.wait()
        finally:
            end.cancel()
            if ceremony.poll() is None:
                ceremony.kill()
                ceremony.wait()
            ceremony.stdout.close()
        if status != 0 or not code:
            said.seek(0)
            raise BenchError(f"`twinseal pair create` failed: {said.read().strip() or 'it took too long.'}")


def confirm(programs: Programs, config: Path, code: str) -> None:
    """What the operator at a site's console does who has compared the codes."""
    done = subprocess.run([programs.cli, "pair", "confirm", "--config", config, "--code", code],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"`twinseal pair confirm` failed: {(done.stderr or done.stdout).strip()}")
