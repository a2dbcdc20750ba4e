"""The relay of one place: an HTTP CONNECT proxy through which the place reaches the others, over links that delay,
lose, throttle and cut.

It sees streams, not packets, and so can only do to them what TCP would have made of it. A lost packet is a chunk of
bytes that comes 0.2 seconds late (twice that when it is lost again), with what follows waiting behind it; four losses
in a row end the connection. A cut link holds everything back in silence, also the end of a connection and the opening of
new ones, until it is whole; then what was held back arrives at once, where TCP would still wait for its next attempt. A
link that is cut one way lets through what the other way sends, although TCP would miss the acknowledgements. A delay is
up to a millisecond longer than asked for."""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path

from .addresses import Address
from .links import GaveUp, Link, Pipe, reset
from .network import NetworkPlan, link_name

MAX_HEAD_BYTES = 16 * 1024


class End(asyncio.Protocol):
    """One of a connection's two sockets: what it reads goes into one pipe, what comes out of the other it writes."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.out: Pipe | None = None
        self.into: Pipe | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.out:
            self.out.put(data)

    def eof_received(self) -> bool:
        if self.out:
            self.out.put_end()
        return True  # The other direction may go on.

    def connection_lost(self, error: Exception | None) -> None:
        if self.into:
            self.into.close()
        if self.out and not self.out.ended:
            self.out.put_reset()

    def pause_writing(self) -> None:
        if self.into:
            self.into.sink_full(True)

    def resume_writing(self) -> None:
        if self.into:
            self.into.sink_full(False)


class NearEnd(End):
    """The socket of who asks; it says first where to."""

    def __init__(self, relay: "Relay"):
        super().__init__()
        self._relay = relay
        self._head = b""
        self._opening: asyncio.Task | None = None

    def data_received(self, data: bytes) -> None:
        if self.out:
            self.out.put(data)
            return
        self._head += data
        if len(self._head) > MAX_HEAD_BYTES:
            self._give_up()
        elif not self._opening and b"\r\n\r\n" in self._head:
            head, self._head = self._head.split(b"\r\n\r\n", 1)
            self._opening = asyncio.get_running_loop().create_task(self._open(head.decode("latin-1")))

    def eof_received(self) -> bool:
        if not self.out:
            self._give_up()
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        if self._opening:
            self._opening.cancel()
        super().connection_lost(error)

    def _give_up(self) -> None:
        if self.transport:
            self.transport.abort()

    async def _open(self, head: str) -> None:
        method, _, rest = head.partition(" ")
        host, _, port = rest.split(" ")[0].rpartition(":")
        if method != "CONNECT":
            self._refuse("405 Method Not Allowed", "This relay knows CONNECT only.")
            return
        found = self._relay.plan.find(host.strip("[]"), port)
        if not found:
            self._refuse("403 Forbidden", f"No place of this bench is at {host}:{port}.")
            return
        place, address = found
        there, back = self._relay.link(self._relay.place, place), self._relay.link(place, self._relay.place)
        try:
            await there.pass_opening()
            far = await self._dial(address)
            try:
                await back.pass_opening()
            except BaseException:
                if far:
                    far.transport.abort()
                raise
        except GaveUp:
            reset(self.transport)
            return
        if not far:
            self._refuse("502 Bad Gateway", f"Nothing listens at {host}:{port}, which is {place}'s.")
            return
        self._join(far, there, back)

    @staticmethod
    async def _dial(address: Address) -> "FarEnd | None":
        try:
            _, far = await asyncio.get_running_loop().create_connection(FarEnd, *address)
            return far
        except OSError:
            return None

    def _join(self, far: End, there: Link, back: Link) -> None:
        if far.transport.is_closing():
            reset(self.transport)
            return

        def ended() -> None:
            if self.out.ended and self.into.ended:
                self.transport.close()
                far.transport.close()

        self._opening = None
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.out = far.into = Pipe(there, self.transport, far.transport, ended)
        self.into = far.out = Pipe(back, far.transport, self.transport, ended)
        if self._head:
            self.out.put(self._head)
        far.transport.resume_reading()

    def _refuse(self, status: str, words: str) -> None:
        body = words.encode() + b"\n"
        self.transport.write(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
                             "Connection: close\r\n\r\n".encode() + body)
        self.transport.close()


class FarEnd(End):
    """The socket to who is asked. It may speak before the answer is back at the near end: nothing is read till then."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        transport.pause_reading()


class Relay:
    """All of one relay's state; used by the event loop alone."""

    def __init__(self, place: str, plan_file: Path):
        self.place = place
        self._plan_file = plan_file
        self.plan = NetworkPlan.load(plan_file)
        self._links: dict[str, Link] = {}

    def link(self, source: str, target: str) -> Link:
        name = link_name(source, target)
        if name not in self._links:
            # Each link has chances of its own, so that what one connection does leaves the other links' as they were.
            self._links[name] = Link(random.Random(f"{self.plan.seed} {self.place} {name}"))
            self._links[name].set(self.plan.link(source, target))
        return self._links[name]

    def read_plan(self) -> None:
        self.plan = NetworkPlan.load(self._plan_file)
        for name, link in self._links.items():
            link.set(self.plan.link(*name.split("->")))

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers "reload" once the plan is in force, and "status" with the bytes of each link."""
        with contextlib.closing(writer):
            while command := (await reader.readline()).decode().strip():
                if command == "reload":
                    self.read_plan()
                answer = {"bytes": {name: link.bytes for name, link in self._links.items()}}
                writer.write(json.dumps(answer).encode() + b"\n")

    async def run(self, folder: int) -> None:
        """Serves until SIGTERM. The control socket is in the folder of the descriptor."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        address = Address.parse(self.plan.places[self.place].relay)
        proxy = await loop.create_server(lambda: NearEnd(self), *address, backlog=1024)
        # A path below the descriptor: those of Unix sockets are short, those of folders need not be.
        control = await asyncio.start_unix_server(self.control, f"/proc/self/fd/{folder}/{self.place}.socket")
        await stopped.wait()
        control.close()
        proxy.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="relay", description=__doc__)
    parser.add_argument("--place", required=True, help="whose relay it is")
    parser.add_argument("--plan", required=True, type=Path, metavar="FILE",
                        help="the network's description; read again on `reload`")
    arguments = parser.parse_args()
    folder = os.open(arguments.plan.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        asyncio.run(Relay(arguments.place, arguments.plan).run(folder))
        return 0
    except OSError as error:
        print(f"relay {arguments.place}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
