"""The one door to the fused kernels: says whether they can run a layer, and runs it."""

from typing import Any, Dict, Optional

import torch

import suites.kernels.layer  # noqa: F401 - loaded here, a graph cannot hold the import of a first call
from suites.kernels import fused_layer, why_not_fused
from suites.kernels.cpu_call import prepare
from suites.kernels.geometry import Spec
from suites.kernels.prepared import Call

#: Options of :func:`suites.kernels.fused_layer`, without those left at their defaults.
Options = Dict[str, Any]


def fused_problem(x: torch.Tensor, options: Options) -> Optional[str]:
    """Return in words why no fused kernel takes ``x`` with ``options``, ``None`` if one does.

    The first question on a machine may compile the kernels, which takes seconds.
    """
    return why_not_fused(x, **options)


def run_fused(x: torch.Tensor, threshold: torch.Tensor, scale: Optional[torch.Tensor],
              options: Options) -> torch.Tensor:
    """Return the layer's output by the fused kernel; tables in natural order unless ``options`` say otherwise."""
    return fused_layer(x, threshold, scale, **options)


def ready_fused(x: torch.Tensor, threshold: torch.Tensor, scale: Optional[torch.Tensor],
                options: Options) -> Optional[Call]:
    """Return the call of :func:`run_fused` for tensors like ``x`` where all are read as they are, else ``None``."""
    return prepare(x, threshold, scale, Spec(**options))
