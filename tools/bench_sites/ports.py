"""Ports of 127.0.0.1 that the bench gives out."""

import random
import socket

from .errors import BenchError

# Below the kernel's ephemeral range, so that no outgoing connection takes the port of a place that is down.
_PORTS = range(20000, 32000)


def free_port() -> int:
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise BenchError("No free port was found between 20000 and 31999 on 127.0.0.1.")
