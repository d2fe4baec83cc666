"""The forms in which a trained network can be run, and which of them are worth trying here.

A ratio against a network run slowly would flatter what replaces its layers, and a replaced network run slowly would
wrong it: both are to be run in the best form found. ``default`` is the network as it is written; ``folded`` has its
batch norms folded into the layers before them, works in place and does no more around its layers than it must;
``oneDNN prepacked`` is that on packed weights.
"""

from typing import List

import torch
from torch import nn

from suites.layers.base import TransformLayer
from suites.networks.cheaper import activate_late, pool_by_halves
from suites.networks.folding import fold_norms, traced, work_in_place
from suites.networks.packing import can_pack, pack, packable

DEFAULT, FOLDED, PREPACKED = "default", "folded", "folded, oneDNN prepacked"
LAST = " channels-last"
FORMS = tuple(form + layout for form in (DEFAULT, FOLDED, PREPACKED) for layout in ("", LAST))


def forms_for(network: nn.Module, x: torch.Tensor) -> List[str]:
    """Return the forms to try for ``network`` on inputs like ``x``, ``default`` first.

    Structured layers choose their own layout: around them only packed convolutions can stand in another.
    """
    images = x.dim() == 4 and not is_structured(network)
    forms = [DEFAULT, FOLDED]
    if images:
        forms += [DEFAULT + LAST, FOLDED + LAST]
    if x.device.type == "cpu" and x.dtype is torch.float32 and can_pack() and packable(network):
        forms += [PREPACKED, PREPACKED + LAST]
    return forms


def is_structured(network: nn.Module) -> bool:
    """Whether ``network`` holds layers of this project."""
    return any(isinstance(layer, TransformLayer) or layer.__module__.startswith("suites.layers.")
               for layer in network.modules())


def input_format(network: nn.Module, x: torch.Tensor, form: str) -> torch.memory_format:
    """Return the layout that inputs like ``x`` have for ``form`` of ``network``; a dense one has it throughout."""
    last = form.endswith(LAST) and x.dim() == 4 and not is_structured(network)
    return torch.channels_last if last else torch.contiguous_format


def inference_form(network: nn.Module, x: torch.Tensor, form: str) -> nn.Module:
    """Return ``network`` in ``form`` for inputs like ``x`` (in any layout); it takes over the network's layers.

    Raises ``ValueError`` for an unknown form, ``RuntimeError`` or ``AttributeError`` where this torch lacks it.
    """
    if form not in FORMS:
        raise ValueError("unknown form '{}' of a network: use one of {}".format(form, ", ".join(FORMS)))
    layout = torch.channels_last if form.endswith(LAST) else torch.contiguous_format
    plain = form[:-len(LAST)] if form.endswith(LAST) else form
    if layout is torch.channels_last and plain != PREPACKED:
        network = network.to(memory_format=layout)  # type: ignore[call-overload]
    if plain == DEFAULT:
        return network.eval()
    with torch.no_grad():
        made = traced(network)
        fold_norms(made)
        if plain == PREPACKED:
            pack(made, x, layout)
        pool_by_halves(made)
        activate_late(made)
        work_in_place(made)
    return made.eval()
