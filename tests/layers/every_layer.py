"""Every layer in every form, small: what the tests of torch's own machinery go over."""

from typing import Any, Iterable, List

import pytest
import torch
from torch import nn

from suites.kernels import why_not_fused
from suites.layers import (
    BlockWalshHadamard1d,
    HTPerceptron,
    MultiplicationFreeDepthwise2d,
    MultiplicationFreeLinear,
    SqueezeExcite,
    WalshHadamard1d,
    WalshHadamard2d,
)
from suites.layers.debut import DebutConv2d, DebutLinear
from suites.layers.lhc import LhcConv2d

#: All layers take an input of this shape.
SHAPE = (2, 16, 6, 8)
#: Why there is no fused kernel for such an input on this machine, or ``None``.
NO_KERNEL = why_not_fused(torch.zeros(SHAPE))
FUSED = ("fused",) if NO_KERNEL is None else ()
FORMS = ("matrix", "two-stage", "butterfly") + FUSED
_TRANSFORMS = {
    "1-D": lambda form: WalshHadamard1d(16, implementation=form),
    "1-D to 20 in sequency order": lambda form: WalshHadamard1d(16, 20, True, "sequency", form),
    "2-D": lambda form: WalshHadamard2d((6, 8), implementation=form),
    "2-D in sequency order with stride": lambda form: WalshHadamard2d((6, 8), 2, "sequency", form),
    "block": lambda form: BlockWalshHadamard1d(16, 16, 4, implementation=form),
    "block to 24 with stride": lambda form: BlockWalshHadamard1d(16, 24, 4, 2, form),
    "block to 5": lambda form: BlockWalshHadamard1d(16, 5, 8, implementation=form),
}


class Warming(LhcConv2d):
    """An LHC layer during mask warm-up: half of its outputs use their mask."""

    def __init__(self):
        super().__init__(16, 8, 3, padding=1, group_in=4, group_out=4)
        self.masked = torch.arange(8) % 2 == 0


def _frozen(form, stride=1):
    layer = LhcConv2d(16, 8, 3, stride, 1, group_in=4, group_out=4)
    return layer.freeze(form)


MAKERS = {"{}, {}".format(name, form): (lambda make=make, form=form: make(form))
          for name, make in _TRANSFORMS.items() for form in FORMS}
MAKERS.update({"HT-perceptron, {}".format(form): (lambda form=form: HTPerceptron(16, 16, (6, 8), 2, True, "backward",
                                                                                  form))
               for form in ("auto",) + FORMS})
for _form in ("stock",) + FUSED:
    for _member in ("sum", "min", "match-min"):
        MAKERS["multiplication-free depthwise, {}, {}".format(_member, _form)] = (
            lambda member=_member, form=_form: MultiplicationFreeDepthwise2d(
                16, member=member, bias=True, stride=2, implementation=form))
        MAKERS["multiplication-free linear, {}, {}".format(_member, _form)] = (
            lambda member=_member, form=_form: MultiplicationFreeLinear(8, 5, member=member, implementation=form))
for _form in ("auto", "blocks", "grouped", "product") + FUSED:
    MAKERS["DeBut linear, " + _form] = lambda form=_form: DebutLinear(8, 4, implementation=form)
    MAKERS["DeBut convolution, " + _form] = (
        lambda form=_form: DebutConv2d(16, 8, 3, padding=1, implementation=form))
    MAKERS["DeBut convolution by taps, " + _form] = (
        lambda form=_form: DebutConv2d(16, 8, 3, padding=1, order="tap", implementation=form))
for _form in ("auto", "shifted", "gathered") + FUSED:
    MAKERS["LHC, frozen, " + _form] = lambda form=_form: _frozen(form)
MAKERS.update({
    "1-D, auto": lambda: WalshHadamard1d(16),
    "2-D, auto": lambda: WalshHadamard2d((6, 8)),
    "block, auto": lambda: BlockWalshHadamard1d(16),
    "LHC, free": lambda: LhcConv2d(16, 8, 3, padding=1, group_in=4, group_out=4),
    "LHC, rigid": lambda: LhcConv2d(16, 8, 3, padding=1, shape="rigid", group_in=4, group_out=4),
    "LHC, warming up": Warming,
    "multiplication-free depthwise, auto": lambda: MultiplicationFreeDepthwise2d(16, member="min"),
    "multiplication-free linear, auto": lambda: MultiplicationFreeLinear(8, 5, member="match-min"),
    "LHC, frozen with stride": lambda: _frozen("auto", 2),
    "squeeze-excite": lambda: SqueezeExcite(16),
})
NAMES = sorted(MAKERS)
#: One layer of each family, for what takes long.
FAMILIES = [name for name in (
    "1-D, two-stage", "2-D, butterfly", "block, matrix", "1-D, fused", "2-D, fused", "block, fused",
    "HT-perceptron, auto", "HT-perceptron, fused", "DeBut convolution, blocks", "DeBut convolution, fused",
    "DeBut linear, grouped", "LHC, free", "LHC, warming up", "LHC, frozen, gathered", "LHC, frozen, fused",
    "multiplication-free linear, min, stock", "multiplication-free linear, min, fused",
    "multiplication-free depthwise, sum, stock", "multiplication-free depthwise, sum, fused",
    "squeeze-excite") if name in MAKERS]


def breadth(names: Iterable[str]) -> List[Any]:
    """Return ``names`` to run a test over: one of each family always, the others where time is asked for."""
    return [pytest.param(name, marks=() if name in FAMILIES else pytest.mark.slow) for name in names]


def make(name: str, seed: int = 0) -> nn.Module:
    """Return the layer with seeded weights."""
    torch.manual_seed(seed)
    return MAKERS[name]()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return seeded normal noise, by default of :data:`SHAPE`."""
    return torch.randn(*(shape or SHAPE), generator=torch.Generator().manual_seed(seed))
