"""The errors all layers share: for a wrong name, and for an input of a type they have no meaning for."""

import difflib
from typing import Iterable, Sequence

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


def check_reach(who: str, x: torch.Tensor, kernel: Sequence[int], padding: Sequence[int]) -> None:
    """Raise ``ValueError`` if no pixel of ``x`` (N, C, H, W) gets a whole kernel; an empty plane has none to get."""
    sides = x.shape[2:]
    if any(side + 2 * pad < size - (side == 0) for side, pad, size in zip(sides, padding, kernel)):
        raise ValueError("{} with a kernel of {}x{} and padding {}x{} got planes of {}x{}: give it larger ones, or "
                         "more padding".format(who, *kernel, *padding, *sides))
