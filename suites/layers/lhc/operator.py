"""The frozen layer for torch: an operator with a fake where torch knows them, for inference only.

The operator runs the kernel where it takes the call and stock torch operations where not, so that a compiled graph
may hold it for any tensor.
"""

from typing import Any, Callable, List, Optional

import torch
from torch import Tensor

from suites.batched import map_over
from suites.kernels import lhc as kernel
from suites.kernels.lhc import Spec, output_shape

NAME = "edge_transform_bench::lhc_layer"
_HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")


def pack(spec: Spec) -> List[int]:
    """Return ``spec`` as the operator takes it."""
    return list(spec[:4] + spec.kernel + spec.stride + spec.padding)


def unpack(numbers: List[int]) -> Spec:
    """Return the ``Spec`` that :func:`pack` packed."""
    return Spec(numbers[0], numbers[1], numbers[2], numbers[3], (numbers[4], numbers[5]), (numbers[6], numbers[7]),
                (numbers[8], numbers[9]))


def dense_weight(weight: Tensor, blocks: Tensor, spec: Spec) -> Tensor:
    """Return the kernel (out, in, kh, kw) that the kept ``blocks`` and their flat ``weight`` make."""
    full = weight.new_zeros((spec.out_channels, spec.in_channels) + spec.kernel)
    start, rows = 0, blocks.tolist()
    for group in range(spec.groups):
        outputs = full[group * spec.group_out:(group + 1) * spec.group_out]
        kept = [row for row in rows if row[0] == group]
        inputs = sum(row[2] for row in kept)
        matrix = weight[start:start + outputs.shape[0] * inputs].reshape(-1, max(inputs, 1))
        start, column = start + outputs.shape[0] * inputs, 0
        for _, first, count, y, x in kept:
            outputs[:, first:first + count, y, x] = matrix[:, column:column + count]
            column += count
    return full


def forward(x: Tensor, weight: Tensor, bias: Optional[Tensor], blocks: Tensor, spec: Spec) -> Tensor:
    """Return the layer's output, contiguous, by the kernel if it takes ``x``, else by a dense convolution."""
    if kernel.reason(x, spec) is None:
        return kernel.run(x, weight, bias, blocks, spec)
    full = dense_weight(weight, blocks, spec)
    return torch.nn.functional.conv2d(x, full, bias, spec.stride, spec.padding).contiguous()


def _register() -> Callable:
    """Register the operator with torch (2.4 and newer) and return it."""
    layer = torch.library.custom_op(
        NAME, lambda x, weight, bias, blocks, numbers: forward(x, weight, bias, blocks, unpack(numbers)),
        mutates_args=(), schema="(Tensor x, Tensor weight, Tensor? bias, Tensor blocks, int[] numbers) -> Tensor")

    def fake(x: Tensor, weight: Tensor, bias: Optional[Tensor], blocks: Tensor, numbers: List[int]) -> Tensor:
        return x.new_empty(output_shape(x.shape, unpack(numbers)))

    layer.register_fake(fake)
    map_over(layer)
    return layer


LAYER: Any = _register() if _HAS_OPERATORS else None
