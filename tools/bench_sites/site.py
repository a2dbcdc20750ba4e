"""One appliance of a bench: set up, started, stopped, killed."""

import shutil
import subprocess
from contextlib import ExitStack
from typing import Callable

from . import tokens
from .errors import BenchError
from .layout import OperatorFiles, Programs, SiteFiles
from .pins import make_pin, pin_descriptor
from .place import Place
from .processes import start_detached

TokenKind = Callable[[SiteFiles], tokens.Token]


class Site(Place):
    kind = "site"
    files: SiteFiles

    def __init__(self, files: SiteFiles, programs: Programs, operator: OperatorFiles,
                 token: TokenKind = tokens.softhsm):
        super().__init__(files, operator)
        self._programs = programs
        self._token_kind = token

    def core_pid(self) -> int | None:
        """The process id of twinseal-core, which twinseald restarts when it dies."""
        core = self.process_named("core")
        return core.pid if core else None

    def token(self) -> tokens.Token:
        return self._token_kind(self.files)

    # --- set-up -----------------------------------------------------------------------------------------------

    def set_up_for_pairing(self, **settings: str | list[str]) -> None:
        """Further settings, which stay in the configuration however often it is written."""
        self._save(pair_settings=settings)

    def write_config(self, **changes: str | list[str]) -> None:
        """The configuration file; `changes` replaces or adds settings."""
        token = self.token()
        self._write_settings({
            "site": self.name,
            "data_dir": str(self.files.data),
            "listen": str(self.listen),
            "ready_file": str(self.files.ready),
            "core_program": str(self._programs.core),
            **self._record().get("pair_settings", {}),
            **token.settings,
            **changes,
        })

    def initialize(self, join: bool = False) -> None:
        """Makes the token, the site's keys and the first operator's certificate; a site that will join another's domain
        has no operators of its own."""
        if not self.files.folder.exists():
            self.reserve()
        make_pin(self.files.pin)
        if self._token_kind(self.files).has_so_pin:
            make_pin(self.files.so_pin)
        self.write_config()
        whose = ["--join"] if join else ["--operator", "admin", "--out-dir", self.operator.folder]
        with ExitStack() as stack:
            pin = stack.enter_context(pin_descriptor(self.files.pin))
            so_pin = stack.enter_context(
                pin_descriptor(self.files.so_pin if self.files.so_pin.exists() else ""))
            done = subprocess.run(
                [self._programs.cli, "appliance", "init", "--config", self.files.config,
                 "--twinseald", self._programs.service, *whose, "--pin-fd", str(pin), "--so-pin-fd", str(so_pin)],
                env=self.environment(), pass_fds=(pin, so_pin), stdin=subprocess.DEVNULL,
                capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f"Setting up site {self.name} failed: "
                             f"{(done.stderr or done.stdout).strip()}")

    def environment(self) -> dict[str, str]:
        """What twinseald needs of the environment, and nothing else."""
        return {**self.service_environment(), **self.token().environment}

    def start_joining(self) -> None:
        """A blank appliance, set up and started; it waits to become part of a pair."""
        self.initialize(join=True)
        self.start(wait=False)
        self.wait_until_listening()

    def wipe(self) -> None:
        """Kills it; its disk and its HSM are gone, and a blank machine stands in its place."""
        self.kill()
        shutil.rmtree(self.files.data, ignore_errors=True)
        shutil.rmtree(self.files.token_folder, ignore_errors=True)
        for file in (self.files.pin, self.files.so_pin, *self.files.folder.glob("*.token.object")):
            file.unlink(missing_ok=True)

    # --- running ----------------------------------------------------------------------------------------------

    def start(self, wait: bool = True, pin: str | None = None) -> None:
        """Starts twinseald; does nothing when it runs. `pin` instead of the site's own."""
        if self.running():
            return
        left_over = self.process()
        if left_over:
            left_over.kill()  # A core that outlived its twinseald.
        tokens.mend(self.files)
        self.files.ready.unlink(missing_ok=True)
        with pin_descriptor(pin if pin is not None else self.files.pin) as descriptor:
            process = start_detached(
                [str(self._programs.service), "--config", str(self.files.config),
                 "--pin-fd", str(descriptor)],
                environment=self.environment(), log=self.files.log, descriptors=(descriptor,))
        self._save(pid=process.pid, start_time=process.start_time)
        if wait:
            self.wait_until_ready(process)

    def kill_core(self) -> None:
        """SIGKILL to twinseal-core alone, if it runs; twinseald starts it again."""
        if self.kill_one("core"):
            tokens.mend(self.files)
