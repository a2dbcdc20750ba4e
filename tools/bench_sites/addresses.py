"""Where the bench's programs listen: each at an address of 127.0.0.0/8 that is nobody else's, so that the port of one that
is down stays its own."""

import random
import socket
from typing import NamedTuple

from .errors import BenchError

# Outside the kernel's ephemeral range, and of what runs at all addresses of the machine.
_PORTS = range(20000, 32000)


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        host, _, port = text.rpartition(":")
        return cls(host, int(port))


def free_address() -> Address:
    for _ in range(200):
        address = Address(f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}",
                          random.choice(_PORTS))
        with socket.socket() as probe:
            try:
                probe.bind(address)
                return address
            except OSError:
                continue
    raise BenchError("No free port was found between 20000 and 31999 in 127.0.0.0/8.")
