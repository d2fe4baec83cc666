"""The two-dimensional Walsh-Hadamard layer over the plane of every channel."""

from typing import Any, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import nn

from suites.kernels.prepared import Prepared
from suites.layers.base import TransformLayer
from suites.layers.fused import Options, fused_problem, ready_fused, run_fused
from suites.layers.implementations import Choice, choose
from suites.layers.matrices import check_order, natural_places, transform_size
from suites.layers.planes import plane_form, plane_inverse, plane_transform
from suites.layers.ready import ReadyCalls, may_be_ready
from suites.layers.thresholds import smooth_threshold, smooth_threshold_inplace
from suites.torch_modes import stock_only

#: The fused kernel's options: transform over the plane.
FUSED: Options = {"dims": (2, 3)}


class WalshHadamard2d(ReadyCalls, TransformLayer):
    """Transform each channel's plane, weigh, smooth-threshold, transform back (paper 2201.02711).

    The plane is padded with zeros at the bottom and right to ``size`` x ``size``, the next power of two at or above
    both sides, and cropped after the inverse. ``weight`` (ones at first) and ``threshold`` ((i + j) / (10
    size) at first), both (size, size), are shared by all channels; channels are not mixed. A ``stride`` above 1
    is average pooling after the inverse; a last window that hangs over the edge is averaged over what it holds, so
    sizes match a padded 3x3 convolution of that stride.

    Input (N, C, H, W) with (H, W) = ``plane`` (one number for a square), output (N, C, ceil(H / stride),
    ceil(W / stride)) in the same memory format. ``order`` and ``implementation`` are as in
    :class:`~suites.layers.wht1d.WalshHadamard1d`; ``matrix`` is one dense product for each axis.

    Raises ``ValueError`` for a side or ``stride`` below 1, and an unknown ``order`` or ``implementation``.
    """

    def __init__(self, plane: Union[int, Tuple[int, int]], stride: int = 1, order: str = "natural",
                 implementation: str = "auto", device: Any = None,
                 dtype: Optional[torch.dtype] = None) -> None:
        super().__init__(implementation)
        self._prepared = Prepared(("implementation", "plane", "size", "order"))
        check_order(order)
        self.plane = (plane, plane) if isinstance(plane, int) else (plane[0], plane[1])
        if stride < 1:
            raise ValueError("stride must be 1 or more, got {}: 1 keeps the plane's size".format(stride))
        self.stride = stride
        self.size = transform_size(*self.plane)
        self.order = order
        self.weight = nn.Parameter(torch.empty(self.size, self.size, device=device, dtype=dtype))
        self.threshold = nn.Parameter(torch.empty(self.size, self.size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weights to 1 and the thresholds to their ramp from 0 to about 0.2."""
        with torch.no_grad():
            index = torch.arange(self.size, dtype=torch.float64)
            self.weight.fill_(1)
            self.threshold.copy_((index.unsqueeze(0) + index.unsqueeze(1)) / (10 * self.size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, C, H, W); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return self._pooled(call(x))
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() != 4 or tuple(x.shape[2:]) != self.plane:
            raise ValueError("WalshHadamard2d made for a plane of {}x{} needs an input of shape (N, C, {}, {}), got "
                             "{}: make the layer with plane set to the input's height and width".format(
                                 *self.plane, *self.plane, tuple(x.shape)))
        weight, threshold = self._natural_tables()
        if self.form_for(x) == "fused":
            if threshold is self._parameters.get("threshold") and may_be_ready(x):
                call = ready_fused(x, threshold, weight, FUSED)
                if call is not None:
                    return self._pooled(self._keep(x, (threshold, weight), call)(x))
            y = run_fused(x, threshold, weight, FUSED)
        else:
            spectrum = plane_transform(x, (self.size, self.size), self.implementation)
            y = plane_inverse(self._between(spectrum, weight, threshold), self.plane, self.implementation)
        return self._pooled(y)

    def _pooled(self, y: torch.Tensor) -> torch.Tensor:
        return y if self.stride == 1 else F.avg_pool2d(y, self.stride, ceil_mode=True)

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` (one name for each kind of axis) and why, without running it."""
        forms = {plane_form(x, dim, self.size, "auto") for dim in (2, 3)}
        return choose(self.implementation, " and ".join(sorted(forms)), lambda: self._fused_problem(x))

    def _fused_problem(self, x: torch.Tensor) -> Optional[str]:
        if self.size != transform_size(min(self.plane)):
            return "the fused kernel pads each side of the plane for itself, this layer to {0}x{0}".format(self.size)
        return fused_problem(x, FUSED)

    def _natural_tables(self) -> Tuple[torch.Tensor, torch.Tensor]:
        if self.order == "natural":
            return self.weight, self.threshold
        place = natural_places(self.size, self.threshold.device)
        return self.weight[place][:, place], self.threshold[place][:, place]

    @staticmethod
    def _between(values: torch.Tensor, weight: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        wanted = values.requires_grad or weight.requires_grad or threshold.requires_grad
        if stock_only() or wanted and torch.is_grad_enabled():
            return smooth_threshold(values * weight, threshold)
        return smooth_threshold_inplace(values.mul_(weight), threshold)

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "plane={}x{}, size={}, stride={}, order={}, implementation={}".format(
            self.plane[0], self.plane[1], self.size, self.stride, self.order, self.implementation)
