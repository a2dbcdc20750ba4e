"""The links between the places of a bench: whole, late, lossy, slow and cut, with plain sockets at both ends."""

import socket
import threading
import time
import unittest

from bench_sites.addresses import Address, free_address
from bench_sites.layout import NetworkFiles
from bench_sites.network import CLIENT
from bench_sites.relays import Network
from support.appliance import Folder

SILENCE_SECONDS = 0.3
PATIENCE_SECONDS = 20.0


class Echo:
    """A server that sends back what it gets, and says how each connection ended."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address(*self._listener.getsockname())
        self.ends: list[str] = []
        self._changed = threading.Condition()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def end_all(self):
        """Resets every connection."""
        for connection in self._connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.shutdown(socket.SHUT_RDWR)
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ends) == len(self._connections), PATIENCE_SECONDS)

    def wait_for_end(self) -> str:
        with self._changed:
            assert self._changed.wait_for(lambda: self.ends, PATIENCE_SECONDS)
            return self.ends[-1]

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket):
        with connection:
            end = "end"
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                end = "reset"
        with self._changed:
            self.ends.append(end)
            self._changed.notify_all()


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data


class Relays(Folder):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.close)
        self.network = Network(NetworkFiles(self.folder / self.id().split(".")[-1] / "network"))
        self.network.create({"a": {8443: self.echo.address}, "b": {8443: self.echo.address, 2380: free_address()}},
                            seed=7)
        self.addCleanup(self.network.stop)
        self.network.start()

    def asked(self, place: str, target: str) -> socket.socket:
        """A connection to the place's relay that was asked for the target."""
        connection = socket.create_connection(self.network.relay(place))
        self.addCleanup(connection.close)
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return connection

    def head(self, connection: socket.socket) -> str:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += connection.recv(1) or self.fail("the relay ended the connection")
        return data.decode()

    def connect(self, place: str = "a", target: str = "192.0.2.2:8443") -> socket.socket:
        connection = self.asked(place, target)
        self.assertIn(" 200 ", self.head(connection))
        return connection

    def link(self, *pairs: tuple[str, str], **changes) -> None:
        self.network.change(lambda plan: plan.change(pairs, **changes))

    def round_trip(self, connection: socket.socket, data: bytes = b"ping") -> float:
        started = time.monotonic()
        connection.sendall(data)
        self.assertEqual(data, read_exactly(connection, len(data)))
        return time.monotonic() - started

    def assert_silent(self, connection: socket.socket) -> None:
        connection.settimeout(SILENCE_SECONDS)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        connection.settimeout(PATIENCE_SECONDS)

    def test_bytes_come_out_as_they_went_in(self):
        connection = self.connect()
        sent = bytes(range(256)) * 8192
        writer = threading.Thread(target=connection.sendall, args=(sent,))
        writer.start()
        self.assertEqual(sent, read_exactly(connection, len(sent)))
        writer.join()
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(b"", connection.recv(1))
        self.assertEqual("end", self.echo.wait_for_end())
        self.assertGreaterEqual(self.network.bytes()["a->b"], len(sent))

    def test_only_places_are_reached(self):
        for target, answer in (("192.0.2.2:2380", " 502 "), ("192.0.2.2:22", " 403 "), ("192.0.2.77:8443", " 403 "),
                               ("127.0.0.1:8443", " 403 ")):
            self.assertIn(answer, self.head(self.asked("a", target)), target)

    def test_a_delay_is_half_of_it_each_way(self):
        self.link(("a", "b"), ("b", "a"), delay_ms=40)
        started = time.monotonic()
        connection = self.connect()
        self.assertGreaterEqual(time.monotonic() - started, 0.079)
        for _ in range(3):
            self.assertGreaterEqual(self.round_trip(connection), 0.079)
        self.link(("b", "a"), delay_ms=0)
        self.assertGreaterEqual(self.round_trip(connection), 0.039)
        self.assertLess(min(self.round_trip(self.connect(CLIENT)) for _ in range(20)), 0.03)

    def test_the_order_holds_when_a_delay_shrinks(self):
        connection = self.connect()
        self.link(("a", "b"), delay_ms=200)
        connection.sendall(b"first ")
        self.link(("a", "b"), delay_ms=0)
        connection.sendall(b"second")
        self.assertEqual(b"first second", read_exactly(connection, 12))

    def test_a_cut_link_is_silent_and_goes_on_when_it_is_whole(self):
        connection = self.connect()
        self.round_trip(connection)
        self.link(("a", "b"), ("b", "a"), cut=True)
        connection.sendall(b"held")
        self.assert_silent(connection)
        opening = self.asked("a", "192.0.2.2:8443")
        self.assert_silent(opening)
        self.link(("a", "b"), ("b", "a"), cut=False)
        self.assertEqual(b"held", read_exactly(connection, 4))
        self.assertIn(" 200 ", self.head(opening))

    def test_a_link_is_cut_one_way(self):
        connection = self.connect()
        self.round_trip(connection)
        self.link(("b", "a"), cut=True)
        connection.sendall(b"there")
        self.assert_silent(connection)
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual("end", self.echo.wait_for_end())
        self.assert_silent(connection)
        self.link(("b", "a"), cut=False)
        self.assertEqual(b"there", read_exactly(connection, 5))
        self.assertEqual(b"", connection.recv(1))

    def test_ends_do_not_pass_a_cut_link(self):
        connection = self.connect()
        self.round_trip(connection)
        self.link(("a", "b"), ("b", "a"), cut=True)
        connection.close()
        other = self.connect(CLIENT)
        self.round_trip(other)
        self.assertEqual([], self.echo.ends)
        self.link(("a", "b"), ("b", "a"), cut=False)
        self.echo.wait_for_end()

    def test_one_link_is_cut_and_the_others_are_whole(self):
        self.link(("a", "b"), ("b", "a"), cut=True)
        self.round_trip(self.connect(CLIENT))
        self.round_trip(self.connect("b", "192.0.2.2:8443"))
        self.assert_silent(self.asked("b", "192.0.2.1:8443"))

    def test_who_stopped_waiting_is_not_connected_later(self):
        self.link(("a", "b"), cut=True)
        self.asked("a", "192.0.2.2:8443").close()
        self.link(("a", "b"), cut=False)
        self.round_trip(self.connect())
        self.assertEqual([], self.echo.ends)

    def test_a_lossy_link_brings_everything_late(self):
        connection = self.connect()
        self.link(("a", "b"), loss_percent=25)
        slowest = 0.0
        for number in range(20):
            try:
                slowest = max(slowest, self.round_trip(connection, b"%d" % number))
            except (AssertionError, OSError):
                connection = self.connect()  # So many losses in a row that the connection was given up.
        self.assertGreaterEqual(slowest, 0.19)

    def test_what_is_always_lost_ends_the_connection(self):
        connection = self.connect()
        self.link(("a", "b"), loss_percent=100)
        connection.sendall(b"lost")
        with self.assertRaises(ConnectionResetError):
            connection.recv(1)
        self.assertEqual("reset", self.echo.wait_for_end())

    def test_a_narrow_link_takes_its_time(self):
        connection = self.connect()
        self.link(("a", "b"), bytes_per_second=100_000)
        self.assertGreaterEqual(self.round_trip(connection, bytes(50_000)), 0.45)

    def test_a_reset_is_passed_on(self):
        connection = self.connect()
        self.round_trip(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        self.assertEqual("reset", self.echo.wait_for_end())

    def test_what_both_ends_left_behind_a_cut_link_is_cleared_away(self):
        connections = [self.connect() for _ in range(20)]
        for connection in connections:
            self.round_trip(connection)
        self.link(("a", "b"), ("b", "a"), cut=True)
        for number, connection in enumerate(connections):
            connection.sendall(b"unread")
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        self.echo.end_all()
        self.link(("a", "b"), ("b", "a"), cut=False)
        self.round_trip(self.connect(CLIENT))
        self.round_trip(self.connect())
        self.assertEqual("", self.network.files.log("a").read_text())

    def test_a_relay_that_starts_again_knows_the_links(self):
        self.link(("a", "b"), cut=True)
        self.network.stop()
        self.network.start()
        self.assert_silent(self.asked("a", "192.0.2.2:8443"))


if __name__ == "__main__":
    unittest.main()
