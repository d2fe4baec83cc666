"""Builder of the block-sparse inference form of the learnable heterogeneous convolution."""

from typing import Dict, Tuple, Union

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

    module, kept, whole = _in_form(seeded(make, case), form)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        # The frozen layer's is made again: its dense kernel and mask, held meanwhile, would weigh in the memory pass.
        trained = module if isinstance(module, LhcConv2d) else seeded(make, case)
        kernel = trained.weight.detach().cpu().double() * trained.mask().detach().cpu().double()
        return dense.convolution(batch, kernel, weights["bias"])

    work = whole if form == "masked" else kept
    subject = subject_of(case, x, module, reference, images * height * width * work)
    if isinstance(module, FrozenLhcConv2d):
        ran, reason = module.choose(x)
        subject = subject._replace(implementation=ran, reason=reason)
    return subject._replace(parameters=kept + out_channels)


def _in_form(trained: LhcConv2d, form: str) -> Tuple[Union[LhcConv2d, FrozenLhcConv2d], int, int]:
    """Return the layer in ``form``, how many weights its mask keeps and how many there are."""
    module = trained if form == "masked" else trained.freeze(form)
    return module, int(trained.kept()), trained.weight.numel()
