"""What all transform layers share: the form they run in, found once for each kind of input."""

import abc
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import nn

from suites.layers.choices import check_choice
from suites.layers.implementations import IMPLEMENTATIONS, Choice
from suites.torch_modes import stock_only


class TransformLayer(nn.Module, abc.ABC):
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
        self._seen: Optional[Tuple[Any, ...]] = None

    @abc.abstractmethod
    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""

    def form_for(self, x: torch.Tensor) -> str:
        """Return the form that runs on ``x``; asks :meth:`choose` only when the kind of input changes."""
        if stock_only():  # nothing of such an input may be kept
            self.implementation_used, self.implementation_reason = self.choose(x)
            return str(self.implementation_used)
        seen = (self.implementation, x.shape, x.stride(), x.dtype, x.device, torch.is_grad_enabled())
        if seen != self._seen:
            self.implementation_used, self.implementation_reason = self.choose(x)
            self._seen = seen
        return str(self.implementation_used)
