"""Where everything lies: the repository, the built programs, the bench's files."""

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError

REPOSITORY = Path(__file__).resolve().parents[2]
RELEASE_BUILD = REPOSITORY / "build" / "release"

# The third place's name.
AGENT = "agent"

PROGRAM_NAMES = ("twinseald", "twinseal-core", "twinseal", "twinseal-agent")
# The build's name of the PKCS#11 module, which is no program.
MODULE_NAME = "twinseal-pkcs11"


@dataclass(frozen=True)
class Programs:
    """The folder of the built programs."""

    folder: Path

    @classmethod
    def find(cls) -> "Programs":
        """Those that TWINSEAL_PROGRAMS names, else the release build's."""
        return cls(Path(os.environ.get("TWINSEAL_PROGRAMS") or RELEASE_BUILD / "bin").absolute())

    def missing(self, pair: bool = True) -> list[str]:
        """Those that a pair takes, or an appliance alone, and that are not there."""
        return [name for name in PROGRAM_NAMES
                if (pair or name != "twinseal-agent") and not os.access(self.folder / name, os.X_OK)]

    def check(self, pair: bool = True) -> None:
        missing = self.missing(pair)
        if missing:
            raise BenchError(f"The programs {', '.join(missing)} are not built in {self.folder}. "
                             "Build them with `./tools/quickstart`.")

    @property
    def service(self) -> Path:
        return self.folder / "twinseald"

    @property
    def core(self) -> Path:
        return self.folder / "twinseal-core"

    @property
    def agent(self) -> Path:
        return self.folder / "twinseal-agent"

    @property
    def cli(self) -> Path:
        return self.folder / "twinseal"

    @property
    def module(self) -> Path:
        """The PKCS#11 module that applications load."""
        return self.folder.parent / "lib" / f"lib{MODULE_NAME}.so"


@dataclass(frozen=True)
class PlaceFiles:
    """The files of one place's service. All are its own; nothing is shared with another place."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def ready(self) -> Path:
        """Written by the service once it answers: its port and process id."""
        return self.folder / "ready.json"

    @property
    def config(self) -> Path:
        raise NotImplementedError

    @property
    def log(self) -> Path:
        raise NotImplementedError

    @property
    def record(self) -> Path:
        """What the bench remembers of the place: ports and running process."""
        raise NotImplementedError


@dataclass(frozen=True)
class SiteFiles(PlaceFiles):
    """The files of one appliance."""

    @property
    def token_folder(self) -> Path:
        return self.folder / "token"

    @property
    def module_config(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def pin(self) -> Path:
        return self.folder / "pin"

    @property
    def so_pin(self) -> Path:
        return self.folder / "so-pin"

    @property
    def config(self) -> Path:
        return self.folder / "twinseald.conf"

    @property
    def vault(self) -> Path:
        return self.data / "vault" / "vault.db"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger" / "ledger.db"

    @property
    def audit(self) -> Path:
        return self.data / "audit" / "audit.db"

    @property
    def log(self) -> Path:
        return self.folder / "twinseald.log"

    @property
    def record(self) -> Path:
        return self.folder / "site.json"


@dataclass(frozen=True)
class AgentFiles(PlaceFiles):
    """The files of the agent at the third place."""

    @property
    def config(self) -> Path:
        return self.folder / "agent.conf"

    @property
    def log(self) -> Path:
        return self.folder / "twinseal-agent.log"

    @property
    def record(self) -> Path:
        return self.folder / "agent.json"


@dataclass(frozen=True)
class OperatorFiles:
    """The first operator's key and certificate, and the CA's certificate."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "operator.key"

    @property
    def certificate(self) -> Path:
        return self.folder / "operator.pem"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"


@dataclass(frozen=True)
class ModuleFiles:
    """The files of the PKCS#11 module's client."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "pkcs11.conf"

    @property
    def key(self) -> Path:
        """Encrypted under the token's PIN."""
        return self.folder / "pkcs11.key"

    @property
    def request(self) -> Path:
        """For the certificate; gone once that is there."""
        return self.folder / "pkcs11.csr"

    @property
    def certificate(self) -> Path:
        return self.folder / "pkcs11.pem"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def log(self) -> Path:
        return self.folder / "pkcs11.log"


@dataclass(frozen=True)
class NetworkFiles:
    """The files of the relays between the places."""

    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "network.json"

    def record(self, place: str) -> Path:
        return self.folder / f"{place}.json"

    def log(self, place: str) -> Path:
        return self.folder / f"{place}.log"


@dataclass(frozen=True)
class BenchFiles:
    """The files of a bench."""

    folder: Path

    @classmethod
    def find(cls) -> "BenchFiles":
        """In TWINSEAL_BENCH, else build/testbench."""
        return cls(Path(os.environ.get("TWINSEAL_BENCH") or
                        REPOSITORY / "build" / "testbench").absolute())

    @property
    def marker(self) -> Path:
        """Says that the folder is a bench, so that `down` never removes anything else."""
        return self.folder / "bench.json"

    @property
    def operator(self) -> OperatorFiles:
        return OperatorFiles(self.folder / "operator")

    @property
    def module(self) -> ModuleFiles:
        return ModuleFiles(self.folder / "pkcs11")

    @property
    def network(self) -> NetworkFiles:
        return NetworkFiles(self.folder / "network")

    @property
    def agent(self) -> AgentFiles:
        return AgentFiles(self.folder / AGENT)

    @property
    def sites(self) -> Path:
        return self.folder / "sites"

    def site(self, name: str) -> SiteFiles:
        return SiteFiles(self.sites / name)

    def site_names(self) -> list[str]:
        if not self.sites.is_dir():
            return []
        return sorted(entry.name for entry in self.sites.iterdir() if entry.is_dir())
