"""The one-dimensional block Walsh-Hadamard layer: a 1x1 convolution of any widths for two vectors."""

from typing import Any, Dict, List, Optional

import torch
from torch import nn

from suites.layers.base import TransformLayer
from suites.layers.constants import Constants
from suites.layers.core import threshold_between
from suites.layers.fused import Options, fused_problem, run_fused
from suites.layers.implementations import Choice, best_plain_form, choose
from suites.layers.lanes import split_lanes
from suites.layers.matrices import is_power_of_two


class BlockWalshHadamard1d(Constants, TransformLayer):
    """Transform blocks of channels, weigh, smooth-threshold, transform back (paper 2201.02711).

    ``weight`` (ones at first) and ``threshold`` (j / (10 block_size) at first) have ``block_size`` elements, shared
    by all blocks and pixels. ``stride`` picks every stride-th pixel before the transform. With more outputs than
    inputs, ``out_channels / block_size`` blocks begin at evenly spaced input channels (:func:`block_starts`) and
    overlap; otherwise the input is cut into blocks, its results are averaged over groups of
    ``in_channels // out_channels`` neighbours and the first ``out_channels`` are kept. No bias, no activation.

    Input (N, in_channels, H, W), output (N, out_channels, ceil(H / stride), ceil(W / stride)). A ``block_size`` of
    ``None`` or above ``in_channels`` means ``in_channels``. Raises ``ValueError`` if the block size is no power of
    two or does not divide the wider side's channels; :func:`largest_block_size` gives one that does.
    """

    def __init__(self, in_channels: int, out_channels: Optional[int] = None, block_size: Optional[int] = None,
                 stride: int = 1, implementation: str = "auto", device: Any = None,
                 dtype: Optional[torch.dtype] = None) -> None:
        super().__init__(implementation)
        out_channels = in_channels if out_channels is None else out_channels
        if block_size is None or block_size > in_channels:
            block_size = in_channels
        check_block_size(in_channels, out_channels, block_size)
        if stride < 1:
            raise ValueError("stride must be 1 or more, got {}: 1 keeps every pixel".format(stride))
        self.in_channels, self.out_channels, self.block_size = in_channels, out_channels, block_size
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(block_size, device=device, dtype=dtype))
        self.threshold = nn.Parameter(torch.empty(block_size, device=device, dtype=dtype))
        # Outputs that would be cropped away are not computed, so their blocks are not gathered either.
        picked = self._picked()
        channels = None if picked == list(range(in_channels)) else torch.tensor(picked, device=device)
        self.register_buffer("channels", channels, persistent=False)
        self.reset_parameters()

    def _picked(self) -> List[int]:
        return [start + offset for start in block_starts(self.in_channels, self.out_channels, self.block_size)
                for offset in range(self.block_size)]

    def constants(self) -> Dict[str, torch.Tensor]:
        """Return the values of the buffers that are no part of the state."""
        return {} if self.channels is None else {"channels": torch.tensor(self._picked(), device="cpu")}

    def reset_parameters(self) -> None:
        """Set the weights to 1 and the thresholds to their ramp from 0 to about 0.1."""
        with torch.no_grad():
            self.weight.fill_(1)
            self.threshold.copy_(torch.arange(self.block_size, dtype=torch.float64) / (10 * self.block_size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in_channels, H, W); raises ``ValueError`` for any other shape."""
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() < 2 or x.shape[1] != self.in_channels or (self.stride > 1 and x.dim() != 4):
            raise ValueError("BlockWalshHadamard1d made for {} channels needs an input of shape (N, {}, H, W), got "
                             "{}: make the layer with in_channels set to the input's dim 1".format(
                                 self.in_channels, self.in_channels, tuple(x.shape)))
        if self.stride > 1:
            x = x[:, :, ::self.stride, ::self.stride]
        form = self.form_for(x)
        lanes, restore = split_lanes(x, 1)
        channels = self.channels
        if isinstance(channels, torch.Tensor):
            lanes = lanes.index_select(1, channels)
        if form == "fused":
            return restore(self._fit(run_fused(lanes, self.threshold, self.weight, self._fused_options())))
        outer, rows, inner = lanes.shape
        blocks = lanes.reshape(outer * (rows // self.block_size), self.block_size, inner)
        blocks = threshold_between(blocks, self.block_size, self.block_size, form, self.threshold, self.weight)
        return restore(self._fit(blocks.reshape(outer, rows, inner)))

    def _fit(self, lanes: torch.Tensor) -> torch.Tensor:
        pooled = self.in_channels // self.out_channels
        kept = lanes[:, :self.out_channels * max(pooled, 1)]
        if pooled > 1:
            return kept.reshape(lanes.shape[0], self.out_channels, pooled, lanes.shape[2]).mean(2)
        return kept.contiguous()

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        return choose(self.implementation, best_plain_form(self.block_size, split_lanes(x, 1)[0].shape[2]),
                      lambda: self._fused_problem(x))

    def _fused_problem(self, x: torch.Tensor) -> Optional[str]:
        if self.block_size == 1:
            return "a block of one channel leaves nothing to transform"
        outer, rows, inner = split_lanes(x, 1)[0].shape
        if isinstance(self.channels, torch.Tensor):
            rows = self.channels.numel()
        return fused_problem(x.new_empty(outer, rows, inner), self._fused_options())

    def _fused_options(self) -> Options:
        return {"block": self.block_size}

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, block_size={}, stride={}, implementation={}".format(
            self.in_channels, self.out_channels, self.block_size, self.stride, self.implementation)


def block_starts(in_channels: int, out_channels: int, block_size: int) -> List[int]:
    """Return the first input channel of every block that the output needs.

    Expansion: ``out_channels / block_size`` starts spaced evenly from 0 to ``in_channels - block_size``, floored.
    Otherwise: blocks side by side, as many as reach the last output after pooling.
    """
    if in_channels < out_channels:
        count = out_channels // block_size
        return [index * (in_channels - block_size) // max(count - 1, 1) for index in range(count)]
    needed = out_channels * (in_channels // out_channels)
    return list(range(0, needed, block_size))


def largest_block_size(in_channels: int, out_channels: int) -> int:
    """Return the largest power of two at most ``in_channels`` that divides the channels to be cut into blocks."""
    cut = out_channels if in_channels < out_channels else in_channels
    size = cut & -cut
    while size > in_channels:
        size //= 2
    return size


def check_block_size(in_channels: int, out_channels: int, block_size: int) -> None:
    """Raise ``ValueError`` with one that fits unless ``block_size`` fits these channels."""
    if in_channels < 1 or out_channels < 1 or block_size < 1:
        raise ValueError("a block layer needs at least one channel in, out and in a block, got {}, {} and {}".format(
            in_channels, out_channels, block_size))
    cut = out_channels if in_channels < out_channels else in_channels
    if not is_power_of_two(block_size) or cut % block_size:
        raise ValueError("blocks of {} do not fit {} channels to {}: the block size must be a power of two that "
                         "divides {}, at most {} here".format(
                             block_size, in_channels, out_channels, cut,
                             largest_block_size(in_channels, out_channels)))
