"""A pair, and programs that load the PKCS#11 module and know nothing else of it."""

import os
import pwd
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from bench_sites.module import USER_PIN
from bench_sites.processes import Process

from .pair import PairTest

TOKEN = "Twinseal"
PATIENCE_SECONDS = 120

# What programs see of the environment: nothing of the machine's own tokens, agents and settings.
_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS")


class ModuleTest(PairTest):
    """Keys are made through the appliance's API, used through the module and checked with public keys from the API."""

    module: Path
    pin_file: Path
    home: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.module = cls.bench.programs.module
        if not cls.module.exists():
            raise AssertionError(f"{cls.module} is not built")
        cls.set_up_programs()

    @classmethod
    def set_up_programs(cls) -> None:
        """Their home, the PIN where they may read it, and p11-kit's word of the module."""
        cls.home = cls.folder / "home"
        modules = cls.home / ".config" / "pkcs11" / "modules"
        modules.mkdir(parents=True)
        (modules / "twinseal.module").write_text(f"module: {cls.module}\n")
        cls.pin_file = cls.folder / "pin"
        cls.pin_file.touch(mode=0o600)
        cls.pin_file.write_text(USER_PIN)

    def token_key(self, name: str, algorithm: str = "EC_P256") -> None:
        self.change("a", "CreateKey", name=name, algorithm=algorithm)

    def public_key_file(self, name: str) -> Path:
        path = self.folder / f"{name}.pub.pem"
        path.write_text(self.api_of("a").call("KeyService/GetPublicKey", key=name)["publicKeyPem"])
        return path

    def uri(self, name: str, kind: str = "private") -> str:
        return f"pkcs11:token={TOKEN};object={name};type={kind}"

    @classmethod
    def program_environment(cls) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT}
        return {**kept, "HOME": str(cls.home), **cls.bench.module_environment()}

    def run_program(self, *command: str | Path, status: int | None = 0, stdin: bytes = b"", **variables: str) -> str:
        """What it prints on stdout and stderr; fails the test unless it ends with `status`, if that is given."""
        done = subprocess.run(command, env={**self.program_environment(), **variables}, input=stdin,
                              timeout=PATIENCE_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=self.folder)
        said = done.stdout.decode(errors="replace")
        if status is not None:
            self.assertEqual(status, done.returncode, f"{' '.join(map(str, command))}\n{said}\n{self.module_log()}")
        return said

    def module_log(self) -> str:
        """What the module wrote of failures."""
        log = self.bench.files.module.log
        return f"The module's log:\n{log.read_text(errors='replace')[-2000:]}" if log.exists() else ""

    @contextmanager
    def running(self, *command: str | Path, log: Path, **variables: str) -> Iterator[subprocess.Popen]:
        """A server of the test's own; ended at the end of the block, and with it what it started."""
        with open(log, "ab") as output:
            server = subprocess.Popen(command, env={**self.program_environment(), **variables}, cwd=self.folder,
                                      stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            yield server
        finally:
            end(server)


def as_user() -> tuple[str, ...]:
    """What goes before a program that is to find the module through p11-kit: for root, p11-kit reads no user's files. It
    runs as nobody then, and may read what root may."""
    if os.geteuid() != 0:
        return ()
    nobody = pwd.getpwnam("nobody")
    return ("setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups",
            "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")


def end(server: subprocess.Popen) -> None:
    """SIGTERM, and after a while SIGKILL to all of its session."""
    process = Process.of(server.pid)
    if process:
        process.terminate(10.0)
    server.wait()


def program(name: str) -> str:
    """Where it is; servers are in folders that users do not search."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
    if not path:
        raise AssertionError(f"{name} is not installed; run ./tools/packages test")
    return path
