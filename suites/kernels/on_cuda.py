"""The way from a layer's door to its CUDA kernels, which are imported when a CUDA tensor first asks for them."""

import importlib
from typing import Any, Optional

import torch
from torch import Tensor

from suites.torch_modes import kept


def launcher(name: str) -> Any:
    """Return module ``name`` of the CUDA kernels."""
    return importlib.import_module("suites.kernels.cuda." + name)


def problem(name: str, x: Tensor, *options: Any) -> Optional[str]:
    """Return why the kernels of module ``name`` do not take ``x``, in a sentence, or ``None`` if they do."""
    try:
        found = launcher(name)
    except ImportError as error:
        return "the CUDA kernels are not there: {}".format(error)
    reason: Optional[str] = found.why_not(x, *options)
    return reason


@kept  # a graph must not be traced into the opening of a device
def type_problem(name: str, dtype: torch.dtype, device: torch.device) -> Optional[str]:
    """Return :func:`problem` for tensors of any size."""
    return problem(name, torch.empty(0, dtype=dtype, device=device))
