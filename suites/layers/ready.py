"""What layers share whose kernel's calls are kept ready between calls."""

from typing import Any, Dict, Optional, Tuple

import torch

from suites.kernels.prepared import Call, Prepared, Weights
from suites.layers.implementations import Choice
from suites.torch_modes import stock_only


class ReadyCalls:
    """For a module with ``implementation_used``, ``implementation_reason`` and ``_seen``, whose kernel is ``fused``.

    The module sets ``_prepared`` and says in :meth:`_held` which tensors its calls depend on.
    """

    _prepared: Prepared
    _parameters: Dict[str, Any]
    _forward_pre_hooks: Dict[int, Any]
    implementation_used: Optional[str]
    implementation_reason: Optional[str]
    _seen: Optional[Tuple[Tuple[Any, ...], Choice]]

    def _held(self) -> Weights:
        """Return the layer's own tensors as they are now, past the module's look-up of half a microsecond each."""
        return tuple(self._parameters.values())

    def _ready(self, x: torch.Tensor, options: Tuple) -> Optional[Call]:
        """Return the kernel's call for ``x`` under ``options`` if it is ready."""
        if stock_only() or self._forward_pre_hooks:  # what prunes a weight makes it so, of the parameter it was
            return None
        call = self._prepared.find(x, options, self._held())
        if call is not None and self.implementation_used != "fused":
            self.implementation_used, self.implementation_reason, self._seen = "fused", None, None
        return call

    def _keep(self, x: torch.Tensor, options: Tuple, used: Weights, call: Call) -> Call:
        """Keep ``call``, made of the tensors ``used``, for the next ``x`` of this kind, and return it."""
        self._prepared.keep(x, options, self._held(), used, call)
        return call


def may_be_ready(x: torch.Tensor) -> bool:
    """Whether a call like this one may be kept: eager, without a gradient, and with something to compute."""
    return not stock_only() and not torch.is_grad_enabled() and x.numel() > 0
