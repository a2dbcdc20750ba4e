"""What the pair's benchmark measures on: a pair, the ways between its places, and clients beside each site."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from .addresses import free_address
from .bench import PAIR, Bench
from .errors import BenchError
from .layout import AGENT, BenchFiles
from .network import NetworkPlan, PlaceAddress
from .pair_load import Load
from .place import Place
from .site import Site

# Clients that sign at once.
CLIENTS = 32
ROUND_TRIP_MS = 20

# Long enough for what a change of the links has held back to be over.
SETTLE_SECONDS = 0.5

PATIENCE_SECONDS = 60.0
RETURN_PATIENCE_SECONDS = 600.0  # Of a site that has missed much.

SIGNING_KEYS = 8

# Of a load's bytes that go to its own site when clients have settled there.
_AT_HOME = 0.9


def _beside(site: str) -> str:
    """The place of the applications in the same data centre as the site."""
    return f"client-{site}"


@dataclass(frozen=True)
class Size:
    """How much of everything is to be measured."""

    rounds: int  # Of slices in turn.
    slice_ms: int
    losses: int
    drains: int
    single_changes: int  # A slice of one client.
    many_changes: int  # A slice of 64 clients.
    idle_seconds: float
    keys: int
    changes: int


class PairSetting:
    """A pair in a folder of its own. Applications are at `near-a` and `near-b`, from where the other site is as far as
    for the sites themselves; `direct-a` and `direct-b` reach both sites without a relay, and `only-a` and `only-b` the
    one site alone."""

    def __init__(self, folder: Path):
        self.bench = Bench(BenchFiles(folder))
        self.round_trip_ms = 0.0

    def up(self) -> None:
        self.bench.up(list(PAIR))
        self.bench.network.change(self._add_clients)
        self.bench.network.start()

    def down(self, keep_files: bool = False) -> None:
        self.bench.down(keep_files)

    @property
    def sites(self) -> list[Site]:
        return self.bench.sites()

    @property
    def places(self) -> list[Place]:
        return self.bench.places()

    def load(self) -> Load:
        return Load(self.bench.programs.folder / "bench-pair", self.bench.files.operator, self._ends())

    # --- ways ---------------------------------------------------------------------------------------------------

    def set_round_trip(self, milliseconds: float) -> None:
        """Between every two data centres."""
        def change(plan: NetworkPlan) -> None:
            plan.change([(source, target) for source, target in plan.directed([])
                         if self._centre(source) != self._centre(target)], delay_ms=milliseconds / 2)

        self.bench.network.change(change)
        self.round_trip_ms = milliseconds

    def await_clients_at_home(self) -> None:
        """Until the applications beside each site are served by it, as they are when nothing is wrong."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._clients_at_home(0.3):
            if time.monotonic() > end:
                raise BenchError(f"The clients have not come back to their own sites in {PATIENCE_SECONDS:.0f} s.")

    def _clients_at_home(self, seconds: float) -> bool:
        before = self.bench.network.bytes()
        time.sleep(seconds)
        after = self.bench.network.bytes()
        for near in self.sites:
            passed = {site.name: after.get(link, 0) - before.get(link, 0) for site in self.sites
                      for link in [f"{_beside(near.name)}->{site.name}"]}
            if passed[near.name] == 0 or passed[near.name] < _AT_HOME * sum(passed.values()):
                return False
        return True

    def _centre(self, place: str) -> str:
        return {_beside(site.name): site.name for site in self.sites}.get(place, place)

    def _add_clients(self, plan: NetworkPlan) -> None:
        for number, site in enumerate(self.sites):
            if _beside(site.name) not in plan.places:
                plan.places[_beside(site.name)] = PlaceAddress(f"192.0.2.{201 + number}", str(free_address()))

    def _ends(self) -> dict[str, str]:
        ends = {}
        for site in self.sites:
            order = [site, *(other for other in self.sites if other.name != site.name)]
            ends[f"near-{site.name}"] = (",".join(self.bench.api_address(one.name) for one in order)
                                         + "@" + self.bench.network.proxy(_beside(site.name)))
            ends[f"direct-{site.name}"] = ",".join(one.endpoint for one in order)
            ends[f"only-{site.name}"] = site.endpoint
        return ends

    def ends(self, kind: str) -> str:
        """"near-a,near-b": clients take turns."""
        return ",".join(f"{kind}-{site.name}" for site in self.sites)

    # --- the ledger ---------------------------------------------------------------------------------------------

    def leader(self) -> str:
        """The site whose ledger member leads. The witness gives leadership back soon; that is waited for."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (leader := self._leader_seen()) in ("", AGENT):
            if time.monotonic() > end:
                raise BenchError(f"No site's ledger member leads after {PATIENCE_SECONDS:.0f} s; "
                                 f"the leader is {leader or 'unknown'}.")
            time.sleep(0.1)
        return leader

    def _leader_seen(self) -> str:
        """Empty when the sites disagree or one does not know."""
        seen = set()
        for site in self.sites:
            answer = json.loads(self.bench.cli("pair", "status", "--output", "json", site=site.name))["sites"][0]
            members = (answer["pair"] or {}).get("members", [])
            seen.add(next((member["name"] for member in members if member["leader"]), ""))
        return seen.pop() if len(seen) == 1 else ""


def make_signing_keys(load: Load, setting: PairSetting) -> str:
    """Keys `sign-0` to `sign-7`, and `stop-0`, which stops at an isolated site; once a pair. The first ones' prefix."""
    known = setting.bench.cli("key", "list", "--names").split()
    if "sign-0" not in known:
        load.change("create", setting.ends("only"), SIGNING_KEYS, "sign", 0, SIGNING_KEYS)
    if "stop-0" not in known:
        setting.bench.cli("key", "create", "stop-0", "--algorithm", "ec-p256", "--isolation", "stop")
    return "sign"
