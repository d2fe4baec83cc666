"""A whole DeBut layer in stock torch operations, as a function of its weights."""

from typing import Callable, Optional, Sequence

import torch
import torch.nn.functional as F

from suites.kernels.debut import Spec, output_shape
from suites.layers.debut.factors import apply_blocks

# Output positions from which the depthwise reading of the first factor is as fast as im2col (measured on x86,
# 3 to 512 channels; up to 1.6 times faster on large planes, 1.7 times slower on 4x4).
SMALLEST_DEPTHWISE = 49

Apply = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def plain_layer(x: torch.Tensor, weights: Sequence[torch.Tensor], bias: Optional[torch.Tensor], spec: Spec,
                apply: Apply = apply_blocks) -> torch.Tensor:
    """Return the layer's output; ``apply`` is the form a factor is applied in. Differentiable in all tensors."""
    if spec.kernel is None:
        columns = columns_of(pad_features(x, spec), spec)
        for weight in weights:
            columns = apply(columns, weight)
        y = columns[0, :spec.out_features].t().reshape(tuple(x.shape[:-1]) + (spec.out_features,))
        return y if bias is None else y + bias
    shape = output_shape(x.shape, spec)
    x = pad_features(x, spec)
    weights = list(weights)
    if first_is_depthwise(spec) and shape[2] * shape[3] >= SMALLEST_DEPTHWISE:
        kernel = weights[0].reshape(-1, 1, *spec.kernel)
        columns = F.conv2d(x, kernel, None, spec.stride, spec.padding, groups=x.shape[1])
        columns = columns.reshape(x.shape[0], columns.shape[1], shape[2] * shape[3])
        weights = weights[1:]
    else:
        columns = columns_of(x, spec)
    for weight in weights:
        columns = apply(columns, weight)
    y = columns[:, :spec.out_features]
    return (y if bias is None else y + bias.reshape(-1, 1)).reshape(shape)


def first_is_depthwise(spec: Spec) -> bool:
    """Whether the first factor is a depthwise convolution (over one tap a scaling, which torch does slowly so)."""
    if spec.kernel is None or spec.tap_order:
        return False
    _, _, s, t = spec.shapes[0]
    return s == spec.kernel[0] * spec.kernel[1] > 1 and t == 1


def pad_features(x: torch.Tensor, spec: Spec) -> torch.Tensor:
    """Return ``x`` with zeros for the features that the chain takes and the layer has not."""
    if spec.kernel is None:
        return F.pad(x, (0, _inputs(spec) - spec.in_features))
    channels = _inputs(spec) // (spec.kernel[0] * spec.kernel[1])
    return x if channels == spec.in_features else F.pad(x, (0, 0, 0, 0, 0, channels - spec.in_features))


def columns_of(x: torch.Tensor, spec: Spec) -> torch.Tensor:
    """Return the im2col matrix of padded ``x`` in the layer's column order, (N, features, positions)."""
    if spec.kernel is None:
        # Positions last, so that the inner loop runs along the batch.
        return x.reshape(-1, _inputs(spec)).t().unsqueeze(0)
    if spec.kernel == (1, 1) and spec.padding == (0, 0):
        return x[:, :, ::spec.stride[0], ::spec.stride[1]].flatten(2)
    columns = F.unfold(x, spec.kernel, padding=spec.padding, stride=spec.stride)
    if spec.tap_order:
        taps = spec.kernel[0] * spec.kernel[1]
        columns = columns.reshape(x.shape[0], x.shape[1], taps, columns.shape[2]).transpose(1, 2)
    return columns.reshape(x.shape[0], _inputs(spec), columns.shape[-1])


def input_gradient(columns: torch.Tensor, shape: Sequence[int], spec: Spec) -> torch.Tensor:
    """Return the gradient of x, of ``shape``, from that of :func:`columns_of`."""
    if spec.kernel is None:
        return columns[0, :spec.in_features].t().reshape(shape).contiguous()
    taps = spec.kernel[0] * spec.kernel[1]
    if spec.tap_order:
        columns = columns.reshape(shape[0], taps, -1, columns.shape[2]).transpose(1, 2)
    columns = columns.reshape(shape[0], -1, columns.shape[-1])[:, :spec.in_features * taps]
    return F.fold(columns, tuple(shape[2:]), spec.kernel, padding=spec.padding, stride=spec.stride).contiguous()


def _inputs(spec: Spec) -> int:
    blocks, _, s, t = spec.shapes[0]
    return blocks * s * t
