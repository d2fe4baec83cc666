"""The one-dimensional Walsh-Hadamard layer: a channel mixer in place of a 1x1 convolution."""

from typing import Any, Optional

import torch
from torch import nn

from suites.kernels.prepared import Prepared
from suites.layers.base import TransformLayer
from suites.layers.core import threshold_between
from suites.layers.fused import Options, fused_problem, ready_fused, run_fused
from suites.layers.implementations import Choice, best_plain_form, choose
from suites.layers.lanes import split_lanes
from suites.layers.matrices import check_order, natural_places, transform_size
from suites.layers.ready import ReadyCalls, may_be_ready


class WalshHadamard1d(ReadyCalls, TransformLayer):
    """Transform the channels of every pixel, smooth-threshold, transform back (paper 2104.07085).

    The channels are padded with zeros to ``size``, the next power of two at or above both channel counts;
    the first ``out_channels`` of the result are kept. One ``threshold`` vector of ``size`` elements, j / (10
    size) at first, is the only parameter; with ``keep_first`` coefficient 0 passes untouched, as in the
    authors' final speed model, and there are ``size - 1`` thresholds.

    Input (N, in_channels, ...) of any floating type, output (N, out_channels, ...) in the same memory format.
    ``order`` says what the thresholds are sorted by (``natural`` or ``sequency``). ``implementation`` is
    ``auto`` (the fused kernel, or the best of stock torch operations where there is none), ``matrix`` (one dense
    product), ``two-stage`` (the Kronecker form), ``butterfly`` or ``fused``.
    """

    def __init__(self, in_channels: int, out_channels: Optional[int] = None, keep_first: bool = False,
                 order: str = "natural", implementation: str = "auto", device: Any = None,
                 dtype: Optional[torch.dtype] = None) -> None:
        super().__init__(implementation)
        self._prepared = Prepared(("implementation", "in_channels", "out_channels", "size", "keep_first", "order"))
        check_order(order)
        self.in_channels = in_channels
        self.out_channels = in_channels if out_channels is None else out_channels
        self.size = transform_size(self.in_channels, self.out_channels)
        self.keep_first = keep_first
        self.order = order
        self.threshold = nn.Parameter(torch.empty(self.size - int(keep_first), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the thresholds to their ramp from 0 to about 0.1."""
        with torch.no_grad():
            ramp = torch.arange(self.size, dtype=torch.float64) / (10 * self.size)
            self.threshold.copy_(ramp[int(self.keep_first):])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in_channels, ...); raises ``ValueError`` for any other shape."""
        call = None if self.keep_first else self._ready(x)  # whose thresholds are made anew for each call
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() < 2 or x.shape[1] != self.in_channels:
            raise ValueError("WalshHadamard1d made for {} channels needs an input of shape (N, {}, ...), got {}: "
                             "make the layer with in_channels set to the input's dim 1".format(
                                 self.in_channels, self.in_channels, tuple(x.shape)))
        form = self.form_for(x)
        if form == "fused":
            threshold = self._natural_threshold()
            if threshold is self._parameters.get("threshold") and may_be_ready(x):
                call = ready_fused(x, threshold, None, self._fused_options())
                if call is not None:
                    return self._keep(x, (threshold,), call)(x)
            return run_fused(x, threshold, None, self._fused_options())
        lanes, restore = split_lanes(x, 1)
        return restore(threshold_between(lanes, self.size, self.out_channels, form, self._natural_threshold(),
                                         keep_first=self.keep_first))

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        return choose(self.implementation, best_plain_form(self.size, split_lanes(x, 1)[0].shape[2]),
                      lambda: fused_problem(x, self._fused_options()))

    def _fused_options(self) -> Options:
        return {"keep_first": self.keep_first, "out_channels": self.out_channels}

    def _natural_threshold(self) -> torch.Tensor:
        threshold = self.threshold  # type: torch.Tensor
        if self.keep_first:
            threshold = torch.cat((threshold.new_zeros(1), threshold))
        if self.order == "sequency":
            # Moving the few thresholds costs less than moving the data into sequency order and back.
            threshold = threshold[natural_places(self.size, threshold.device)]
        return threshold

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, size={}, keep_first={}, order={}, implementation={}".format(
            self.in_channels, self.out_channels, self.size, self.keep_first, self.order, self.implementation)
