"""Where the layers of a network sit: every name, every place, every owner of a tensor."""

import difflib
from typing import Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from torch import nn


class Slot(NamedTuple):
    """One place in a network: the dotted name, the module that holds it, the name there, what is in it."""

    name: str
    parent: nn.Module
    short: str
    layer: nn.Module


def slots(network: nn.Module, prefix: str = "") -> Iterator[Slot]:
    """Yield every place inside ``network``, parents first; a shared module is met under each of its names."""
    # Not named_children(): that hides the second name of a shared layer.
    for short, layer in network._modules.items():
        if layer is not None:
            yield Slot(prefix + short, network, short, layer)
            for slot in slots(layer, prefix + short + "."):
                yield slot


def owners(network: nn.Module) -> Dict[int, List[Tuple[str, int]]]:
    """Return, by the id of each parameter, the (name, id) of every module that holds it as its own."""
    found: Dict[int, List[Tuple[str, int]]] = {}
    for name, layer in network.named_modules():
        for tensor in {id(tensor): tensor for tensor in layer._parameters.values() if tensor is not None}.values():
            found.setdefault(id(tensor), []).append((name, id(layer)))
    return found


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint at the nearest of the ``known`` names, or nothing."""
    near = difflib.get_close_matches(name, known, 1)
    return ", did you mean '{}'?".format(near[0]) if near else ""


def below(layers: Sequence[nn.Module]) -> Set[int]:
    """Return the ids of all modules inside ``layers``, themselves not included."""
    return {id(part) for layer in layers for part in layer.modules() if part is not layer}
