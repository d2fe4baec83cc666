"""The layer in plain torch: any device, dtype, layout and torch version; autograd comes with it.

This is what runs where no fused kernel can, and what the fused kernels' gradients of gradients fall back to. All
of it is operators that torch can compile, export and transform. Two-byte types are computed in float32, as the
kernels do.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.geometry import Spec, factors, out_shape, padded, table_order


class Tables(NamedTuple):
    """The tables as the formula takes them: flat, in natural order, T after its mode."""

    threshold: Tensor
    scale: Optional[Tensor]


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


def plain_layer(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output, of x's dtype; see :func:`suites.kernels.fused_layer` for the arguments."""
    p1, p2 = padded(x.shape, spec)
    forward, inverse = factors(p1 * p2, spec.norm)
    wide = x.to(_dtype(x))
    tables = _natural(threshold, scale, spec, p1, p2, wide)
    v = butterflies(_lines(wide, spec, p1, p2, x.shape)) * forward
    w = v if tables.scale is None else v * tables.scale
    u = threshold_of(w, tables.threshold, spec.nonlinearity)
    u = torch.cat((v[..., :1], u[..., 1:]), dim=-1) if spec.keep_first else u
    y = _tensor(butterflies(u) * inverse, spec, p1, p2, out_shape(x.shape, spec))
    return (y + wide if spec.residual else y).to(x.dtype)


def plain_gradient(gradient: Tensor, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
                   spec: Spec) -> Tuple[Tensor, Tensor, Optional[Tensor]]:
    """Return the gradients of x, threshold and scale, shaped and typed like them; differentiable in all arguments.

    Written out, since autograd cannot run inside an operator.
    """
    p1, p2 = padded(x.shape, spec)
    forward, inverse = factors(p1 * p2, spec.norm)
    wide = x.to(_dtype(x))
    tables = _natural(threshold, scale, spec, p1, p2, wide)
    v = butterflies(_lines(wide, spec, p1, p2, x.shape)) * forward
    w = v if tables.scale is None else v * tables.scale
    # The transform is its own transpose, so the gradient goes through the inverse first.
    g_u = butterflies(_lines(gradient.to(wide.dtype), spec, p1, p2, x.shape)) * inverse
    g_w, g_t = _threshold_gradient(g_u, w, tables.threshold, spec.nonlinearity)
    g_v = g_w if tables.scale is None else g_w * tables.scale
    g_s = None if tables.scale is None else g_w * v
    if spec.keep_first:
        g_v = torch.cat((g_u[..., :1], g_v[..., 1:]), dim=-1)
        g_t = torch.cat((torch.zeros_like(g_t[..., :1]), g_t[..., 1:]), dim=-1)
        g_s = None if g_s is None else torch.cat((torch.zeros_like(g_s[..., :1]), g_s[..., 1:]), dim=-1)
    g_x = _tensor(butterflies(g_v) * forward, spec, p1, p2, x.shape)
    g_x = (g_x + gradient if spec.residual else g_x).to(x.dtype)
    places = table_order(p1, p2, spec.order)
    g_threshold = _table_gradient(g_t, threshold, places) * _slope_of_mode(threshold, spec)
    return g_x, g_threshold.to(threshold.dtype), None if scale is None or g_s is None else _table_gradient(
        g_s, scale, places).to(scale.dtype)


def _dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _natural(threshold: Tensor, scale: Optional[Tensor], spec: Spec, p1: int, p2: int, like: Tensor) -> Tables:
    places = table_order(p1, p2, spec.order)
    tables = []  # type: List[Tensor]
    for table in (threshold,) if scale is None else (threshold, scale):
        flat = table.reshape(-1).to(like.dtype)
        tables.append(flat if places is None else flat[torch.tensor(places, device=flat.device)])
    if spec.threshold_mode != "raw":
        tables[0] = tables[0].abs() if spec.threshold_mode == "abs" else torch.relu(tables[0])
    return Tables(tables[0], None if scale is None else tables[1])


def _lines(x: Tensor, spec: Spec, p1: int, p2: int, shape: Sequence[int]) -> Tensor:
    """Return ``x``, an input or output of the layer on inputs of ``shape``, as (..., length) padded with zeros."""
    pad = torch.nn.functional.pad
    if spec.dims == (2, 3):
        return pad(x, (0, p2 - x.shape[3], 0, p1 - x.shape[2])).reshape(x.shape[0], x.shape[1], p1 * p2)
    # Blocks that no output channel needs are left out; whole blocks of zeros give zeros.
    blocks = -(-max(out_shape(shape, spec)[1], 1) // p2)
    last = x.movedim(1, -1)[..., :blocks * p2]
    lines = pad(last, (0, blocks * p2 - last.shape[-1]))
    return lines.reshape(tuple(lines.shape[:-1]) + (blocks, p2))


def _tensor(lines: Tensor, spec: Spec, p1: int, p2: int, shape: Sequence[int]) -> Tensor:
    """Return ``lines`` as a tensor of ``shape``: what was padded is cropped, what was left out is zero."""
    if spec.dims == (2, 3):
        return lines.reshape(shape[0], shape[1], p1, p2)[:, :, :shape[2], :shape[3]]
    last = lines.flatten(-2)[..., :shape[1]]
    return torch.nn.functional.pad(last, (0, shape[1] - last.shape[-1])).movedim(-1, 1)


def _threshold_gradient(g: Tensor, w: Tensor, threshold: Tensor, nonlinearity: str) -> Tuple[Tensor, Tensor]:
    """Return the gradients of :func:`threshold_of` in w and, not yet summed, in T."""
    margin = w.abs() - threshold
    # A NaN passes as one, or it would be lost here.
    passed = torch.where(margin != margin, margin, (margin > 0).to(w.dtype))
    if nonlinearity == "soft":
        return g * passed, -g * torch.sign(w) * passed
    tanh = torch.tanh(w)
    return g * ((1 - tanh * tanh) * torch.relu(margin) + tanh.abs() * passed), -g * tanh * passed


def _table_gradient(per_line: Tensor, table: Tensor, places: Optional[List[int]]) -> Tensor:
    total = per_line.sum(list(range(per_line.dim() - 1)))
    if places is not None:
        total = total[torch.tensor(places, device=total.device).argsort()]
    return total.reshape(table.shape)


def _slope_of_mode(threshold: Tensor, spec: Spec) -> Tensor:
    if spec.threshold_mode == "abs":
        return torch.sign(threshold)
    return torch.ones_like(threshold) if spec.threshold_mode == "raw" else (threshold > 0).to(threshold.dtype)
