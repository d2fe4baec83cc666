"""Surgery on any network: put other layers in place of named ones, and tell in a table what was done.

All or nothing: the network runs on an example before and after, and whatever goes wrong leaves it exactly as it was.
"""

from typing import Dict, List, Optional, Set

import torch
from torch import nn

from suites.networks.candidates import (
    Layers,
    Rule,
    candidates,
    check_all,
    check_materialised,
    check_names,
    check_unwrapped,
    drop_tied,
    refusal,
)
from suites.networks.counting import counted_tensors
from suites.networks.describe import describe
from suites.networks.layer_rule import LayerRule
from suites.networks.sample import Example, describe_example
from suites.networks.slots import slots
from suites.networks.table import Replacement, SurgeryTable
from suites.networks.tally import Tally
from suites.networks.trial import first_run, make_layers, placed, trial_run
from suites.networks.usual_input import usual_input


def replace(network: nn.Module, rule: Rule, example: Optional[Example] = None) -> SurgeryTable:
    """Replace, in place, every layer inside ``network`` for which ``rule(name, layer)`` gives another one.

    ``example`` is an input of the network: a tensor, a tuple of inputs or a dict of inputs by name; ``None`` takes
    the first usual shape it runs on. The network runs on it, in evaluation mode, before and after: a layer that is
    not used through its own forward (attention's ``out_proj``, weights used by a function, tied weights) is left, and
    the table's ``refused`` tells why. Weights that are used from elsewhere are found wherever they are held, in a
    list, say; torch before 2.4 shows only those that are taken from the layer itself. The table's multiply-adds are
    those on the example.

    Names are dotted paths as in ``network.named_modules()``; a layer used in several places is replaced in all of
    them by one new layer. Device, dtype and training mode are taken over. Ready rules are in
    ``suites.networks.rules``.

    Raises ``ValueError``, naming the layer, if a layer named in full cannot be replaced, if a new layer cannot be
    made or does not fit, or if nothing is left to replace; the network is then as it was.
    """
    return _operate(network, rule, example, keep=True)


def plan(network: nn.Module, rule: Rule, example: Optional[Example] = None) -> SurgeryTable:
    """Return the table that :func:`replace` would give, with its errors, and leave ``network`` as it is."""
    with torch.random.fork_rng(devices=[]):
        return _operate(network, rule, example, keep=False)


def _operate(network: nn.Module, rule: Rule, example: Optional[Example], keep: bool) -> SurgeryTable:
    places = list(slots(network))
    check_materialised(network)
    check_unwrapped(network)
    check_names(rule, places)
    if example is None:
        example = usual_input(network)
    old, make, refused = candidates(places, rule)
    used, before = first_run(network, example, old)
    for name in list(old):
        reason = refusal(name, old[name], used[name], isinstance(rule, LayerRule))
        if reason is not None:
            refused.append(reason)
            del old[name]
    while True:
        refused += drop_tied(network, old)
        check_all(network, rule, places, old, refused)
        new = make_layers(old, make)
        with placed(places, old, new) as settle:
            left, after = trial_run(network, example, old, new, used)
            if not left:
                table = SurgeryTable(_rows(old, new, before, after), refused, describe_example(example))
                if keep:
                    settle()
                return table
        refused += left
        for one in left:
            del old[one.name]


def _rows(old: Layers, new: Layers, before: Tally, after: Tally) -> List[Replacement]:
    counted: Set[int] = set()
    holders: Dict[int, str] = {}
    rows = []
    for name, layer in old.items():
        notes = [getattr(new[name], "surgery_note", "")]
        tied = sorted({holders.setdefault(id(tensor), name) for tensor in layer.parameters()} - {name})
        if tied:
            notes.append("no longer tied to {}".format(", ".join(tied)))
        if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
            notes.append("its hooks are gone")
        rows.append(Replacement(name, describe(layer), describe(new[name]), _size(layer, counted),
                                _size(new[name], counted), "; ".join(note for note in notes if note),
                                before.macs_of(layer), after.macs_of(new[name])))
    return rows


def _size(layer: nn.Module, counted: Set[int]) -> int:
    """Return the parameters of ``layer`` in tensors that are not yet ``counted``."""
    fresh = [tensor for tensor in counted_tensors(layer) if id(tensor) not in counted]
    counted.update(id(tensor) for tensor in fresh)
    return sum(tensor.numel() for tensor in fresh)
