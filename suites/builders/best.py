"""The convolution to beat: the fastest one this machine has, found by trying."""

import time
from typing import Any, Callable, Dict, Tuple

import torch
from torch import nn

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded, subject_of
from suites.kernels.baselines import Convolution, best_convolution, convolutions
from suites.layers.counts import convolution_macs

#: Turns of trying beside the first: enough to tell forms apart that differ, little enough for a slow board.
TURNS = 2


class BestConvolution(nn.Module):
    """Same-padding convolution with bias and ReLU, run the ``way`` it is told."""

    def __init__(self, conv: nn.Conv2d, way: Convolution) -> None:
        super().__init__()
        self.conv = conv
        self.way = way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(conv(x)) for ``x`` in the way's own layout."""
        return torch.relu_(self.way.run(x))


def convolution(case: Case, x: torch.Tensor) -> Subject:
    """The fastest same-padding convolution here, with bias and ReLU; options ``kernel`` (1) and ``groups`` (1).

    Tried are ``F.conv2d`` and oneDNN called directly, in both memory formats, each on an input already in its
    layout, as a network in that layout would hand it over. The option ``form`` names the one that was found, so
    that every pass and launch of a run times the same.
    """
    images, channels, height, width = x.shape
    kernel, groups = options(case).get("kernel", 1), options(case).get("groups", 1)
    if groups not in (1, channels):
        raise ValueError("groups of {} for {} channels have no reference: use 1 or {}".format(
            groups, channels, channels))
    conv = seeded(lambda: nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=groups), case)
    conv.to(x.device, x.dtype)
    assert conv.bias is not None
    way, reason = find(case, x, conv.weight.detach(), conv.bias.detach())
    given = x.contiguous(memory_format=way.memory_format)
    layout = "channels_last" if way.memory_format is torch.channels_last else "contiguous"

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        rule = dense.convolution if groups == 1 else dense.depthwise
        return torch.relu(rule(batch, weights["conv.weight"], weights["conv.bias"]))

    subject = subject_of(case._replace(memory_format=layout), given, BestConvolution(conv, way), reference,
                         convolution_macs(images, height * width, channels, channels, kernel * kernel, groups=groups),
                         "{} ({})".format(way.name, way.backend), reason)
    return subject._replace(pinned=(("form", way.name),))


def find(case: Case, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Tuple[Convolution, str]:
    """Return the way that ``case`` names, or the fastest, and in words how it was chosen."""
    form, groups = options(case).get("form"), options(case).get("groups", 1)
    with torch.no_grad():
        ways = convolutions(x, weight, bias, weight.shape[2] // 2, groups, names=form and [form])
        if form is not None:
            return ways[0], "the fastest when the run began"
        torch.backends.cudnn.allow_tf32 = False  # the choice is made among what will be timed
        way, seconds = best_convolution(x, ways, _clock(x.device.type), TURNS)
    return way, "the fastest of {}".format(", ".join(
        "{} {:.3g} ms".format(name, 1e3 * value) for name, value in sorted(seconds.items(), key=_second)))


def _second(pair: Tuple[str, float]) -> float:
    return pair[1]


def _clock(device: str) -> Callable[[], float]:
    if device != "cuda":
        return time.perf_counter

    def after_all_work() -> Any:
        torch.cuda.synchronize()
        return time.perf_counter()

    return after_all_work
