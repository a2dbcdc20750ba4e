"""nginx whose TLS keys are in the pair: new handshakes without end while one site after the other is lost and comes
back, and none of them fails."""

import os
import signal
import socket
import ssl
import subprocess
import threading
import unittest
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from bench_sites import faults
from bench_sites.addresses import Address, free_address
from bench_sites.network import CLIENT
from support.module import program
from support.openssl_engine import EngineTest

# Of each kind. More would only wait for each other: a worker of nginx signs for one connection at a time.
THREADS = 2
HANDSHAKES_A_STEP = 40
WORKERS = 3

# Longer than the module may take for a call, so that a handshake that takes long is not one that fails.
HANDSHAKE_SECONDS = 30.0

_SETTINGS = """\
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
# Workers see no other variables.
env TWINSEAL_PKCS11_CONF;
env OPENSSL_CONF;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {address} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
{keys}
    location / {{ return 200 "signed by the pair\\n"; }}
  }}
}}
"""


class Handshakes:
    """Threads that connect, shake hands, ask and close, again and again."""

    def __init__(self, address: Address, kinds: list[ssl.SSLContext]):
        self.failures: list[str] = []
        self._address = address
        self._change = threading.Condition()
        self._done = 0
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, args=(kind,)) for kind in kinds for _ in range(THREADS)]

    def __enter__(self) -> "Handshakes":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping = True
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, number: int) -> None:
        """Until so many more have been done, or one has failed."""
        with self._change:
            wanted = self._done + number
            if not self._change.wait_for(lambda: self._done >= wanted or self.failures, timeout=120):
                self.failures.append(f"only {number - (wanted - self._done)} handshakes of {number} in 120 seconds")

    def _run(self, kind: ssl.SSLContext) -> None:
        while not self._stopping:
            failure = self._shake(kind)
            with self._change:
                self._done += 1
                if failure:
                    self.failures.append(failure)
                self._change.notify_all()

    def _shake(self, kind: ssl.SSLContext) -> str:
        """Why it failed; empty when it did not."""
        try:
            with socket.create_connection(self._address, timeout=HANDSHAKE_SECONDS) as plain, \
                    kind.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                answer = b""
                while piece := connection.recv(4096):
                    answer += piece
                return "" if b"signed by the pair" in answer else f"answered {answer!r}"
        except OSError as error:
            return repr(error)


class Nginx(EngineTest):
    def test_no_handshake_fails_while_sites_die_and_come_back(self):
        with self.serving("died") as (_, load):
            for name in "ab":
                self.site(name).kill()
                load.wait_for_more(HANDSHAKES_A_STEP)
                self.site(name).start()
                load.wait_for_more(HANDSHAKES_A_STEP)

    def test_no_handshake_fails_while_a_link_swallows_everything(self):
        with self.serving("silent") as (_, load):
            for name in "ab":
                faults.partition(self.bench, [CLIENT, name], one_way=False)
                load.wait_for_more(HANDSHAKES_A_STEP)
                faults.heal(self.bench, [CLIENT, name])
                load.wait_for_more(HANDSHAKES_A_STEP)

    def test_new_workers_serve_as_well(self):
        """They are children of a master that has the module loaded."""
        with self.serving("reloaded") as (server, load):
            for _ in range(3):
                server.send_signal(signal.SIGHUP)
                load.wait_for_more(HANDSHAKES_A_STEP)

    @contextmanager
    def serving(self, name: str) -> Iterator[tuple[subprocess.Popen, Handshakes]]:
        """nginx with an EC and an RSA key, under load; fails the test when a handshake failed meanwhile."""
        keys = {f"{name}-ec": "EC_P256", f"{name}-rsa": "RSA_2048"}
        for key, algorithm in keys.items():
            self.token_key(key, algorithm)
        certificates = [self.self_signed(key, "/CN=localhost", "server") for key in keys]
        address, folder = free_address(), self.folder / name
        settings, error_log = self.write_settings(folder, address, dict(zip(keys, certificates)))
        log = folder / "nginx.log"
        with self.running(program("nginx"), "-e", error_log, "-c", settings, log=log) as server:
            self.until("nginx answers", lambda: server.poll() is not None or answers(address))
            self.assertIsNone(server.poll(), log.read_text())
            with Handshakes(address, kinds(*certificates)) as load:
                load.wait_for_more(HANDSHAKES_A_STEP)
                yield server, load
            self.assertEqual([], load.failures, error_log.read_text()[-2000:] + self.module_log())

    def write_settings(self, folder: Path, address: Address, certificates: dict[str, Path]) -> tuple[Path, Path]:
        folder.mkdir()
        keys = "".join(f'    ssl_certificate {path};\n    ssl_certificate_key "engine:pkcs11:{self.key_uri(name)}";\n'
                       for name, path in certificates.items())
        # Else its workers would be another user, who may not read the client's certificate.
        user = "user root;" if os.geteuid() == 0 else ""
        settings = folder / "nginx.conf"
        settings.write_text(_SETTINGS.format(folder=folder, address=address, keys=keys, user=user, workers=WORKERS))
        return settings, folder / "error.log"


def kinds(ec: Path, rsa: Path) -> list[ssl.SSLContext]:
    """One that has the server sign with its EC key, one with its RSA key."""
    modern = ssl.create_default_context(cafile=str(ec))
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    older = ssl.create_default_context(cafile=str(rsa))
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    older.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    return [modern, older]


def answers(address: Address) -> bool:
    with socket.create_connection(address, timeout=5):
        return True


if __name__ == "__main__":
    unittest.main()
