"""Builder of the block-sparse inference form of the learnable heterogeneous convolution."""

from typing import Dict

import torch

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded, subject_of
from suites.layers.lhc import FrozenLhcConv2d, LhcConv2d, draw_masks


def lhc(case: Case, x: torch.Tensor) -> Subject:
    """A same-padding 3x3 layer with bias; options ``out_channels`` (as in), ``density``.

    Implementation ``masked`` is the training form (full kernel times mask), others are forms of the frozen layer.
    """
    images, channels, height, width = x.shape
    chosen = options(case)
    out_channels, density = chosen.get("out_channels", channels), chosen["density"]
    form = case.implementation or "auto"

    def make() -> LhcConv2d:
        layer = LhcConv2d(channels, out_channels, 3, padding=1)
        draw_masks(layer, density)
        return layer

    trained = seeded(make, case)
    assert isinstance(trained, LhcConv2d)
    module = trained if form == "masked" else trained.freeze(form)
    kept = int(trained.kept())
    mask = trained.mask().detach()

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        kernel = trained.weight.detach().cpu().double() * mask.double()
        return dense.convolution(batch, kernel, weights["bias"])

    work = trained.weight.numel() if form == "masked" else kept
    subject = subject_of(case, x, module, reference, images * height * width * work)
    if isinstance(module, FrozenLhcConv2d):
        ran, reason = module.choose(x)
        subject = subject._replace(implementation=ran, reason=reason)
    return subject._replace(parameters=kept + out_channels)
