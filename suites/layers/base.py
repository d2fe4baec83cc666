"""What all transform layers share: the form they run in, found once for each kind of input."""

import abc
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import nn

from suites.layers.choices import check_choice
from suites.layers.graphs import OneStep
from suites.layers.implementations import IMPLEMENTATIONS, Choice
from suites.torch_modes import stock_only


class TransformLayer(OneStep, nn.Module, abc.ABC):
    """A layer with an ``implementation``: what was asked for, what ran and why.

    After a call, ``implementation_used`` is the form that ran and ``implementation_reason`` one sentence why, where
    that was not simply what was asked for.
    """

    def __init__(self, implementation: str, forms: Sequence[str] = IMPLEMENTATIONS) -> None:
        super().__init__()
        check_choice("implementation", implementation, forms)
        self.implementation = implementation
        self.implementation_used: Optional[str] = None
        self.implementation_reason: Optional[str] = None
        self._seen: Optional[Tuple[Tuple[Any, ...], Choice]] = None

    @abc.abstractmethod
    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""

    def depends_on(self, x: torch.Tensor) -> Tuple[Any, ...]:
        """Return all that :meth:`choose` goes by beside the kind of ``x`` and whether gradients are recorded."""
        return ()

    def weight_kind(self) -> Tuple[Any, ...]:
        """Return type and device of the layer's ``weight``, or of what one made anew for every use is made from."""
        weight = self._parameters.get("weight")
        if weight is None:
            weight = next(self.parameters())
        return weight.dtype, weight.device

    def form_for(self, x: torch.Tensor) -> str:
        """Return the form that runs on ``x``; asks :meth:`choose` only when the kind of input changes."""
        if stock_only():  # nothing of such an input may be kept
            self.implementation_used, self.implementation_reason = choice = self.choose(x)
            return choice.form
        kind = (self.implementation, x.shape, x.stride(), x.dtype, x.device, torch.is_grad_enabled(),
                self.depends_on(x))
        seen = self._seen
        if seen is None or seen[0] != kind:
            self.implementation_used, self.implementation_reason = choice = self.choose(x)
            self._seen = seen = kind, choice  # at once: another thread may call the layer too
        return seen[1].form
