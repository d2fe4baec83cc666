"""The layer in plain torch: any device, dtype, layout and torch version; autograd comes with it.

This is what runs where no fused kernel can, and what the fused kernels' gradients of gradients fall back to.
"""

from typing import Optional

import torch
from torch import Tensor

from suites.kernels.geometry import Spec, factors, out_shape, padded, table_order


def butterflies(x: Tensor) -> Tensor:
    """Return the unnormalised natural-order transform of ``x`` along its last axis (a power of two)."""
    shape, half = x.shape, 1
    while half < shape[-1]:
        pair = x.reshape(-1, shape[-1] // (2 * half), 2, half)
        first, second = pair[:, :, 0], pair[:, :, 1]
        x = torch.stack((first + second, first - second), dim=2)
        half *= 2
    return x.reshape(shape)


def threshold_of(w: Tensor, threshold: Tensor, nonlinearity: str) -> Tensor:
    """Return the smooth (tanh(w) relu(|w| - T)) or soft (sign(w) relu(|w| - T)) threshold of ``w``."""
    rest = torch.relu(w.abs() - threshold)
    return (torch.tanh(w) if nonlinearity == "smooth" else torch.sign(w)) * rest


def _coefficients(v: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec, p1: int, p2: int) -> Tensor:
    """Apply the nonlinearity to ``v`` (..., length) with the tables in the order of ``spec``."""
    order = table_order(p1, p2, spec.order)
    threshold = threshold.reshape(-1)
    scale = None if scale is None else scale.reshape(-1)
    if order is not None:
        index = torch.tensor(order, device=v.device)
        threshold = threshold[index]
        scale = None if scale is None else scale[index]
    if spec.threshold_mode == "abs":
        threshold = threshold.abs()
    elif spec.threshold_mode == "clamp":
        threshold = torch.relu(threshold)
    w = v if scale is None else v * scale
    u = threshold_of(w, threshold, spec.nonlinearity)
    return torch.cat((v[..., :1], u[..., 1:]), dim=-1) if spec.keep_first else u


def plain_layer(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output; see :func:`suites.kernels.fused_layer` for the arguments."""
    p1, p2 = padded(x.shape, spec)
    forward, inverse = factors(p1 * p2, spec.norm)
    pad = torch.nn.functional.pad
    if spec.dims == (2, 3):
        lines = pad(x, (0, p2 - x.shape[3], 0, p1 - x.shape[2])).reshape(x.shape[:2] + (p1 * p2,))
    else:
        channels = out_shape(x.shape, spec)[1]
        # Blocks that no output channel needs are left out; whole blocks of zeros give zeros.
        length = -(-max(channels, 1) // p2) * p2
        last = x.movedim(1, -1)[..., :length]
        lines = pad(last, (0, length - last.shape[-1]))
        lines = lines.reshape(lines.shape[:-1] + (length // p2, p2))
    v = butterflies(lines) * forward
    u = _coefficients(v, threshold, scale, spec, p1, p2)
    y = butterflies(u) * inverse
    if spec.dims == (2, 3):
        y = y.reshape(x.shape[:2] + (p1, p2))[:, :, :x.shape[2], :x.shape[3]]
    else:
        y = y.reshape(y.shape[:-2] + (-1,))[..., :channels].movedim(-1, 1)
    return y + x if spec.residual else y
