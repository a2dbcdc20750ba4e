"""How bytes travel between two places: late, lost and sent again, slowly, or not at all; always in order."""

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from typing import Callable

from .network import LinkState

# Of a connection's one direction; who sends more waits, as with TCP's window.
WINDOW_BYTES = 4 * 1024 * 1024

# What the loss of a packet costs: it is sent again after so long, doubled each time (RFC 6298 knows 200 ms as Linux's
# minimum, and 1 s for the first packet of a connection). A connection that loses so often in a row is given up.
RETRANSMIT_SECONDS = 0.2
RETRANSMIT_OPENING_SECONDS = 1.0
LOSSES_GIVEN_UP = 4

# epoll counts in milliseconds and wakes late rather than early: what is nearly due goes along.
_NEARLY_SECONDS = 0.0005

_END = bytes(1)  # Known by identity, not by value.
_RESET = bytes(2)


class GaveUp(Exception):
    """So many losses in a row that TCP would end the connection."""


class Link:
    """One direction between two places, shared by all connections that use it."""

    def __init__(self, chance: random.Random):
        self.state = LinkState()
        self.bytes = 0
        self._chance = chance
        self._free_at = 0.0  # When what was sent before has left a throttled link.
        self._held: set["Pipe"] = set()
        self._open = asyncio.Event()
        self._open.set()

    def set(self, state: LinkState) -> None:
        self.state = state
        if state.cut:
            self._open.clear()
            return
        self._open.set()
        held, self._held = self._held, set()
        for pipe in held:
            pipe.run()

    def hold(self, pipe: "Pipe") -> None:
        """The pipe is run again once the link is whole."""
        self._held.add(pipe)

    def forget(self, pipe: "Pipe") -> None:
        self._held.discard(pipe)

    def immediate(self) -> bool:
        return self.state.plain()

    def arrival(self, now: float, size: int, wait: float = RETRANSMIT_SECONDS) -> float:
        """When what is sent now arrives. Throws GaveUp."""
        state = self.state
        departs = now
        if state.bytes_per_second:
            departs = max(now, self._free_at) + size / state.bytes_per_second
            self._free_at = departs
        arrives = departs + state.delay_ms / 1000
        losses = 0
        while state.loss_percent and self._chance.random() * 100 < state.loss_percent:
            losses += 1
            if losses == LOSSES_GIVEN_UP:
                raise GaveUp
            arrives += wait
            wait *= 2
        return arrives

    async def pass_opening(self) -> None:
        """Returns when a connection's first packet, sent now, has arrived. Throws GaveUp."""
        loop = asyncio.get_running_loop()
        await self._open.wait()
        await asyncio.sleep(self.arrival(loop.time(), 0, RETRANSMIT_OPENING_SECONDS) - loop.time())
        await self._open.wait()


class Pipe:
    """One direction of one connection. Chunks come out as they went in, each when it is due and the link is whole."""

    def __init__(self, link: Link, source: asyncio.Transport, sink: asyncio.Transport, on_end: Callable[[], None]):
        self._loop = asyncio.get_running_loop()
        self._link, self._source, self._sink, self._on_end = link, source, sink, on_end
        self._queue: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._last_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sink_full = False
        self._source_paused = False
        self.ended = False  # Its end came out, or it was closed.

    def put(self, data: bytes) -> None:
        self._link.bytes += len(data)
        if not self._queue and not self._sink_full and self._link.immediate():
            self._write(data)
            return
        self._enqueue(data)
        if self._size > WINDOW_BYTES and not self._source_paused and not self._source.is_closing():
            self._source_paused = True
            self._source.pause_reading()

    def put_end(self) -> None:
        """The source has sent all that it will send."""
        self._enqueue(_END)

    def put_reset(self) -> None:
        """The source is gone, and what it had sent is lost with it, as with TCP's reset."""
        self._queue.clear()
        self._enqueue(_RESET)

    def sink_full(self, full: bool) -> None:
        self._sink_full = full
        if not full and not self._timer:
            self.run()

    def close(self) -> None:
        """Nothing comes out any more."""
        self.ended = True
        self._queue.clear()
        self._link.forget(self)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def run(self) -> None:
        """Lets out what is due, and comes back for the rest."""
        self._timer = None
        now = self._loop.time() + _NEARLY_SECONDS
        while self._queue and not self._sink_full and not self.ended:
            if self._link.state.cut:
                self._link.hold(self)
                return
            due, data = self._queue[0]
            if due > now:
                self._timer = self._loop.call_at(due, self.run)
                return
            self._queue.popleft()
            self._let_out(data)

    def _let_out(self, data: bytes) -> None:
        if data is _END or data is _RESET:
            self.ended = True
            if data is _RESET:
                reset(self._sink)
            elif not self._sink.is_closing():
                with contextlib.suppress(OSError):  # The other end has reset it, which is about to be seen.
                    self._sink.write_eof()
            self._on_end()
            return
        self._size -= len(data)
        self._write(data)
        if self._source_paused and self._size < WINDOW_BYTES // 2 and not self._source.is_closing():
            self._source_paused = False
            self._source.resume_reading()

    def _write(self, data: bytes) -> None:
        if not self._sink.is_closing():
            self._sink.write(data)

    def _enqueue(self, data: bytes) -> None:
        if self.ended:
            return
        try:
            due = self._link.arrival(self._loop.time(), len(data))
        except GaveUp:
            reset(self._source)
            reset(self._sink)
            return
        self._last_due = max(due, self._last_due)
        self._queue.append((self._last_due, data))
        self._size += len(data)
        if not self._timer:
            self.run()


def reset(transport: asyncio.Transport) -> None:
    """Ends the connection so that its other end sees "connection reset"."""
    endpoint = transport.get_extra_info("socket")
    if endpoint is not None and endpoint.fileno() >= 0:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
