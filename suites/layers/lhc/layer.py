"""The learnable heterogeneous convolution while it is trained: a full kernel times a learned mask."""

import math
from typing import Any, Dict, Optional

import torch
import torch.nn.functional as F
from torch import nn

from suites.layers.choices import check_choice
from suites.layers.constants import Constants
from suites.layers.graphs import OneStep
from suites.layers.lhc.frozen import FrozenLhcConv2d
from suites.layers.lhc.masks import free_mask, rigid_choice, rigid_shapes, spread
from suites.torch_modes import stock_only

SHAPES = ("free", "rigid")


class LhcConv2d(Constants, OneStep, nn.Module):
    """A convolution whose kernels keep only learned taps (arXiv 2301.05440): conv(x, weight * mask) + bias.

    ``group_out`` neighbouring kernels and ``group_in`` neighbouring input channels share one shape: any set of taps
    (``free``) or one of 15 (``rigid``, 3x3 only). ``effects``, the tensor behind the masks, is (output groups, input
    groups, kh, kw) or (output groups, input groups, 15); it is needed in training only and
    ``suites.networks.count_parameters`` leaves it out. (N, in, H, W) to (N, out, H', W') as ``nn.Conv2d``.

    Raises ``ValueError`` for an unknown ``shape``, and for a rigid one that is not 3x3.
    """

    training_only = ("effects",)

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any = 3, stride: Any = 1,
                 padding: Any = 0, bias: bool = True, shape: str = "free", group_in: int = 32,
                 group_out: int = 16) -> None:
        super().__init__()
        check_choice("shape", shape, SHAPES)
        # The plain convolution checks the sizes and gives the usual start.
        dense = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=bias)
        if shape == "rigid" and tuple(dense.kernel_size) != (3, 3):
            raise ValueError("rigid shapes are 3x3, not {}x{}: use shape='free'".format(*dense.kernel_size))
        self.in_channels, self.out_channels, self.shape = in_channels, out_channels, shape
        self.kernel_size = dense.kernel_size
        self.stride, self.padding = dense.stride, dense.padding
        self.group_in, self.group_out = group_in, group_out
        self.weight, self.bias = dense.weight, dense.bias
        groups = (-(-out_channels // group_out), -(-in_channels // group_in))
        size = groups + ((15,) if shape == "rigid" else self.kernel_size)
        receptive = 15 if shape == "rigid" else self.kernel_size[0] * self.kernel_size[1]
        self.effects = nn.Parameter(torch.empty(size))
        # He normal as Keras has it: truncated at two standard deviations, the scale corrected for the cut.
        nn.init.trunc_normal_(self.effects, 0.0, 1.0, -2.0, 2.0)
        with torch.no_grad():
            self.effects.mul_(math.sqrt(2.0 / (receptive * groups[1])) / 0.8796256610342398)
        if shape == "rigid":
            self.register_buffer("shapes", rigid_shapes().reshape(15, 9), persistent=False)
        # During mask warm-up: which output channels already use their mask.
        self.register_buffer("masked", torch.ones(out_channels, dtype=torch.bool))
        self.positions = None  # type: Optional[int]

    def constants(self) -> Dict[str, torch.Tensor]:
        """Return the values of the buffers that are no part of the state."""
        return {"shapes": rigid_shapes().reshape(15, 9)} if self.shape == "rigid" else {}

    @classmethod
    def from_dense(cls, layer: nn.Conv2d, **options: Any) -> "LhcConv2d":
        """Return a layer that starts from the weight and bias of ``layer``.

        Raises ``ValueError`` for a grouped or dilated one.
        """
        if layer.groups != 1 or tuple(layer.dilation) != (1, 1):
            raise ValueError("only an ungrouped, undilated convolution can become an LhcConv2d, not {}".format(layer))
        made = cls(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
                   layer.bias is not None, **options)
        with torch.no_grad():
            made.weight.copy_(layer.weight)
            if layer.bias is not None and made.bias is not None:
                made.bias.copy_(layer.bias)
        return made.to(layer.weight)

    def group_mask(self) -> torch.Tensor:
        """Return the mask per group, (output groups, input groups, kh, kw), differentiable in ``effects``."""
        if self.shape == "free":
            return free_mask(self.effects)
        return (rigid_choice(self.effects) @ self.shapes).reshape(self.effects.shape[:2] + (3, 3))  # type: ignore

    def mask(self) -> torch.Tensor:
        """Return the mask per weight, (out, in, kh, kw); ``weight * mask`` is the kernel after warm-up."""
        return spread(self.group_mask(), self.group_out, self.group_in, self.out_channels, self.in_channels)

    def kept(self) -> torch.Tensor:
        """Return how many weights the mask keeps, a scalar tensor with the straight-through gradient."""
        return self.mask().sum()

    def density(self) -> float:
        """Return the share of weights that the mask keeps."""
        return float(self.kept().detach()) / self.weight.numel()

    def warm_up(self, epoch: int, epochs: int = 20, generator: Optional[torch.Generator] = None) -> None:
        """Draw which output channels use their mask in this epoch: each with probability epoch / epochs."""
        draw = torch.rand(self.out_channels, generator=generator)
        self.masked = (draw < float(epoch) / epochs).to(self.weight.device)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in, H, W)."""
        if x.is_floating_point() is not True:
            return self._step(x)
        mask = self.mask()
        # A graph cannot ask for a tensor's values, and a meta tensor has none.
        if stock_only() or self.masked.is_meta or not bool(self.masked.all()):
            mask = torch.where(self.masked.reshape(-1, 1, 1, 1), mask, torch.ones_like(mask))
        y = F.conv2d(x, self.weight * mask, self.bias, self.stride, self.padding)
        positions = y.shape[2] * y.shape[3]
        # While a graph is recorded the sizes can be symbols, which mean nothing outside it.
        self.positions = positions if isinstance(positions, int) else None
        return y

    def freeze(self, implementation: str = "auto") -> FrozenLhcConv2d:
        """Return the inference form: the blocks that the mask keeps, and nothing else."""
        return FrozenLhcConv2d(self.weight.detach(), self.bias, self.group_mask().detach() > 0, self.group_in,
                               self.group_out, self.stride, self.padding, implementation)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, kernel_size={}, stride={}, padding={}, bias={}, shape={}, group_in={}, group_out={}".format(
            self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding, self.bias is not None,
            self.shape, self.group_in, self.group_out)
