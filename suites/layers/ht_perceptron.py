"""The HT-perceptron layer: a 3x3 convolution as 1x1 convolutions between two plane transforms."""

import math
from typing import Any, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import nn

from suites.layers.base import TransformLayer
from suites.layers.choices import check_choice, check_floating
from suites.layers.implementations import Choice, choose
from suites.layers.matrices import next_power_of_two
from suites.layers.planes import plane_form, plane_inverse, plane_transform
from suites.layers.thresholds import soft_threshold


class HTPerceptron(TransformLayer):
    """Transform the plane, sum ``paths`` of (scale, 1x1 convolution, soft threshold), transform back.

    From the successor of the two papers (2305.17510). Height and width are each padded with zeros to a power of two
    and cropped at the end. Path p has ``scale[p]`` (uniform in [0, 1) at first) and ``threshold[p]`` (uniform in
    [0, 0.1), negative values act as 0), both of the padded plane's size and shared by all channels, and
    ``weight[p]`` (out_channels, in_channels) without bias: paths * (in * out + 2 * Hp * Wp) parameters.
    ``residual`` adds the input.

    ``norm`` is that of the forward transform as in ``torch.fft``: ``ortho`` (the later code), or ``backward`` (the
    code behind the published ResNet-20 results), which leaves the thresholds on a larger scale.

    Input (N, in_channels, H, W) with (H, W) = ``plane``, output (N, out_channels, H, W). ``implementation`` is about
    the transforms, as in :class:`~suites.layers.wht2d.WalshHadamard2d`; there is no fused kernel for this layer.
    """

    def __init__(self, in_channels: int, out_channels: int, plane: Union[int, Tuple[int, int]], paths: int = 3,
                 residual: bool = False, norm: str = "ortho", implementation: str = "auto", device: Any = None,
                 dtype: Optional[torch.dtype] = None) -> None:
        super().__init__(implementation)
        check_choice("norm", norm, ("ortho", "backward"))
        if paths < 1:
            raise ValueError("an HT-perceptron needs at least one path, got {}".format(paths))
        if residual and in_channels != out_channels:
            raise ValueError("a residual needs as many channels out as in, got {} to {}: set residual=False".format(
                in_channels, out_channels))
        self.in_channels, self.out_channels, self.paths = in_channels, out_channels, paths
        self.plane = (plane, plane) if isinstance(plane, int) else (plane[0], plane[1])
        self.sizes = (next_power_of_two(self.plane[0]), next_power_of_two(self.plane[1]))
        self.residual, self.norm = residual, norm
        self.weight = nn.Parameter(torch.empty(paths, out_channels, in_channels, device=device, dtype=dtype))
        self.scale = nn.Parameter(torch.empty((paths,) + self.sizes, device=device, dtype=dtype))
        self.threshold = nn.Parameter(torch.empty((paths,) + self.sizes, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw scales, thresholds and the 1x1 weights (as torch draws those of a 1x1 convolution)."""
        bound = 1 / math.sqrt(self.in_channels)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.scale, 0, 1)
        nn.init.uniform_(self.threshold, 0, 0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in_channels, H, W)."""
        check_floating(x, "HTPerceptron")
        if x.dim() != 4 or tuple(x.shape[1:]) != (self.in_channels,) + self.plane:
            raise ValueError("HTPerceptron made for {} channels of {}x{} needs an input of shape (N, {}, {}, {}), "
                             "got {}: make the layer for the input's channels and plane".format(
                                 self.in_channels, *self.plane, self.in_channels, *self.plane, tuple(x.shape)))
        self.form_for(x)
        spectrum = plane_transform(x, self.sizes, self.implementation, self.norm)
        total = None  # type: Optional[torch.Tensor]
        for weight, scale, threshold in zip(self.weight, self.scale, self.threshold):
            # One scale serves all channels of a coefficient, so it may follow the mixing of channels.
            mixed = F.conv2d(spectrum, weight[:, :, None, None]) * scale
            path = soft_threshold(mixed, torch.relu(threshold))
            total = path if total is None else total + path
        assert total is not None
        y = plane_inverse(total, self.plane, self.implementation, self.norm)
        return y + x if self.residual else y

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form of the transforms that runs on ``x`` and why, without running it."""
        forms = {plane_form(x, dim, self.sizes[dim - 2], "auto") for dim in (2, 3)}
        return choose(self.implementation, " and ".join(sorted(forms)),
                      lambda: "the fused kernels have no place for the 1x1 convolutions between the transforms")

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, plane={}x{}, paths={}, residual={}, norm={}, implementation={}".format(
            self.in_channels, self.out_channels, self.plane[0], self.plane[1], self.paths, self.residual, self.norm,
            self.implementation)
