"""The errors all layers share: for a wrong name, and for an input of a type they have no meaning for."""

import difflib
from typing import Iterable

import torch


def check_choice(word: str, value: str, choices: Iterable[str]) -> None:
    """Raise ``ValueError`` with the nearest right name unless ``value`` is one of ``choices``."""
    choices = list(choices)
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        raise ValueError("unknown {} '{}': {}use one of {}".format(
            word, value, "did you mean '{}'? ".format(near[0]) if near else "", ", ".join(choices)))


def check_floating(x: torch.Tensor, who: str) -> None:
    """Raise ``TypeError`` unless ``x`` is a real floating-point tensor."""
    if not x.is_floating_point():
        raise TypeError("{} needs a real floating-point tensor, got {}: convert it, for instance with "
                        "x.float()".format(who, str(x.dtype).replace("torch.", "")))
