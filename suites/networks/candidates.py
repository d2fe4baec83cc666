"""Which layers of a network a rule can replace, and which it must leave and why."""

import fnmatch
import itertools
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

import torch
from torch import nn

from suites.networks.describe import describe
from suites.networks.layer_rule import LayerRule
from suites.networks.slots import Slot, below, nearest, owners
from suites.networks.table import Refusal, Refused
from suites.networks.trial import naming
from suites.networks.watch import Watch

#: Given a layer's name and the layer, the layer to put in its place, or ``None`` to leave it.
Rule = Union[LayerRule, Callable[[str, nn.Module], Optional[nn.Module]]]
Layers = Dict[str, nn.Module]
Make = Callable[[str, nn.Module], nn.Module]


def check_materialised(network: nn.Module) -> None:
    """Raise ``ValueError`` if a layer takes its size from an input it has not yet seen."""
    is_lazy = getattr(torch.nn.parameter, "is_lazy", None)
    for name, tensor in itertools.chain(network.named_parameters(), network.named_buffers()):
        if is_lazy is not None and is_lazy(tensor):
            raise ValueError("'{}' has no size yet: run the network once before replacing layers".format(name))


def check_unwrapped(network: nn.Module) -> None:
    """Raise ``ValueError`` if something around the layers has taken note of their parameters already."""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.parallel.DistributedDataParallel):
            raise ValueError("DistributedDataParallel{} exchanges the gradients of the parameters it was made with: "
                             "replace layers first, then wrap".format(" '{}'".format(name) if name else ""))


def check_names(rule: Rule, places: Sequence[Slot]) -> None:
    """Raise ``ValueError`` with the nearest right name for a name or pattern that no layer has."""
    known = [slot.name for slot in places]
    if not known:
        raise ValueError("there are no layers inside this one to replace: wrap it, nn.Sequential(layer)")
    for pattern in (rule.names or ()) if isinstance(rule, LayerRule) else ():
        if not fnmatch.filter(known, pattern):
            raise ValueError("there is no layer '{}'{}: print(network) shows the names".format(
                pattern, nearest(pattern, known)))


def candidates(places: Sequence[Slot], rule: Rule) -> Tuple[Layers, Make, List[Refusal]]:
    """Return the layers that the rule would replace, by their first fitting name, how, and what it leaves."""
    old: Layers = {}
    refused: List[Refusal] = []
    met: Set[int] = set()
    inside: Set[int] = set()
    made: Layers = {}
    for slot in places:
        if id(slot.layer) in met or id(slot.layer) in inside:
            continue
        if isinstance(rule, LayerRule):
            if not rule.applies(slot.name, slot.layer):
                continue
            reason = rule.refusal(slot.name, slot.layer)
            if reason is not None:
                met.add(id(slot.layer))
                refused.append(Refusal(slot.name, describe(slot.layer), reason))
                continue
        else:
            with naming(slot.name, slot.layer):
                new = rule(slot.name, slot.layer)
            if new is None or new is slot.layer:
                continue
            made[slot.name] = new
        met.add(id(slot.layer))
        old[slot.name] = slot.layer
        inside |= below([slot.layer])
    return old, rule.begin() if isinstance(rule, LayerRule) else lambda name, layer: made[name], refused


def refusal(name: str, layer: nn.Module, watch: Watch, ready: bool) -> Optional[Refusal]:
    """Return why ``layer`` must stay, given how the network used it; ``ready``: it is for one of the ready rules."""
    if not watch.calls:
        return Refusal(name, describe(layer), Refused.NEVER_CALLED)
    if watch.read:
        return Refusal(name, describe(layer), Refused.READ_ELSEWHERE, ", ".join(sorted(watch.read)))
    if ready and watch.keywords:
        return Refusal(name, describe(layer), Refused.BY_KEYWORD, ", ".join(sorted(watch.keywords)))
    if ready and isinstance(layer, nn.Conv2d) and any(shape is None or len(shape) != 4 for shape in watch.inputs):
        return Refusal(name, describe(layer), Refused.NO_BATCH)
    return None


def drop_tied(network: nn.Module, old: Layers) -> List[Refusal]:
    """Take out of ``old`` every layer that shares a weight with one that stays, and return the refusals."""
    refused: List[Refusal] = []
    holders = owners(network)
    while True:
        going = {id(part) for layer in old.values() for part in layer.modules()}
        tied = next(((name, owner) for name, layer in old.items() for tensor in layer.parameters()
                     for owner, identity in holders[id(tensor)] if identity not in going), None)
        if tied is None:
            return refused
        refused.append(Refusal(tied[0], describe(old.pop(tied[0])), Refused.TIED, tied[1] or "the network itself"))


def check_all(network: nn.Module, rule: Rule, places: Sequence[Slot], old: Layers,
               refused: Sequence[Refusal]) -> None:
    """Raise ``ValueError`` if a layer named in full is not replaced, or none is."""
    layers = {slot.name: slot.layer for slot in places}
    going = {id(layer) for layer in old.values()}
    for name in rule.exact_names if isinstance(rule, LayerRule) else ():
        if id(layers[name]) not in going:
            why = next((str(one) for one in refused if layers[one.name] is layers[name]), None)
            raise ValueError("layer {} cannot be replaced".format(why) if why else
                             "layer '{}' ({}) is of no kind that this rule replaces".format(
                                 name, describe(layers[name])))
    if not old:
        raise ValueError("no layer was replaced: the rule fits none of the {} layers of this {}{}".format(
            len({id(slot.layer) for slot in places}), type(network).__name__,
            "".join("; left: {}".format(refusal) for refusal in refused)))
