"""A factor as arithmetic: applied to data in two forms, multiplied out, and its published start.

The weight of a factor is a tensor (blocks, r, s, t): element (b, i, j, k) sits in row b r t + i t + k and
column b s t + j t + k of the p x q matrix. Data is (N, features, positions) throughout.
"""

import math
from typing import Sequence

import torch
import torch.nn.functional as F

from suites.layers.debut.chain import Factor
from suites.torch_modes import stock_only

# Up to this many weights r s per small matrix, adding scaled views beats batched matrix products, which must
# first gather each group's inputs (measured on x86, planes 2x2 to 32x32).
LARGEST_SCALED_SUM = 32
# Up to this many weights r s, s elementwise products are faster than batches of matrix products r x s (measured on
# x86: 7 times at 2x2, 4 times at 2x4, a quarter of the speed at 8x9).
LARGEST_SUM_OF_PRODUCTS = 16


def new_weight(factor: Factor) -> torch.Tensor:
    """Return a start for ``factor``: normal with variance 1/2, shape (blocks, r, s, t)."""
    return torch.randn(factor.blocks, factor.r, factor.s, factor.t) / math.sqrt(2.0)


def apply_blocks(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return factor times ``x``, (N, q, L) to (N, p, L), on strided views: no shuffle of the data.

    y[b, i, k] = sum over j of weight[b, i, j, k] x[b, j, k]. Cost p s L multiply-accumulates.
    """
    blocks, r, s, t = weight.shape
    count, _, positions = x.shape
    view = x.reshape(count, blocks, s, t, positions)
    if r * s <= LARGEST_SCALED_SUM:
        scale = weight.unsqueeze(-1)
        total = scale[:, :, 0] * view[:, :, None, 0]
        for j in range(1, s):
            total = total.addcmul_(scale[:, :, j], view[:, :, None, j])
        return total.reshape(count, blocks * r * t, positions)
    grouped = torch.matmul(weight.permute(0, 3, 1, 2), view.transpose(2, 3))
    return grouped.transpose(2, 3).reshape(count, blocks * r * t, positions)


def weight_gradient(of_output: torch.Tensor, x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return the gradient of a weight (blocks, r, s, t) = ``shape`` from that of the output, (N, p, L), and ``x``."""
    blocks, r, s, t = shape
    count, _, positions = x.shape
    outer, inner = of_output.reshape(count, blocks, r, t, positions), x.reshape(count, blocks, s, t, positions)
    if r * s <= LARGEST_SUM_OF_PRODUCTS:
        return torch.stack([(outer * inner[:, :, None, j]).sum((0, 4)) for j in range(s)], 2)
    product = torch.matmul(outer.permute(0, 1, 3, 2, 4), inner.permute(0, 1, 3, 4, 2))
    return product.sum(0).permute(0, 2, 3, 1).contiguous()


def apply_grouped(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the same as :func:`apply_blocks`, as a grouped 1x1 convolution between two channel shuffles."""
    blocks, r, s, t = weight.shape
    count, _, positions = x.shape
    if not stock_only() and positions == 0:  # which a convolution refuses
        return apply_blocks(x, weight)
    shuffled = x.reshape(count, blocks, s, t, positions).transpose(2, 3).reshape(count, blocks * s * t, positions)
    kernel = weight.permute(0, 3, 1, 2).reshape(blocks * t * r, s, 1)
    y = F.conv1d(shuffled, kernel, groups=blocks * t)
    return y.reshape(count, blocks, t, r, positions).transpose(2, 3).reshape(count, blocks * r * t, positions)


def transposed(weight: torch.Tensor) -> torch.Tensor:
    """Return the weight of the transposed factor."""
    return weight.transpose(1, 2)


def product(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the chain multiplied out, (out features, in features), from the output side."""
    last = weights[-1]
    rows = last.shape[0] * last.shape[1] * last.shape[3]
    total = torch.eye(rows, dtype=last.dtype, device=last.device)
    for weight in reversed(list(weights)):
        blocks, r, s, t = weight.shape
        total = torch.einsum("obik,bijk->objk", total.reshape(rows, blocks, r, t), weight)
        total = total.reshape(rows, blocks * s * t)
    return total
