"""Builders of the convolutions the transform layers want to replace, and of squeeze-and-excite."""

from typing import Dict

import torch
from torch import nn

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded, subject_of
from suites.kernels import depthwise as kernel
from suites.kernels.prepared import Held, Own, Prepared, parameters
from suites.layers.counts import convolution_macs
from suites.layers.squeeze_excite import SqueezeExcite


def convolution(case: Case, x: torch.Tensor) -> Subject:
    """Same-padding convolution with bias and ReLU; options ``kernel`` (1), ``out_channels`` (as in), ``stride``."""
    images, channels = x.shape[:2]
    chosen = options(case)
    kernel, stride = chosen.get("kernel", 1), chosen.get("stride", 1)
    out_channels = chosen.get("out_channels", channels)
    module = seeded(lambda: nn.Sequential(
        nn.Conv2d(channels, out_channels, kernel, stride=stride, padding=kernel // 2), nn.ReLU(inplace=True)), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return torch.relu(dense.convolution(batch, weights["0.weight"], weights["0.bias"], stride))

    plane_out = -(-x.shape[2] // stride) * -(-x.shape[3] // stride)
    return subject_of(case, x, module, reference,
                      convolution_macs(images, plane_out, channels, out_channels, kernel * kernel))


def depthwise_separable(case: Case, x: torch.Tensor) -> Subject:
    """Depthwise 3x3 then pointwise 1x1 convolution, ReLU at the end; option ``out_channels`` (as in)."""
    images, channels, height, width = x.shape
    out_channels = options(case).get("out_channels", channels)
    module = seeded(lambda: nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, out_channels, 1),
        nn.ReLU(inplace=True)), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        middle = dense.depthwise(batch, weights["0.weight"], weights["0.bias"])
        return torch.relu(dense.convolution(middle, weights["1.weight"], weights["1.bias"]))

    return subject_of(case, x, module, reference,
                      convolution_macs(images, height * width, channels, channels, 9, groups=channels)
                      + convolution_macs(images, height * width, channels, out_channels))


def linear(case: Case, x: torch.Tensor) -> Subject:
    """Dense layer with bias on (N, features); option ``out_features`` (as in)."""
    rows, features = x.shape
    out_features = options(case).get("out_features", features)
    module = seeded(lambda: nn.Linear(features, out_features), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return (batch.unsqueeze(1) * weights["weight"]).sum(2) + weights["bias"]

    return subject_of(case, x, module, reference, rows * features * out_features)


def depthwise(case: Case, x: torch.Tensor) -> Subject:
    """Depthwise 3x3 convolution with bias."""
    images, channels, height, width = x.shape
    module = seeded(lambda: nn.Conv2d(channels, channels, 3, padding=1, groups=channels), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return dense.depthwise(batch, weights["weight"], weights["bias"])

    return subject_of(case, x, module, reference,
                      convolution_macs(images, height * width, channels, channels, 9, groups=channels))


def _of_convolution(own: Own) -> Held:
    return parameters(own["_modules"]["conv"].__dict__)


class OwnDepthwise(nn.Module):
    """A depthwise 3x3 convolution run by this project's kernel, and perhaps a ReLU."""

    def __init__(self, conv: nn.Conv2d, relu: bool) -> None:
        super().__init__()
        self.conv, self.relu = conv, relu
        self._prepared = Prepared(("relu",), _of_convolution)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the convolution of ``x`` (N, C, H, W); there is no gradient."""
        own = self.__dict__
        call = own["_prepared"].find(x, own)  # the layers it is held against keep their calls ready, too
        if call is None:
            weights = self.conv.weight, self.conv.bias
            call = kernel.prepare(x, *weights, 1, kernel.PRODUCT)
            self._prepared.keep(x, own, weights, call)
        y = call(x)
        return torch.relu_(y) if self.relu else y


def own_depthwise(case: Case, x: torch.Tensor) -> Subject:
    """Depthwise 3x3 convolution with bias by the project's own kernel; option ``relu`` (no).

    torch's own leaves much of a CPU unused, and a ratio to it would flatter the layers that replace it. Raises
    ``RuntimeError`` where there is no such kernel.
    """
    images, channels, height, width = x.shape
    relu = bool(options(case).get("relu", False))
    problem = kernel.reason(x)
    if problem is not None:
        raise RuntimeError("no depthwise kernel runs here: {}".format(problem))
    module = seeded(lambda: OwnDepthwise(nn.Conv2d(channels, channels, 3, padding=1, groups=channels), relu), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        y = dense.depthwise(batch, weights["conv.weight"], weights["conv.bias"])
        return torch.relu(y) if relu else y

    return subject_of(case, x, module, reference,
                      convolution_macs(images, height * width, channels, channels, 9, groups=channels), "own kernel")


def squeeze_excite(case: Case, x: torch.Tensor) -> Subject:
    """Squeeze-and-excite with a quarter of the channels in the middle."""
    images, channels = x.shape[:2]
    module = seeded(lambda: SqueezeExcite(channels), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return dense.squeeze_excite(batch, (weights["squeeze.weight"], weights["squeeze.bias"]),
                                    (weights["excite.weight"], weights["excite.bias"]))

    return subject_of(case, x, module, reference, 2 * images * channels * (channels // 4))
