"""Residual networks: for 32x32 images (depth 20, 110 and any 6 n + 2) and for ImageNet (34, 50).

Source: He and others 2016. Shortcuts that change shape are a 1x1 convolution with batch norm.
"""

from typing import Any, List, Sequence

import torch
import torch.nn.functional as F
from torch import nn


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1
    spatial = ("conv2",)
    every3x3 = ("conv1", "conv2")
    pointwise = ()  # type: tuple

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = _shortcut(in_channels, channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output for ``x`` (N, C, H, W)."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride) and 1x1 convolution beside a shortcut."""

    expansion = 4
    spatial = ("conv2",)
    every3x3 = ("conv2",)
    pointwise = ("conv1", "conv3")

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.shortcut = _shortcut(in_channels, 4 * channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output for ``x`` (N, C, H, W)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """A residual network: stem, stages of blocks, global average, one linear layer.

    ``stem`` is ``small`` (3x3, for 32x32 images) or ``large`` (7x7 stride 2 and max-pooling, for ImageNet).
    (N, 3, H, W) to (N, num_classes).
    """

    def __init__(self, block: Any, depths: Sequence[int],
                 widths: Sequence[int], num_classes: int, stem: str) -> None:
        super().__init__()
        self.stem = stem
        self.conv1 = (nn.Conv2d(3, widths[0], 3, 1, 1, bias=False) if stem == "small"
                      else nn.Conv2d(3, widths[0], 7, 2, 3, bias=False))
        self.bn1 = nn.BatchNorm2d(widths[0])
        channels, blocks, names = widths[0], [], []
        for stage, (depth, width) in enumerate(zip(depths, widths)):
            for index in range(depth):
                blocks.append(block(channels, width, 2 if stage and not index else 1))
                names.append("blocks.{}".format(len(blocks) - 1))
                channels = width * block.expansion
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(channels, num_classes)
        self.block_names = names  # type: List[str]

    def layer_names(self, kind: str) -> List[List[str]]:
        """Return, per block, its layers of a kind: ``spatial`` (the last 3x3), ``every3x3`` or ``pointwise``."""
        return [["{}.{}".format(name, layer) for layer in getattr(block, kind, ())]
                for name, block in zip(self.block_names, self.blocks)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return class scores for images ``x`` (N, 3, H, W)."""
        y = F.relu(self.bn1(self.conv1(x)))
        if self.stem == "large":
            y = F.max_pool2d(y, 3, 2, 1)
        return self.fc(self.blocks(y).mean((2, 3)))


def small_resnet(depth: int, num_classes: int) -> ResNet:
    """Return the network for 32x32 images of ``depth`` = 6 n + 2: three stages of n basic blocks, 16 to 64 wide.

    Raises ``ValueError`` for any other depth.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError("a ResNet for 32x32 images has depth 6 n + 2 (20, 32, 56, 110), not {}".format(depth))
    return ResNet(BasicBlock, [(depth - 2) // 6] * 3, (16, 32, 64), num_classes, "small")


def large_resnet(depth: int, num_classes: int, stem: str = "large") -> ResNet:
    """Return the ImageNet network of ``depth`` 34 or 50."""
    return ResNet({34: BasicBlock, 50: Bottleneck}[depth], (3, 4, 6, 3), (64, 128, 256, 512), num_classes, stem)
