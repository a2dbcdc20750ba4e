"""A bench: sites and the operator who may use them; as a pair, with the agent and the links between them all."""

import json
import os
import shutil
import subprocess
from typing import Callable

from . import tokens
from .agent import Agent
from .errors import BenchError
from .layout import AGENT, BenchFiles, Programs
from .module import set_up_module
from .network import CLIENT
from .pairing import hold_ceremony
from .place import Place
from .relays import Network
from .site import Site, TokenKind

PAIR = ("a", "b")

# What the other places and clients dial at each place's address.
API_PORT, PEER_PORT = 8443, 2380


class Bench:
    def __init__(self, files: BenchFiles | None = None, programs: Programs | None = None,
                 token: TokenKind = tokens.softhsm):
        self.files = files or BenchFiles.find()
        self.programs = programs or Programs.find()
        self.network = Network(self.files.network)
        self._token = token

    # --- what there is ------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        return self.files.marker.exists()

    def is_pair(self) -> bool:
        """Two sites, an agent and the links between them, however far they have come."""
        return self.network.exists()

    def is_paired(self) -> bool:
        return self.exists() and json.loads(self.files.marker.read_text()).get("paired", False)

    def site(self, name: str) -> Site:
        if name not in self.files.site_names():
            known = ", ".join(self.files.site_names()) or "none; start with `./tools/testbench up`"
            raise BenchError(f"The bench in {self.files.folder} has no site '{name}'. Its sites: {known}.")
        return self._site(name)

    def sites(self) -> list[Site]:
        return [self.site(name) for name in self.files.site_names()]

    def agent(self) -> Agent:
        if not self.files.agent.record.exists():
            raise BenchError(f"The bench in {self.files.folder} has no agent; only a pair has one.")
        return self._agent()

    def places(self) -> list[Place]:
        """The sites, then the agent if there is one."""
        return [*self.sites(), *([self._agent()] if self.files.agent.record.exists() else [])]

    def place(self, name: str) -> Place:
        return self.agent() if name == AGENT else self.site(name)

    def address(self, name: str) -> str:
        """By which the other places of a pair, and clients, know it."""
        return self.network.plan().places[name].address

    def api_address(self, name: str) -> str:
        return f"https://{self.address(name)}:{API_PORT}"

    # --- up and down --------------------------------------------------------------------------------------------

    def up(self, names: list[str] | None = None) -> None:
        """Sets up what is missing and starts all: one site alone, or, by default, the pair."""
        wanted = names or self.files.site_names() or list(PAIR)
        if len(wanted) > 2:
            raise BenchError("A bench has one site alone, or two that are paired.")
        self.programs.check(pair=len(wanted) == 2)
        if len(wanted) == 2:
            if not self.is_paired():
                self.prepare_pair(wanted)
                self.pair()
            self.start_all()
        else:
            self._refuse_others(wanted)
            if not self.files.site_names():
                self._set_up_alone(wanted[0])
            self.site(wanted[0]).start()
        self._set_up_module()

    def prepare_pair(self, names: list[str] | None = None, seed: int = 0,
                     environment: Callable[[Place], dict[str, str]] | None = None) -> None:
        """Two appliances that run and an agent that is configured, not yet paired, and whole links between them.
        `environment` names further variables for a place's service; the seed is that of what links leave to chance."""
        if self.exists() and self.is_pair() and not self.is_paired():
            self.down()  # What an interrupted `up` left: nobody has used it.
        self._refuse_others(names or list(PAIR))
        self._make_folder()
        sites = [self._site(self._checked(name)) for name in names or PAIR]
        places = [*sites, self._agent()]
        for place in places:
            place.reserve()
        self.network.create({place.name: {API_PORT: place.listen, PEER_PORT: place.peer_listen}
                             for place in places}, seed)
        self.network.start()
        for place in places:
            place.use_environment(**(environment(place) if environment else {}))
            place.set_up_for_pairing(
                peer_listen=str(place.peer_listen),
                peer_address=f"{self.address(place.name)}:{PEER_PORT}", api_address=self.api_address(place.name),
                proxy=self.network.proxy(place.name),
                **({"names": [self.address(place.name)]} if isinstance(place, Site) else {}))
        holder, *joiners = sites
        holder.initialize()
        holder.start()
        for site in joiners:
            site.start_joining()

    def pair(self) -> str:
        """The ceremony; everything is ready when it returns. The code that both consoles confirmed."""
        code = self._hold_ceremony(["create"], *self.sites())
        self._mark(paired=True)
        self.start_all()
        self._set_up_module()
        return code

    def replace(self, name: str) -> str:
        """A blank appliance takes the place of a site that was wiped; it is ready when this returns. The code."""
        joiner = self.site(name)
        [holder] = [site for site in self.sites() if site.name != name]
        joiner.start_joining()
        code = self._hold_ceremony(["replace", name], holder, joiner)
        joiner.wait_until_ready()
        return code

    def _hold_ceremony(self, what: list[str], holder: Site, joiner: Site) -> str:
        return hold_ceremony(self.programs, what, [holder, joiner], self.api_address(joiner.name), self.agent(), {
            **self.client_environment(), "TWINSEAL_ENDPOINTS": self.api_address(holder.name),
            "TWINSEAL_PROXY": self.network.proxy(AGENT)})

    def start_all(self) -> None:
        """Starts everything that does not run and waits until all is ready."""
        if self.is_pair():
            self.network.start()
        for place in self.places():
            place.start(wait=False)
        for place in self.places():
            place.wait_until_ready()

    def kill_all(self) -> None:
        """SIGKILL to everything of the bench, its relays too."""
        for place in self.places():
            place.kill()
        self.network.stop()

    def down(self, keep_files: bool = False) -> None:
        """Stops everything, then removes the bench's files."""
        for place in self.places():
            place.stop()
        self.network.stop()
        if not keep_files and self.exists():
            shutil.rmtree(self.files.folder)

    # --- clients ------------------------------------------------------------------------------------------------

    def client_environment(self) -> dict[str, str]:
        """What the command line needs to reach the bench as its operator."""
        operator = self.files.operator
        common = {
            "TWINSEAL_BENCH": str(self.files.folder),
            "TWINSEAL_CERTIFICATE": str(operator.certificate),
            "TWINSEAL_KEY": str(operator.key),
            "TWINSEAL_CA": str(operator.ca),
            "TWINSEAL_ENDPOINTS": ",".join(self.endpoints()),
        }
        if self.is_pair():
            return {**common, "TWINSEAL_AGENT": self.api_address(AGENT), "TWINSEAL_PROXY": self.network.proxy(CLIENT)}
        return common

    def endpoints(self) -> list[str]:
        """The sites as clients dial them."""
        if self.is_pair():
            return [self.api_address(name) for name in self.files.site_names()]
        return [site.endpoint for site in self.sites()]

    def module_environment(self) -> dict[str, str]:
        """What applications need that load the PKCS#11 module; its token's PIN is module.USER_PIN."""
        return {"TWINSEAL_PKCS11_MODULE": str(self.programs.module),
                "TWINSEAL_PKCS11_CONF": str(self.files.module.config)}

    def cli(self, *arguments: str, site: str = "") -> str:
        """What `twinseal` prints when the bench's operator calls it so; at one site of a pair, if it is named."""
        only = {"TWINSEAL_ENDPOINTS": self.api_address(site)} if site else {}
        done = subprocess.run([self.programs.cli, *arguments], capture_output=True, text=True,
                              env={**os.environ, **self.client_environment(), **only}, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise BenchError(f"`twinseal {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    # --- set-up -------------------------------------------------------------------------------------------------

    def _set_up_module(self) -> None:
        set_up_module(self.files.module, self.cli, self.endpoints(),
                      self.network.proxy(CLIENT) if self.is_pair() else "")

    def _site(self, name: str) -> Site:
        return Site(self.files.site(name), self.programs, self.files.operator, self._token)

    def _agent(self) -> Agent:
        return Agent(self.files.agent, self.programs, self.files.operator)

    def _make_folder(self) -> None:
        folder = self.files.folder
        if self.exists():
            return
        if folder.exists() and any(folder.iterdir()):
            raise BenchError(f"{folder} is not empty and is no bench. "
                             "Name another folder in TWINSEAL_BENCH, or empty it.")
        folder.mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
        self._mark()

    def _mark(self, **facts: bool) -> None:
        self.files.marker.write_text(json.dumps({"bench": 1, **facts}) + "\n")

    def _refuse_others(self, wanted: list[str]) -> None:
        there = self.files.site_names()
        if there and set(wanted) != set(there):
            raise BenchError(f"The bench in {self.files.folder} has other sites: {', '.join(there)}. "
                             "End it first with `./tools/testbench down`.")

    @staticmethod
    def _checked(name: str) -> str:
        if not name.isalnum() or len(name) > 32 or not name.islower() or name in (AGENT, CLIENT):
            raise BenchError(f"'{name}' is no site name; lower-case letters and digits make one.")
        return name

    def _set_up_alone(self, name: str) -> None:
        self._checked(name)
        self._make_folder()
        site = self._site(name)
        try:
            site.initialize()
        except BaseException:
            # A half-made site would be in the way of the next `up`.
            shutil.rmtree(site.files.folder, ignore_errors=True)
            raise
