"""What layers share whose kernel's calls are kept ready between calls."""

from typing import Any, Dict, Optional

import torch

from suites.kernels.prepared import Call, Weights
from suites.torch_modes import stock_only


class ReadyCalls:
    """For a module with ``implementation_used``, ``implementation_reason`` and ``_seen``, whose kernel is ``fused``.

    The module sets ``_prepared``, a :class:`~suites.kernels.prepared.Prepared`.
    """

    __dict__: Dict[str, Any]

    def _ready(self, x: torch.Tensor) -> Optional[Call]:
        """Return the kernel's call for ``x`` if it is ready."""
        if stock_only():
            return None
        own = self.__dict__  # past the module's look-up, once for all
        call: Optional[Call] = own["_prepared"].find(x, own)
        if call is not None and own["implementation_used"] != "fused":
            own["implementation_used"], own["implementation_reason"], own["_seen"] = "fused", None, None
        return call

    def _keep(self, x: torch.Tensor, used: Weights, call: Call) -> Call:
        """Keep ``call``, made of the tensors ``used``, for the next ``x`` of this kind, and return it."""
        self.__dict__["_prepared"].keep(x, self.__dict__, used, call)
        return call


def may_be_ready(x: torch.Tensor) -> bool:
    """Whether a call like this one may be kept: eager, without a gradient, and with something to compute."""
    return not stock_only() and not torch.is_grad_enabled() and x.numel() > 0 and not x.is_neg()
