"""Float64 references by dense routes of their own: nothing here calls the layers or torch's convolutions.

Hadamard matrices come from the parity of bit counts, convolutions from gathered patches and a matrix product.
"""

from typing import Tuple

import torch
import torch.nn.functional as F


def hadamard(size: int) -> torch.Tensor:
    """Return the orthonormal natural-order matrix: entry (i, j) is (-1)^(bits common to i and j)."""
    index = torch.arange(size)
    common = index.unsqueeze(0) & index.unsqueeze(1)
    parity = torch.zeros_like(common)
    for bit in range(size.bit_length()):
        # Division, since old torch versions cannot shift every integer type.
        parity = parity + torch.div(common, 2 ** bit, rounding_mode="floor") % 2
    return (1 - 2 * (parity % 2)).double() / size ** 0.5


def smooth(values: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Return the smooth threshold as its formula reads."""
    return torch.tanh(values) * torch.relu(values.abs() - threshold)


def convolution(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """Return the convolution of ``x`` with same-padding kernels (out, in, k, k), as patches times a matrix."""
    out_channels, _, kernel, _ = weight.shape
    patches, plane = _patches(x, kernel, stride)
    y = weight.reshape(out_channels, -1) @ patches + bias.reshape(-1, 1)
    return y.reshape(x.shape[0], out_channels, *plane)


def depthwise(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """Return the depthwise convolution of ``x`` with same-padding kernels (C, 1, k, k)."""
    channels, _, kernel, _ = weight.shape
    patches, plane = _patches(x, kernel, stride)
    taps = patches.reshape(x.shape[0], channels, kernel * kernel, -1)
    y = (taps * weight.reshape(channels, -1, 1)).sum(2) + bias.reshape(-1, 1)
    return y.reshape(x.shape[0], channels, *plane)


def _patches(x: torch.Tensor, kernel: int, stride: int) -> Tuple[torch.Tensor, Tuple[int, int]]:
    padding = kernel // 2
    plane = tuple((side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:])
    return F.unfold(x, kernel, padding=padding, stride=stride), (plane[0], plane[1])


def mix_channels(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return ``matrix`` (out, in) applied to the channels of every pixel of ``x`` (N, in, H, W)."""
    images, _, height, width = x.shape
    return (matrix @ x.reshape(images, x.shape[1], height * width)).reshape(images, -1, height, width)


def wht1d(x: torch.Tensor, threshold: torch.Tensor, out_channels: int, keep_first: bool = False) -> torch.Tensor:
    """Return the 1-D layer; ``threshold`` has one element per coefficient, one less with ``keep_first``."""
    size = threshold.numel() + int(keep_first)
    matrix = hadamard(size)
    values = mix_channels(matrix[:, :x.shape[1]], x)
    passed = values[:, :int(keep_first)]
    kept = smooth(values[:, int(keep_first):], threshold.reshape(-1, 1, 1))
    return mix_channels(matrix[:out_channels], torch.cat((passed, kept), 1))


def wht2d(x: torch.Tensor, weight: torch.Tensor, threshold: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """Return the 2-D layer with ``weight`` and ``threshold`` (S, S), pooled by ``stride`` at the end."""
    height, width = x.shape[2:]
    matrix = hadamard(weight.shape[0])
    values = matrix[:, :height] @ x @ matrix[:width]
    y = matrix[:height] @ smooth(values * weight, threshold) @ matrix[:, :width]
    return F.avg_pool2d(y, stride, ceil_mode=True) if stride > 1 else y


def block_wht1d(x: torch.Tensor, weight: torch.Tensor, threshold: torch.Tensor, out_channels: int,
                stride: int = 1) -> torch.Tensor:
    """Return the 1-D block layer by the paper's rules, every block computed, one after the other."""
    channels, size = x.shape[1], weight.numel()
    matrix = hadamard(size)
    x = x[:, :, ::stride, ::stride]
    if channels < out_channels:
        count = out_channels // size
        starts = [index * (channels - size) // max(count - 1, 1) for index in range(count)]
    else:
        starts = list(range(0, channels, size))
    blocks = []
    for start in starts:
        values = mix_channels(matrix, x[:, start:start + size]) * weight.reshape(-1, 1, 1)
        blocks.append(mix_channels(matrix, smooth(values, threshold.reshape(-1, 1, 1))))
    y = torch.cat(blocks, 1)
    pooled = channels // out_channels
    if pooled > 1:
        kept = y.shape[1] // pooled
        y = torch.stack([y[:, group * pooled:(group + 1) * pooled].mean(1) for group in range(kept)], 1)
    return y[:, :out_channels]


def ht_perceptron(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor,
                  threshold: torch.Tensor) -> torch.Tensor:
    """Return the orthonormal HT-perceptron layer from its stacked paths."""
    height, width = x.shape[2:]
    down, across = hadamard(scale.shape[1]), hadamard(scale.shape[2])
    spectrum = down[:, :height] @ x @ across[:width]
    total = torch.zeros((), dtype=x.dtype)
    for path in range(weight.shape[0]):
        mixed = mix_channels(weight[path], spectrum * scale[path])
        total = total + torch.sign(mixed) * torch.relu(mixed.abs() - torch.relu(threshold[path]))
    return down[:height] @ total @ across[:, :width]


def multiplication_free(x: torch.Tensor, w: torch.Tensor, member: str) -> torch.Tensor:
    """Return the operator's formula; in the backward pass the sign within ``sum`` acts as tanh."""
    if member == "sum":
        return x * _sign(w) + _sign(x) * w
    least = torch.sign(x.detach() * w.detach()) * torch.min(x.abs(), w.abs())
    return least if member == "min" else torch.relu(least)


def _sign(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x) + (torch.sign(x) - torch.tanh(x)).detach()


def multiplication_free_depthwise(x: torch.Tensor, weight: torch.Tensor, member: str) -> torch.Tensor:
    """Return the depthwise layer with kernels (C, 1, k, k) from all patches at once."""
    channels, _, kernel, _ = weight.shape
    patches, plane = _patches(x, kernel, 1)
    taps = patches.reshape(x.shape[0], channels, kernel * kernel, -1)
    return multiplication_free(taps, weight.reshape(channels, -1, 1), member).sum(2).reshape(
        x.shape[0], channels, *plane)


def squeeze_excite(x: torch.Tensor, squeeze: Tuple[torch.Tensor, torch.Tensor],
                   excite: Tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Return squeeze-and-excite from the (weight, bias) of its two dense layers."""
    hidden = torch.relu(x.sum((2, 3)) / (x.shape[2] * x.shape[3]) @ squeeze[0].t() + squeeze[1])
    gate = hidden @ excite[0].t() + excite[1]
    return x * (gate / 6 + 0.5).clamp(0, 1).reshape(*gate.shape, 1, 1)
