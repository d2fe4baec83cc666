"""The one-dimensional Walsh-Hadamard layer inside a quantised network: bytes in, bytes out, for inference."""

from typing import Any, Optional

import torch
from torch import nn

from suites.kernels import int8 as kernel
from suites.kernels.int8_plan import Scale, Spec, check_spec, size_of
from suites.kernels.operator import graph_problem
from suites.layers.base import TransformLayer
from suites.layers.implementations import STOCK_OR_FUSED, Choice, fused_or_stock
from suites.layers.wht1d import WalshHadamard1d
from suites.torch_modes import stock_only

#: Scales this close are one: they went through float32 on the way.
SAME = 1e-6


class QuantisedWalshHadamard1d(TransformLayer):
    """``WalshHadamard1d`` on 8-bit integers: transform the channels of every pixel, threshold, transform back.

    ``before`` and ``after`` are the scales of input and output, ``threshold`` the float layer's, one value for each
    of 16 to 2048 coefficients in natural order and real units. Arithmetic is in 16 bits
    (:mod:`suites.kernels.int8_plan`). On normal data with 32 steps to the standard deviation the output is off by
    0.31 steps (root mean square) up to 256 coefficients, 0.39 with 1024 and 0.57 with 2048; rounding it costs 0.29.

    Input (N, in_channels, ...): torch's ``quint8`` or ``qint8`` with scale ``before``, or plain ``uint8`` or
    ``int8``, of which this layer knows the scale. Output (N, out_channels, ...), contiguous, of the same type. The
    kernel reads contiguous memory; channels-last inputs are copied. ``implementation`` is ``auto``, ``stock`` (the
    same integers by stock torch operations) or ``fused``. There is no gradient: train the float layer and convert it
    by :meth:`from_float`.
    """

    def __init__(self, in_channels: int, before: Scale, after: Scale, out_channels: Optional[int] = None,
                 nonlinearity: str = "smooth", implementation: str = "auto") -> None:
        super().__init__(implementation, STOCK_OR_FUSED)
        self.in_channels = in_channels
        self.out_channels = in_channels if out_channels is None else out_channels
        self.before, self.after, self.nonlinearity = Scale(*before), Scale(*after), nonlinearity
        check_spec(self._spec(any(scale.zero < 0 for scale in (self.before, self.after))))
        self.size = size_of(self._spec(False))
        ramp = torch.arange(self.size, dtype=torch.float64) / (10 * self.size)
        self.threshold = nn.Parameter(ramp.float(), requires_grad=False)

    @classmethod
    def from_float(cls, layer: WalshHadamard1d, before: Scale, after: Scale,
                   implementation: str = "auto") -> "QuantisedWalshHadamard1d":
        """Return ``layer`` on bytes, its thresholds kept; raises ``ValueError`` where it has ``keep_first``."""
        if layer.keep_first:
            raise ValueError("the layer in int8 has no keep_first: make the float layer without it")
        made = cls(layer.in_channels, before, after, layer.out_channels, implementation=implementation)
        with torch.no_grad():
            made.threshold.copy_(layer._natural_threshold())
        return made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in_channels, ...)."""
        if x.dtype not in kernel.STORED:
            return self._step(x)
        self._check(x)
        spec = self._spec(kernel.STORED[x.dtype])
        if self.form_for(x) == "stock":
            return kernel.stock(x, self.threshold, spec)
        if stock_only():
            return kernel.record(x, self.threshold, spec)
        return kernel.run(x, self.threshold, spec)

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        check_spec(self._spec(kernel.STORED[x.dtype]))

        def problem() -> Optional[str]:
            if not stock_only():
                return kernel.reason(x)
            return graph_problem() or kernel.reason_of_type(x)

        return fused_or_stock(self.implementation, problem)

    def _refuse(self, x: Any) -> Any:
        """Raise ``TypeError`` for ``x``."""
        raise TypeError("QuantisedWalshHadamard1d needs 8-bit integers, got {}: quantise the input, for instance "
                        "with torch.quantize_per_tensor".format(str(x.dtype).replace("torch.", "")))

    def _check(self, x: torch.Tensor) -> None:
        if torch.is_grad_enabled() and (self.threshold.requires_grad or x.requires_grad):
            raise RuntimeError("QuantisedWalshHadamard1d is for inference only, integers have no gradient: train "
                               "WalshHadamard1d and convert it with from_float")
        if x.dim() < 2 or x.shape[1] != self.in_channels:
            raise ValueError("QuantisedWalshHadamard1d made for {} channels needs an input of shape (N, {}, ...), "
                             "got {}".format(self.in_channels, self.in_channels, tuple(x.shape)))
        if x.is_quantized:
            if x.qscheme() != torch.per_tensor_affine:
                raise TypeError("QuantisedWalshHadamard1d needs one scale for the whole input, got {}: quantise with "
                                "torch.quantize_per_tensor".format(x.qscheme()))
            given = Scale(x.q_scale(), x.q_zero_point())
            if given.zero != self.before.zero or abs(given.step - self.before.step) > SAME * self.before.step:
                raise ValueError("the input's scale is {}, the layer was made for {}: requantise the input".format(
                    tuple(given), tuple(self.before)))

    def _spec(self, signed: Any) -> Spec:
        return Spec(self.in_channels, self.out_channels, self.before, self.after, self.nonlinearity, bool(signed))

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, size={}, before={}, after={}, nonlinearity={}, implementation={}".format(
            self.in_channels, self.out_channels, self.size, tuple(self.before), tuple(self.after), self.nonlinearity,
            self.implementation)
