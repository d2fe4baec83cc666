"""The Walsh-Hadamard transform along any dimension of a tensor."""

import torch

from suites.layers.choices import check_choice, check_floating
from suites.layers.implementations import best_plain_form, check_implementation
from suites.layers.lanes import split_lanes, transform_lanes
from suites.layers.matrices import check_order, is_power_of_two, next_power_of_two

NORMS = ("backward", "ortho", "forward")


def walsh_hadamard(x: torch.Tensor, dim: int = -1, order: str = "natural", norm: str = "ortho",
                   implementation: str = "auto") -> torch.Tensor:
    """Return the Walsh-Hadamard transform of ``x`` along ``dim``, in the shape and memory layout of ``x``.

    ``order``: ``natural`` multiplies by Sylvester's matrix (``scipy.linalg.hadamard``), ``sequency`` sorts the
    coefficients by their number of sign changes. ``norm`` is that of a forward transform in ``torch.fft``:
    ``backward`` leaves the sum as it is, ``ortho`` divides by sqrt(n), ``forward`` divides by n. The matrix is
    its own inverse up to n, so ``ortho`` undoes itself, and ``forward`` and ``backward`` undo each other.

    ``implementation``: ``matrix`` (one dense product), ``two-stage`` (the Kronecker form, radix 32 twice for
    1024 points), ``butterfly`` (radix 2), or ``auto``, the best of these for the size. Differentiable to any
    order. Raises ``ValueError`` for a length that is no power of two and for unknown names, ``TypeError``
    for a tensor that is not floating point.
    """
    check_order(order)
    check_implementation(implementation)
    if implementation == "fused":
        raise ValueError("the fused kernels join two transforms and a threshold, there is none for a transform "
                         "alone: use implementation='auto'")
    check_choice("norm", norm, NORMS)
    check_floating(x, "walsh_hadamard")
    if not -x.dim() <= dim < x.dim():
        raise ValueError("dim {} does not exist in a tensor of {} dimensions: use one from {} to {}".format(
            dim, x.dim(), -x.dim(), x.dim() - 1) if x.dim() else
            "walsh_hadamard needs at least one dimension, got a scalar: give it a vector")
    size = int(x.shape[dim])  # a graph is for this length alone
    if not is_power_of_two(size):
        raise ValueError(
            "walsh_hadamard needs a power of two along dim {}, got {}: pad it with zeros to {}".format(
                dim, size, next_power_of_two(max(size, 1))))
    scale = {"backward": 1.0, "ortho": size ** -0.5, "forward": 1.0 / size}[norm]
    lanes, restore = split_lanes(x, dim % x.dim())
    form = best_plain_form(size, lanes.shape[2]) if implementation == "auto" else implementation
    return restore(transform_lanes(lanes, size, size, form, scale, order))
