"""OpenSSH with keys of the pair: `ssh -I` and ssh-agent against a server of the test's own."""

import os
import pwd
import re
import unittest
from pathlib import Path

from bench_sites.addresses import Address, free_address
from support.appliance import openssl
from support.module import ModuleTest, program

# sshd that runs as root insists on this folder, which a service's start would make.
_PRIVILEGE_SEPARATION = Path("/run/sshd")

_SETTINGS = """\
ListenAddress {address}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AuthenticationMethods publickey
KbdInteractiveAuthentication no
PasswordAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
ForceCommand echo let in
"""


class Ssh(ModuleTest):
    @classmethod
    def set_up_programs(cls) -> None:
        super().set_up_programs()
        cls.askpass = cls.folder / "askpass"
        cls.askpass.write_text(f"#!/bin/sh\nexec cat '{cls.pin_file}'\n")
        cls.askpass.chmod(0o700)
        if os.geteuid() == 0 and not _PRIVILEGE_SEPARATION.exists():
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755)
            cls.addClassCleanup(_PRIVILEGE_SEPARATION.rmdir)

    @classmethod
    def program_environment(cls) -> dict[str, str]:
        return {**super().program_environment(), "SSH_ASKPASS": str(cls.askpass), "SSH_ASKPASS_REQUIRE": "force"}

    def test_keys_open_the_door(self):
        self.token_key("login")
        self.token_key("login-rsa", "RSA_2048")
        shown = self.run_program("ssh-keygen", "-D", self.module)
        for name in ("login", "login-rsa"):
            with self.subTest(name):
                line = next(line for line in shown.splitlines() if line.endswith(f" {name}"))
                self.assert_is_public_key(line, name)
                self.serve(line)

    def assert_is_public_key(self, line: str, name: str) -> None:
        file = self.folder / "shown.pub"
        file.write_text(f"{line}\n")
        pem = self.run_program("ssh-keygen", "-e", "-m", "PKCS8", "-f", file).encode()
        self.assertEqual(openssl("pkey", "-pubin", "-in", self.public_key_file(name)), pem)

    def serve(self, authorized: str) -> None:
        """Both ways in, for the one key."""
        folder = self.folder / re.sub(r"\W", "-", authorized.split()[-1])
        folder.mkdir()
        (folder / "authorized_keys").write_text(f"{authorized}\n")
        self.run_program("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host")
        address = free_address()
        (folder / "sshd.conf").write_text(_SETTINGS.format(address=address, folder=folder))
        log = folder / "sshd.log"
        with self.running(program("sshd"), "-D", "-e", "-f", folder / "sshd.conf", log=log) as server:
            self.until("sshd listens", lambda: server.poll() is not None or b"Server listening" in log.read_bytes())
            self.assertIsNone(server.poll(), log.read_text())
            self.log_in(folder, address, "-I", self.module)
            self.assertEqual(1, log.read_text().count("Accepted publickey"))
            self.log_in_with_agent(folder, address)
            self.assertEqual(2, log.read_text().count("Accepted publickey"))

    def log_in(self, folder: Path, address: Address, *options: str | Path, **variables: str) -> None:
        known = folder / "known_hosts"
        known.write_text(f"[{address.host}]:{address.port} {(folder / 'host.pub').read_text()}")
        user = pwd.getpwuid(os.geteuid()).pw_name
        said = self.run_program("ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", *options, "-p", str(address.port),
                                f"{user}@{address.host}", **variables)
        self.assertIn("let in", said)

    def log_in_with_agent(self, folder: Path, address: Address) -> None:
        socket = folder / "agent"
        # It loads only modules from the folders that it is told of.
        with self.running("ssh-agent", "-D", "-a", socket, "-P", self.module.resolve(), log=folder / "agent.log"):
            self.until("the agent listens", socket.exists)
            agent = {"SSH_AUTH_SOCK": str(socket)}
            self.run_program("ssh-add", "-s", self.module, **agent)
            self.log_in(folder, address, **agent)
            self.run_program("ssh-add", "-e", self.module, **agent)
            self.assertIn("no identities", self.run_program("ssh-add", "-l", status=1, **agent))


if __name__ == "__main__":
    unittest.main()
