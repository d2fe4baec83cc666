"""The HT-perceptron layer: a 3x3 convolution as 1x1 convolutions between two plane transforms."""

import math
from typing import Any, Optional, Tuple, Union

import torch
from torch import nn

from suites.kernels import ht as kernel
from suites.kernels.prepared import Prepared
from suites.layers.base import TransformLayer
from suites.layers.choices import check_choice
from suites.layers.ht_fused import FUSED, fused_problem, options_of
from suites.layers.ht_paths import run_paths
from suites.layers.implementations import Choice, choose
from suites.layers.matrices import next_power_of_two
from suites.layers.planes import plane_form
from suites.layers.ready import ReadyCalls, may_be_ready
from suites.torch_modes import tracing


class HTPerceptron(ReadyCalls, TransformLayer):
    """Transform the plane, sum ``paths`` of (scale, 1x1 convolution, soft threshold), transform back.

    From the successor of the two papers (2305.17510). Height and width are each padded with zeros to a power of two
    and cropped at the end. Path p has ``scale[p]`` (uniform in [0, 1) at first) and ``threshold[p]`` (uniform in
    [0, 0.1), negative values act as 0), both of the padded plane's size and shared by all channels, and
    ``weight[p]`` (out_channels, in_channels) without bias: paths * (in * out + 2 * Hp * Wp) parameters.
    ``residual`` adds the input.

    ``norm`` is that of the forward transform as in ``torch.fft``: ``ortho`` (the later code), or ``backward`` (the
    code behind the published ResNet-20 results), which leaves the thresholds on a larger scale.

    Input (N, in_channels, H, W) with (H, W) = ``plane``, output (N, out_channels, H, W). ``implementation`` is as in
    :class:`~suites.layers.wht2d.WalshHadamard2d`: ``fused`` is the whole layer in one kernel, the others are forms of
    the transforms around stock 1x1 convolutions. Backward runs in stock operations, and would have to repeat what the
    kernel does not keep: ``auto`` takes stock operations wherever a gradient is asked for, save in a trace.

    Raises ``ValueError`` for fewer than one path, an unknown ``norm`` or ``implementation``, and a residual between
    different numbers of channels.
    """

    def __init__(self, in_channels: int, out_channels: int, plane: Union[int, Tuple[int, int]], paths: int = 3,
                 residual: bool = False, norm: str = "ortho", implementation: str = "auto", device: Any = None,
                 dtype: Optional[torch.dtype] = None) -> None:
        super().__init__(implementation)
        self._prepared = Prepared(("implementation", "plane", "sizes", "norm", "residual"))
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
        """Return the layer's output for ``x`` (N, in_channels, H, W); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() != 4 or tuple(x.shape[1:]) != (self.in_channels,) + self.plane:
            raise ValueError("HTPerceptron made for {} channels of {}x{} needs an input of shape (N, {}, {}, {}), "
                             "got {}: make the layer for the input's channels and plane".format(
                                 self.in_channels, *self.plane, self.in_channels, *self.plane, tuple(x.shape)))
        tables = self.weight, self.scale, self.threshold
        if self.form_for(x) == "fused":
            if may_be_ready(x):
                spec = kernel.Spec(self.plane, self.sizes, self.norm, self.residual)
                return self._keep(x, tables, kernel.prepare(x, *tables, spec))(x)
            return FUSED(x, *tables, *options_of(self.plane, self.sizes, self.norm, self.residual))
        y = run_paths(x, *tables, self.plane, self.norm, self.implementation)
        return y + x if self.residual else y

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form of the transforms that runs on ``x`` and why, without running it."""
        forms = {plane_form(x, dim, self.sizes[dim - 2], "auto") for dim in (2, 3)}
        return choose(self.implementation, " and ".join(sorted(forms)), lambda: self._fused_problem(x))

    def depends_on(self, x: torch.Tensor) -> Tuple[Any, ...]:
        """Return all that :meth:`choose` goes by beside the kind of ``x`` and whether gradients are recorded."""
        return self.weight_kind() + (self._wants_gradient(x),)

    def _wants_gradient(self, x: torch.Tensor) -> bool:
        return torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters()))

    def _fused_problem(self, x: torch.Tensor) -> Optional[str]:
        # A trace is for calls of either kind, and torch makes its second one, the check, without gradients.
        if self._wants_gradient(x) and self.implementation == "auto" and not tracing():
            return "a gradient is asked for, and the kernel keeps nothing of its work: doing it again would cost more"
        return fused_problem(x, self.weight, self.implementation)

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, plane={}x{}, paths={}, residual={}, norm={}, implementation={}".format(
            self.in_channels, self.out_channels, self.plane[0], self.plane[1], self.paths, self.residual, self.norm,
            self.implementation)
