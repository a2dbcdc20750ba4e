"""What `tools/testbench status` prints."""

from .bench import Bench
from .place import Place


def print_status(bench: Bench) -> bool:
    """False when something is not as it should be."""
    fine = True
    for place in bench.places():
        fine = _print_place(place) and fine
    if bench.is_pair():
        if not bench.is_paired():
            print("The sites are not paired: an earlier `up` did not end. `./tools/testbench up` begins anew.")
        fine = _print_network(bench) and fine and bench.is_paired()
    return fine


def _print_place(place: Place) -> bool:
    name = f"{place.kind} {place.name}" if place.kind != place.name else place.name
    if not place.running():
        print(f"{name:8} down; to start it: ./tools/testbench start {place.name}")
        return False
    if stopped := place.stopped_processes():
        print(f"{name:8} stopped: {', '.join(stopped)}; to let go on: ./tools/testbench resume {place.name}")
        return False
    why = place.not_ready()
    print(f"{name:8} {'ready' if not why else 'not ready: ' + why}")
    print(f"         {place.endpoint}   process {place.process().pid}   log {place.files.log}")
    return not why


def _print_network(bench: Bench) -> bool:
    plan = bench.network.plan()
    dead = [name for name in plan.places if not bench.network.running(name)]
    for name in dead:
        print(f"relay    of {name} is down; to start it: ./tools/testbench up")
    links = {name: state for name, state in plan.links.items() if not state.plain()}
    for name, state in sorted(links.items()):
        print(f"link     {name:16} {state.words()}")
    if not links:
        print("links    whole")
    return not dead and not any(state.cut for state in links.values())
