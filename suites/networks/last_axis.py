"""Walsh-Hadamard layers in the place of ``nn.Linear``: on the last axis of an input of any number of axes."""

from typing import Any

import torch

from suites.layers.bwht1d import BlockWalshHadamard1d
from suites.layers.implementations import Choice
from suites.layers.wht1d import WalshHadamard1d


class _OnLastAxis:
    """Rows in, rows out, for a layer that takes (N, channels): (..., in_channels) to (..., out_channels)."""

    in_channels: int
    out_channels: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (..., in_channels)."""
        if x.is_floating_point() is not True:
            return self._step(x)  # type: ignore[attr-defined]
        rows = self._rows(x)
        return super().forward(rows).reshape(x.shape[:-1] + (self.out_channels,))  # type: ignore[misc]

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        return super().choose(self._rows(x))  # type: ignore[misc]

    def _rows(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() < 1 or x.shape[-1] != self.in_channels:
            raise ValueError("{} for {} features needs them in the last dimension, got shape {}".format(
                type(self).__name__, self.in_channels, tuple(x.shape)))
        return x.reshape(-1, self.in_channels)


class WalshHadamardLinear(_OnLastAxis, WalshHadamard1d):
    """:class:`~suites.layers.wht1d.WalshHadamard1d` on the last axis: (..., in_features) to (..., out_features)."""

    def __init__(self, in_features: int, out_features: int, **options: Any) -> None:
        super().__init__(in_features, out_features, **options)


class BlockWalshHadamardLinear(_OnLastAxis, BlockWalshHadamard1d):
    """:class:`~suites.layers.bwht1d.BlockWalshHadamard1d` on the last axis, as :class:`WalshHadamardLinear`."""

    def __init__(self, in_features: int, out_features: int, **options: Any) -> None:
        super().__init__(in_features, out_features, **options)
