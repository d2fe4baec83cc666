"""Transform, threshold, transform back: the middle of every Walsh-Hadamard layer, on lanes."""

from typing import Optional

import torch

from suites.layers.lanes import transform_lanes
from suites.layers.thresholds import smooth_threshold, smooth_threshold_inplace
from suites.torch_modes import stock_only


def threshold_between(lanes: torch.Tensor, size: int, rows_out: int, form: str, threshold: torch.Tensor,
                      scale: Optional[torch.Tensor] = None, keep_first: bool = False) -> torch.Tensor:
    """Return ``H S(scale * H x)`` for lanes ``x`` (outer, rows_in, inner), the first ``rows_out`` rows of it.

    H is orthonormal in natural order, S the smooth threshold. ``threshold`` and ``scale`` have ``size``
    elements in natural order, shared by all lanes; ``keep_first`` leaves coefficient 0 untouched.
    """
    norm = size ** -0.5
    values = transform_lanes(lanes, size, size, form, norm)
    if scale is not None:
        factors = scale.reshape(size, 1)
        if keep_first:  # untouched means unscaled too
            factors = torch.cat((torch.ones_like(factors[:1]), factors[1:]))
        values = values * factors
    values = _threshold(values, threshold.reshape(size, 1), keep_first)
    return transform_lanes(values, size, rows_out, form, norm)


def _threshold(values: torch.Tensor, threshold: torch.Tensor, keep_first: bool) -> torch.Tensor:
    if stock_only() or torch.is_grad_enabled() and (values.requires_grad or threshold.requires_grad):
        if keep_first:
            return torch.cat((values[:, :1], smooth_threshold(values[:, 1:], threshold[1:])), 1)
        return smooth_threshold(values, threshold)
    first = values[:, :1].clone() if keep_first else None
    # The transform just made these values, nobody else holds them.
    values = smooth_threshold_inplace(values, threshold)
    if first is not None:
        values[:, :1] = first
    return values
