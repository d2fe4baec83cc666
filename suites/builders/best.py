"""The layers to beat: the fastest convolution and the fastest dense layer this machine has, found by trying."""

from typing import Any, Dict, Optional, Tuple

import torch
from torch import nn

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded, subject_of
from suites.kernels.baselines import Convolution, best_convolution, convolutions
from suites.kernels.fastest import fastest, hot_sampler
from suites.layers.counts import convolution_macs

FOUND_BEFORE = "the fastest when the run began"


class BestConvolution(nn.Module):
    """A convolution run the ``way`` it is told, which owns the weights in the form it needs."""

    def __init__(self, way: Convolution) -> None:
        super().__init__()
        self.way = way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` in the way's own layout."""
        return self.way.run(x)


def convolution(case: Case, x: torch.Tensor) -> Subject:
    """The fastest same-padding convolution here, with bias.

    Options: ``kernel`` (1), ``groups`` (1), ``out_channels`` (as in), ``stride`` (1), ``relu`` (true: one follows).

    Tried are ``F.conv2d``, oneDNN called directly and oneDNN on weights packed beforehand, all in both memory
    formats, each on an input already in its layout, as a network in that layout would hand it over. Pinned are the
    ``form`` that was found and its ``memory_format``, so that every pass and launch of a run times the same, on an
    input made in that layout. Nothing of the search is kept: the subject holds its weights once.

    Raises ``ValueError`` for a case that trains, and for ``groups`` other than 1 or the channels.
    """
    if case.mode != "inference":
        raise ValueError("the best convolution is for inference: use builders.convolutions for training")
    images, channels, height, width = x.shape
    chosen, dtype = options(case), x.dtype
    kernel, groups, stride = chosen.get("kernel", 1), chosen.get("groups", 1), chosen.get("stride", 1)
    out_channels = chosen.get("out_channels", channels)
    if groups not in (1, channels):
        raise ValueError("groups of {} for {} channels have no reference: use 1 or {}".format(
            groups, channels, channels))

    def made() -> nn.Conv2d:
        return seeded(lambda: nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2, groups=groups), case)

    conv = made().to(x.device, x.dtype)
    assert conv.bias is not None
    parameters = conv.weight.numel() + conv.bias.numel()
    way, reason = find(case, x, conv.weight.detach(), conv.bias.detach())
    del conv
    given = x.contiguous(memory_format=way.memory_format)
    layout = "channels_last" if way.memory_format is torch.channels_last else "contiguous"
    relu = chosen.get("relu", True)

    def reference(_: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        # Made again from the seed, since the way may hold its weights in an order of its own.
        again = made().to(dtype)
        assert again.bias is not None
        weight, bias = again.weight.detach().double(), again.bias.detach().double()
        y = (dense.convolution if groups == 1 else dense.depthwise)(batch, weight, bias, stride)
        return torch.relu(y) if relu else y

    plane_out = -(-height // stride) * -(-width // stride)
    subject = subject_of(case._replace(memory_format=layout), given, BestConvolution(way), reference,
                         convolution_macs(images, plane_out, channels, out_channels, kernel * kernel, groups=groups),
                         "{} ({})".format(way.name, way.backend), reason)
    return subject._replace(pinned=(("form", way.name), ("memory_format", layout)), parameters=parameters)


def find(case: Case, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Tuple[Convolution, str]:
    """Return the way that ``case`` names, or the fastest, and in words how it was chosen."""
    chosen = options(case)
    form = chosen.get("form")
    with torch.no_grad():
        ways = convolutions(x, weight, bias, weight.shape[2] // 2, chosen.get("groups", 1), form and [form],
                            chosen.get("stride", 1), chosen.get("relu", True))
        if form is not None:
            return ways[0], FOUND_BEFORE
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = bool(chosen.get("tf32", False))  # as it will be timed
        try:
            way, seconds = best_convolution(x, ways)
        finally:
            torch.backends.cudnn.allow_tf32 = before
    return way, _told(seconds)


class Linear(nn.Module):
    """A dense layer by ``F.linear``, or by oneDNN on weights packed for ``rows`` rows."""

    def __init__(self, form: str, weight: torch.Tensor, bias: torch.Tensor, rows: int) -> None:
        super().__init__()
        self.form, self.bias = form, bias
        self.weight = weight if form == "F.linear" else torch.ops.mkldnn._reorder_linear_weight(weight, rows)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x W' + b."""
        if self.form == "F.linear":
            return nn.functional.linear(x, self.weight, self.bias)
        y: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y


def linear(case: Case, x: torch.Tensor) -> Subject:
    """The fastest dense layer with bias on (N, features) here; option ``out_features`` (as in). Pins its ``form``.

    Raises ``ValueError`` for a case that trains.
    """
    if case.mode != "inference":
        raise ValueError("the best dense layer is for inference: use builders.convolutions for training")
    (rows, features), dtype = x.shape, x.dtype
    out_features = options(case).get("out_features", features)

    def made() -> nn.Linear:
        return seeded(lambda: nn.Linear(features, out_features), case)

    layer = made().to(x.device, x.dtype)
    weight, bias = layer.weight.detach(), layer.bias.detach()
    del layer
    best, reason = _best_linear(x, weight, bias, options(case).get("form"))

    def reference(_: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        again = made().to(dtype)
        return (batch.unsqueeze(1) * again.weight.detach().double()).sum(2) + again.bias.detach().double()

    subject = subject_of(case, x, best, reference, rows * features * out_features, best.form, reason)
    return subject._replace(pinned=(("form", best.form),), parameters=weight.numel() + bias.numel())


def _best_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor,
                 form: Optional[str]) -> Tuple[Linear, str]:
    found = []
    with torch.no_grad():
        for name in ("F.linear", "oneDNN prepacked"):
            if form not in (None, name):
                continue
            try:
                one = Linear(name, weight, bias, x.shape[0])
                one(x)
            except (RuntimeError, AttributeError):
                continue  # no such operator in this torch, for this type or on this device
            found.append(one)
        if not found:
            raise ValueError("no dense layer called {} runs here: start a new run".format(form))
        if form is not None:
            return found[0], FOUND_BEFORE
        index, seconds = fastest([_bound(one, x) for one in found], hot_sampler(x.device.type))
    return found[index], _told({one.form: value for one, value in zip(found, seconds)})


def _bound(layer: Linear, x: torch.Tensor) -> Any:
    return lambda: layer(x)


def _told(seconds: Dict[str, float]) -> str:
    return "the fastest of {}".format(", ".join(
        "{} {:.3g} ms".format(name, 1e3 * value) for name, value in sorted(seconds.items(), key=_second)))


def _second(pair: Tuple[str, float]) -> float:
    return pair[1]
