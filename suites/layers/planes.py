"""The two-dimensional transform over the plane (H, W) of every channel, one axis after the other."""

from typing import Tuple

import torch

from suites.layers.implementations import best_plain_form
from suites.layers.lanes import split_lanes, transform_lanes


def plane_form(x: torch.Tensor, dim: int, size: int, implementation: str) -> str:
    """Return the plain form that transforms ``x`` along ``dim`` with ``size`` points; ``auto`` may differ by axis."""
    if implementation != "auto":
        return implementation
    return best_plain_form(size, split_lanes(x, dim)[0].shape[2])


def plane_transform(x: torch.Tensor, sizes: Tuple[int, int], implementation: str,
                    norm: str = "ortho") -> torch.Tensor:
    """Return the transform of ``x`` (N, C, H, W), zero-padded to ``sizes``, over its plane: (N, C, *sizes)."""
    for dim in (3, 2):
        x = _along(x, dim, sizes[dim - 2], sizes[dim - 2], implementation, norm)
    return x


def plane_inverse(x: torch.Tensor, plane: Tuple[int, int], implementation: str, norm: str = "ortho") -> torch.Tensor:
    """Undo :func:`plane_transform` of the same ``norm`` and crop: (N, C, *sizes) to (N, C, *plane)."""
    inverse = {"ortho": "ortho", "backward": "forward", "forward": "backward"}[norm]
    for dim in (2, 3):
        x = _along(x, dim, int(x.shape[dim]), plane[dim - 2], implementation, inverse)
    return x


def _along(x: torch.Tensor, dim: int, size: int, rows_out: int, implementation: str, norm: str) -> torch.Tensor:
    lanes, restore = split_lanes(x, dim)
    form = plane_form(x, dim, size, implementation)
    scale = {"ortho": size ** -0.5, "backward": 1.0, "forward": 1.0 / size}[norm]
    return restore(transform_lanes(lanes, size, rows_out, form, scale))
