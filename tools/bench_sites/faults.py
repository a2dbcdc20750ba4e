"""What a bench can do to its places and links, besides killing and stopping."""

import shutil

from .bench import Bench
from .errors import BenchError
from .network import NetworkPlan


def partition(bench: Bench, places: list[str], one_way: bool = False) -> str:
    """Cuts one place from all others, or two from each other; what was done, in words."""
    _check(bench, places)

    def cut(plan: NetworkPlan) -> None:
        links = plan.directed(places)
        plan.change([link for link in links if not one_way or link[0] == places[0]], cut=True)

    bench.network.change(cut)
    who = f"{places[0]} and {places[1]}" if len(places) == 2 else f"{places[0]} and all other places"
    if one_way:
        to = places[1] if len(places) == 2 else "any other place"
        return f"Nothing that {places[0]} sends reaches {to}."
    return f"Nothing passes between {who}."


def heal(bench: Bench, places: list[str]) -> str:
    _check(bench, places, fewest=0)

    def mend(plan: NetworkPlan) -> None:
        # With no place named, those of clients too: they were cut on demand.
        plan.change(plan.directed(places, clients=not places), cut=False)

    bench.network.change(mend)
    return f"{_which(places)} not cut any more. Delays, losses and limits stay as they are."


def change_links(bench: Bench, places: list[str], **changes: float) -> str:
    """`delay_ms` (one way), `loss_percent`, `bytes_per_second` of the links that are meant."""
    _check(bench, places, fewest=0)
    bench.network.change(lambda plan: plan.change(plan.directed(places), **changes))
    plan = bench.network.plan()
    words = plan.link(*plan.directed(places)[0]).words() or "no delay, no loss"
    return f"{_which(places)} as wanted, each way: {words}."


def wipe(bench: Bench, name: str) -> None:
    """A new appliance in the site's place: at the same address, with an empty disk and a blank HSM, waiting to be
    paired."""
    site = bench.site(name)
    if not bench.is_pair():
        raise BenchError("Only a site of a pair can be replaced; for one that is alone use `down` and `up`.")
    site.kill()
    for folder in (site.files.data, site.files.token_folder):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (site.files.pin, site.files.so_pin, *site.files.folder.glob("*.token.object")):
        file.unlink(missing_ok=True)
    site.initialize(join=True)
    site.start(wait=False)
    site.wait_until_listening()


def replace_command(bench: Bench, name: str) -> str:
    """What `twinseal` is asked for the new appliance to take the lost one's place."""
    return (f"twinseal pair replace {name} --joiner {bench.api_address(name)} "
            f"--agent-config {bench.agent().files.config}")


def _which(places: list[str]) -> str:
    if len(places) == 2:
        return f"The links between {places[0]} and {places[1]} are"
    return f"The links of {places[0]} are" if places else "All links are"


def _check(bench: Bench, places: list[str], fewest: int = 1) -> None:
    if not bench.is_pair():
        raise BenchError("Only a pair has links between its places. Start one with `./tools/testbench up`.")
    known = bench.network.plan().places
    for place in places:
        if place not in known:
            raise BenchError(f"There is no place '{place}'; there are {', '.join(known)}.")
    if not fewest <= len(places) <= 2 or len(set(places)) != len(places):
        raise BenchError("One place is to be named, or two that differ.")
