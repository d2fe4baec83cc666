"""Hadamard and Walsh matrices, built once for each size, order, dtype, device and scale."""

from typing import Tuple

import torch

from suites.layers.choices import check_choice
from suites.torch_modes import is_compiling, kept, tensors_belong_to_a_mode

ORDERS = ("natural", "sequency")


def is_power_of_two(value: int) -> bool:
    """Whether ``value`` is 1, 2, 4, 8, ..."""
    return value > 0 and value & (value - 1) == 0


def next_power_of_two(value: int) -> int:
    """Return the smallest power of two at or above ``value``; raises ``ValueError`` below 1."""
    if value < 1:
        raise ValueError("a transform needs at least one point, got {}: give a size of 1 or more".format(value))
    return 1 << (value - 1).bit_length()


def transform_size(*lengths: int) -> int:
    """Return the next power of two at or above all ``lengths``; raises ``ValueError`` if one is below 1."""
    return max(next_power_of_two(length) for length in lengths)


@kept
def _sequency_rows(size: int) -> Tuple[int, ...]:
    bits = size.bit_length() - 1
    rows = []
    for sequency in range(size):
        gray = sequency ^ (sequency >> 1)
        rows.append(int(format(gray, "0{}b".format(bits))[::-1], 2) if bits else 0)
    return tuple(rows)


def sequency_permutation(size: int, device: torch.device) -> torch.Tensor:
    """Return ``p`` with row ``p[k]`` of the natural-order matrix having exactly ``k`` sign changes.

    It is the bit reversal of the Gray code, shape (size,), int64, shared between callers: do not write to it.
    The permutation published with the papers' code goes the other way round and is not sequency order for
    size 8 and above.
    """
    return _own_name(_permutation(size, device) if tensors_belong_to_a_mode() else _kept_permutation(size, device))


def natural_places(size: int, device: torch.device) -> torch.Tensor:
    """Return ``q`` so that ``table[q]`` puts a table sorted by sequency into natural order; shared, do not write."""
    return _own_name(_places(size, device) if tensors_belong_to_a_mode() else _kept_places(size, device))


def shared_matrix(size: int, order: str, dtype: torch.dtype, device: torch.device,
                  scale: float = 1.0) -> torch.Tensor:
    """Return ``scale`` times the Hadamard matrix, built once for these arguments.

    Shape (size, size), symmetric in both orders. It is shared between callers: do not write to it.
    """
    if tensors_belong_to_a_mode():
        return _matrix(size, order, dtype, device, scale)
    return _own_name(_kept_matrix(size, order, dtype, device, scale))


def _own_name(constant: torch.Tensor) -> torch.Tensor:
    """Return ``constant``, in a graph as a view: torch names constants by function and refuses two of a name."""
    return constant[:] if is_compiling() else constant


def _permutation(size: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(_sequency_rows(size), dtype=torch.int64, device=device)


def _places(size: int, device: torch.device) -> torch.Tensor:
    return _permutation(size, device).argsort()


def _matrix(size: int, order: str, dtype: torch.dtype, device: torch.device, scale: float) -> torch.Tensor:
    # Built in float64 and rounded once.
    with torch.no_grad():
        matrix = torch.ones(1, 1, dtype=torch.float64)
        while matrix.shape[0] < size:
            matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)), 0)
        if order == "sequency":
            matrix = matrix[list(_sequency_rows(size))]
        return (matrix * scale).to(dtype=dtype, device=device)


_kept_permutation, _kept_places, _kept_matrix = kept(_permutation), kept(_places), kept(_matrix)


def hadamard_matrix(size: int, order: str = "natural", dtype: torch.dtype = torch.float32,
                    device: str = "cpu") -> torch.Tensor:
    """Return the (size, size) matrix of +1 and -1 the transform multiplies by, before any normalisation.

    ``order`` is ``natural`` (Sylvester's, as ``scipy.linalg.hadamard``) or ``sequency`` (row k has k sign
    changes). Raises ``ValueError`` for a size that is no power of two or an unknown order.
    """
    if not is_power_of_two(size):
        raise ValueError("a Hadamard matrix here has a power of two as its size, got {}: the next is {}".format(
            size, next_power_of_two(max(size, 1))))
    check_order(order)
    return shared_matrix(size, order, dtype, torch.device(device)).clone()


def check_order(order: str) -> None:
    """Raise ``ValueError`` unless ``order`` is one of :data:`ORDERS`."""
    check_choice("order", order, ORDERS)
