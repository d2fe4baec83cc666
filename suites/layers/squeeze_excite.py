"""Squeeze-and-excite, the channel attention block the two-dimensional layer is compared with."""

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import nn

from suites.layers.graphs import OneStep


class SqueezeExcite(OneStep, nn.Module):
    """Scale each channel by a gate made from all channels' means.

    Global average, a dense layer to ``channels // reduction``, ReLU, a dense layer back, hard sigmoid
    (relu6(x + 3) / 6), product with the input; both dense layers have a bias. Input and output (N, channels, H, W).

    Raises ``ValueError`` where ``reduction`` leaves no channel.
    """

    def __init__(self, channels: int, reduction: int = 4, device: Any = None,
                 dtype: Optional[torch.dtype] = None) -> None:
        super().__init__()
        if channels // reduction < 1:
            raise ValueError("{} channels cannot be reduced {}-fold: use at least {} channels or a smaller "
                             "reduction".format(channels, reduction, reduction))
        self.channels = channels
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)
        self.to(device=device, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` (N, channels, H, W) with its channels scaled; raises ``ValueError`` for any other shape."""
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ValueError("SqueezeExcite made for {} channels needs an input of shape (N, {}, H, W), got {}: make "
                             "the layer with the input's dim 1".format(
                                 self.channels, self.channels, tuple(x.shape)))
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3)))))
        return x * F.hardsigmoid(gate)[:, :, None, None]
