"""MobileNet-V2 and MobileNet-V3-Large (Sandler 2018, Howard 2019), width 1."""

from typing import Callable, List, Optional, Sequence

import torch
import torch.nn.functional as F
from torch import nn

# Expansion, output channels, repeats, first stride.
V2_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
             (6, 320, 1, 1))
# Kernel, expanded channels, output channels, squeeze-and-excite, hard swish, stride.
V3_LARGE = ((3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
            (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
            (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1),
            (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1))


def divisible(channels: float, by: int = 8) -> int:
    """Return ``channels`` rounded to a multiple of ``by``, never down by more than a tenth."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


class ConvUnit(nn.Module):
    """Convolution, batch norm, activation (or none)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1,
                 activation: Optional[Callable[[], nn.Module]] = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01)
        self.activation = activation() if activation else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the unit's output for ``x`` (N, C, H, W)."""
        return self.activation(self.bn(self.conv(x)))


class Gate(nn.Module):
    """The squeeze-and-excite of MobileNet-V3: average, 1x1 with ReLU, 1x1 with hard sigmoid, scale; with biases."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` (N, C, H, W) scaled per channel."""
        return x * F.hardsigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise, gate (V3), project 1x1; the input is added where shapes agree."""

    def __init__(self, in_channels: int, expanded: int, out_channels: int, kernel: int, stride: int,
                 activation: Callable[[], nn.Module], gated: bool = False) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == out_channels
        self.expand = ConvUnit(in_channels, expanded, 1, activation=activation) if expanded != in_channels else None
        self.depthwise = ConvUnit(expanded, expanded, kernel, stride, expanded, activation)
        self.gate = Gate(expanded, divisible(expanded / 4)) if gated else None
        self.project = ConvUnit(expanded, out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output for ``x`` (N, C, H, W)."""
        y = x if self.expand is None else self.expand(x)
        y = self.depthwise(y)
        y = self.project(y if self.gate is None else self.gate(y))
        return x + y if self.residual else y


class MobileNet(nn.Module):
    """Stem, inverted residuals, a last 1x1 convolution, global average, classifier. (N, 3, H, W) to (N, classes)."""

    def __init__(self, stem: ConvUnit, blocks: Sequence[InvertedResidual], last: ConvUnit,
                 classifier: nn.Module) -> None:
        super().__init__()
        self.stem, self.blocks, self.last, self.classifier = stem, nn.Sequential(*blocks), last, classifier

    def layer_names(self, kind: str) -> List[List[str]]:
        """Return, per block, the names of its layers of a kind: ``pointwise``, ``depthwise`` or ``gate``."""
        wanted = {"pointwise": ("expand.conv", "project.conv"), "depthwise": ("depthwise.conv",),
                  "gate": ("gate",)}.get(kind, ())
        return [["blocks.{}.{}".format(index, name) for name in wanted
                 if getattr(block, name.split(".")[0]) is not None] for index, block in enumerate(self.blocks)]

    @property
    def head_names(self) -> List[str]:
        """The last 1x1 convolution, outside the blocks."""
        return ["last.conv"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return class scores for images ``x`` (N, 3, H, W)."""
        return self.classifier(self.last(self.blocks(self.stem(x))).mean((2, 3)))


def mobilenet_v2(num_classes: int) -> MobileNet:
    """Return MobileNet-V2: 17 inverted residuals, the 16 last of them with expansion 6."""
    blocks, channels = [], 32
    for expansion, width, repeats, stride in V2_STAGES:
        for index in range(repeats):
            blocks.append(InvertedResidual(channels, expansion * channels, width, 3, 1 if index else stride,
                                           nn.ReLU6))
            channels = width
    return MobileNet(ConvUnit(3, 32, 3, 2, activation=nn.ReLU6), blocks,
                     ConvUnit(channels, 1280, 1, activation=nn.ReLU6), nn.Linear(1280, num_classes))


def mobilenet_v3_large(num_classes: int) -> MobileNet:
    """Return MobileNet-V3-Large: 15 inverted residuals, 8 of them gated, and a classifier of two layers."""
    blocks, channels = [], 16
    for kernel, expanded, width, gated, swish, stride in V3_LARGE:
        activation = nn.Hardswish if swish else nn.ReLU
        blocks.append(InvertedResidual(channels, expanded, width, kernel, stride, activation, bool(gated)))
        channels = width
    head = nn.Sequential(nn.Linear(960, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, num_classes))
    return MobileNet(ConvUnit(3, 16, 3, 2, activation=nn.Hardswish), blocks,
                     ConvUnit(channels, 960, 1, activation=nn.Hardswish), head)
