"""The network between the places of a bench as it is wanted: addresses, and how each directed link behaves.

The places know each other by documentation addresses (RFC 5737), which no machine has, so that whatever one place sends
another passes a relay of the bench. The relays read this description from one file."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Callable, Iterable

from .addresses import Address

# Whoever is no place: `twinseal`, tests, the user's own programs.
CLIENT = "client"


@dataclass(frozen=True)
class LinkState:
    """One direction between two places."""

    delay_ms: float = 0.0  # One way.
    loss_percent: float = 0.0
    bytes_per_second: float = 0.0  # 0: as fast as it goes.
    cut: bool = False

    def plain(self) -> bool:
        return self == LinkState()

    def words(self) -> str:
        """"10 ms, 5 % loss"."""
        parts = []
        if self.cut:
            parts.append("cut")
        if self.delay_ms:
            parts.append(f"{self.delay_ms:g} ms")
        if self.loss_percent:
            parts.append(f"{self.loss_percent:g} % loss")
        if self.bytes_per_second:
            parts.append(f"{self.bytes_per_second / 1000:g} kB/s")
        return ", ".join(parts)


@dataclass(frozen=True)
class PlaceAddress:
    """Where a place is: its own address, its relay's local one, and the local ones behind the ports that others dial."""

    address: str
    relay: str
    ports: dict[str, str] = field(default_factory=dict)


def link_name(source: str, target: str) -> str:
    return f"{source}->{target}"


@dataclass
class NetworkPlan:
    places: dict[str, PlaceAddress] = field(default_factory=dict)
    links: dict[str, LinkState] = field(default_factory=dict)  # By link_name; those that are not plain.
    seed: int = 0  # Of what is left to chance: which chunk is lost.

    @classmethod
    def load(cls, path: Path) -> "NetworkPlan":
        plan = json.loads(path.read_text())
        return cls({name: PlaceAddress(**place) for name, place in plan["places"].items()},
                   {name: LinkState(**state) for name, state in plan["links"].items()}, plan["seed"])

    def save(self, path: Path) -> None:
        """Replaced in one step: a reader sees the old plan or the new one."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({
            "places": {name: asdict(place) for name, place in self.places.items()},
            "links": {name: asdict(state) for name, state in sorted(self.links.items()) if not state.plain()},
            "seed": self.seed}, indent=1) + "\n")
        fresh.replace(path)

    def link(self, source: str, target: str) -> LinkState:
        return self.links.get(link_name(source, target), LinkState())

    def change(self, pairs: Iterable[tuple[str, str]], **changes) -> None:
        """`cut=True` and the like, for each directed pair of places."""
        for source, target in pairs:
            self.links[link_name(source, target)] = replace(self.link(source, target), **changes)

    def find(self, host: str, port: str) -> tuple[str, Address] | None:
        """The place that has the address, and the local one behind it."""
        for name, place in self.places.items():
            if place.address == host and port in place.ports:
                return name, Address.parse(place.ports[port])
        return None

    def directed(self, places: list[str], clients: bool = False) -> list[tuple[str, str]]:
        """The links that are meant: between two places, of one place with all others, or, when none is named, between
        all. Links of clients are among them only if they are asked for."""
        everyone = [name for name in self.places if clients or name != CLIENT or CLIENT in places]
        if len(places) == 2:
            return [(places[0], places[1]), (places[1], places[0])]
        return [(source, target) for source in everyone for target in everyone
                if source != target and (not places or places[0] in (source, target))]


Change = Callable[[NetworkPlan], None]
