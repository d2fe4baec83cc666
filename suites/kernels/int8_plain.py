"""The 1-D layer in 8-bit integers by stock torch operations: the same integers as the kernel's."""

import math
from typing import Tuple

import torch
from torch import Tensor

from suites.kernels.int8_plan import (
    CORE_BITS,
    MOST,
    ONE,
    PIECES,
    Spec,
    Stages,
    constants_of,
    size_of,
    stages_of,
    tanh_pieces,
)


def integer_thresholds(threshold: Tensor, spec: Spec) -> Tensor:
    """Return ``threshold`` (natural order, real units, negative ones as 0) in the spectrum's integers, as int32."""
    factor = stages_of(size_of(spec)).per_step / spec.before.step
    return torch.floor(threshold.detach().double() * factor + 0.5).clamp(0, MOST).to(torch.int32)


def plain_layer(x: Tensor, threshold: Tensor, spec: Spec) -> Tensor:
    """Return the layer's bytes for bytes ``x`` (N, C, ...), contiguous; ``int8_plan`` tells the arithmetic."""
    size, constants = size_of(spec), constants_of(spec)
    stages, center = stages_of(size), 0 if spec.signed else 128
    v = x.to(torch.int32).reshape(x.shape[0], spec.channels, -1) - center
    if size > spec.channels:
        v = torch.cat((v, v.new_full((v.shape[0], size - spec.channels, v.shape[2]), spec.before.zero - center)), 1)
    odd = torch.arange(v.shape[2], device=x.device) % 2 == 1
    first, middle, core = passes(stages)
    v = _divided(_butterflies(_butterflies(v, first), middle), stages.forward_shift, odd)
    v = v.clamp(min=-ONE >> stages.forward_shift)
    v = _thresholded(_butterflies(v, core), integer_thresholds(threshold, spec), constants.offset,
                     constants.piece_bits, spec)
    v = _butterflies(_divided(v, stages.core_shift, ~odd), core)
    v = _butterflies(_divided(v, stages.middle_shift, odd), middle)
    v = _butterflies(_divided(v, stages.last_shift, ~odd), first)
    last = torch.where(odd, v.new_tensor(constants.odd), v.new_tensor(constants.even))
    v = _saturated(_product(_saturated(v[:, :spec.out_channels] + constants.before), last) + constants.zero)
    v = v.clamp(-128, 127) + center
    return v.to(x.dtype).reshape((x.shape[0], spec.out_channels) + tuple(x.shape[2:]))


def passes(stages: Stages) -> Tuple[range, range, range]:
    """Return the bits of the first, the middle and the core pass."""
    low, high = stages.first_bits, stages.first_bits + CORE_BITS
    return range(low), range(high, high + stages.middle_bits), range(low, high)


def _saturated(v: Tensor) -> Tensor:
    return v.clamp(-ONE, MOST)


def _product(v: Tensor, factor: Tensor) -> Tensor:
    return (v * factor + ONE // 2) >> 15


def _divided(v: Tensor, shift: int, odd: Tensor) -> Tensor:
    if not shift:
        return v
    factor = ONE >> shift
    return _product(v, torch.where(odd, v.new_tensor(factor - 1), v.new_tensor(factor + 1)))


def _butterflies(v: Tensor, bits: range) -> Tensor:
    shape = v.shape
    for bit in bits:
        pairs = v.reshape(shape[0], -1, 2, 1 << bit, shape[2])
        a, b = pairs[:, :, 0], pairs[:, :, 1]
        v = torch.stack((a + b, a - b), 2)
    return v.reshape(shape)


def _thresholded(v: Tensor, threshold: Tensor, offset: int, bits: int, spec: Spec) -> Tensor:
    # Coefficient 0 less what the zero points are of it; the others have no such part.
    hidden = torch.zeros_like(v[:1, :, :1])
    hidden[:, 0] = offset
    whole = _saturated(v + hidden)
    size = whole.abs().clamp(max=MOST if spec.nonlinearity == "smooth" else ONE)
    above = (size - threshold.reshape(1, -1, 1)).clamp(min=0)
    if spec.nonlinearity == "smooth":
        starts, rises = [v.new_tensor(piece) for piece in tanh_pieces(spec)]
        near = size.clamp(max=(PIECES << bits) - 1)
        piece = (near >> bits).long()
        part = (near << (16 - bits)) & 0xFFFF
        above = _product(above, starts[piece] + ((part * rises[piece]) >> 16))
    u = torch.where(whole < 0, -above, above)
    return torch.where(hidden == 0, u, _saturated(v - _saturated(whole - u)))


def is_finite(threshold: Tensor) -> bool:
    """Tell whether every threshold is a number."""
    return math.isfinite(float(threshold.detach().double().abs().sum()))
