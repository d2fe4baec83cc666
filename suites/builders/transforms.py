"""Builders of the Walsh-Hadamard layers in each of their forms."""

from typing import Dict, Optional, Tuple

import torch

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded, subject_of
from suites.layers.bwht1d import BlockWalshHadamard1d, block_starts, largest_block_size
from suites.layers.counts import block_wht1d_macs, ht_macs, wht1d_macs, wht2d_macs
from suites.layers.ht_perceptron import HTPerceptron
from suites.layers.matrices import transform_size
from suites.layers.operations import (
    block_wht1d_operations,
    ht_operations,
    wht1d_operations,
    wht2d_operations,
)
from suites.layers.planes import plane_form
from suites.layers.wht1d import WalshHadamard1d
from suites.layers.wht2d import WalshHadamard2d


def wht1d(case: Case, x: torch.Tensor) -> Subject:
    """The 1-D layer; options ``out_channels`` (as in) and ``keep_first`` (coefficient 0 untouched)."""
    images, channels, height, width = x.shape
    chosen = options(case)
    out_channels, keep_first = chosen.get("out_channels", channels), chosen.get("keep_first", False)
    # No randomness in these weights: the papers' ramps are part of the layer.
    module = WalshHadamard1d(channels, out_channels, keep_first, implementation=plain_form(case))

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return dense.wht1d(batch, weights["threshold"], out_channels, keep_first)

    form, reason = module.choose(x)
    size = (images * height * width, channels, out_channels, form)
    subject = subject_of(case, x, module, reference, wht1d_macs(*size), form, reason)
    return subject._replace(operations=wht1d_operations(*size))


def wht2d(case: Case, x: torch.Tensor) -> Subject:
    """The 2-D layer over the input's plane; option ``stride`` (1)."""
    images, channels, height, width = x.shape
    stride = options(case).get("stride", 1)
    module = WalshHadamard2d((height, width), stride, implementation=plain_form(case))

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return dense.wht2d(batch, weights["weight"], weights["threshold"], stride)

    form, reason = module.choose(x)
    size = (images * channels, height, width) + plane_forms(x, form, case)
    subject = subject_of(case, x, module, reference, wht2d_macs(*size), form, reason)
    return subject._replace(operations=wht2d_operations(*size))


def plain_form(case: Case) -> str:
    """Return the form the layer itself is to take; a compiled case names it in its option ``form``."""
    return str(options(case).get("form", case.implementation))


def plane_forms(x: torch.Tensor, form: str, case: Case, sizes: Optional[Tuple[int, int]] = None) -> Tuple[str, str]:
    """Return the forms along height and width, where ``form`` is what the layer says it runs."""
    if case.implementation != "auto" or form == "fused":
        return form, form
    size = transform_size(*x.shape[2:])
    rows, columns = sizes or (size, size)
    return plane_form(x, 2, rows, "auto"), plane_form(x, 3, columns, "auto")


def block_wht1d(case: Case, x: torch.Tensor) -> Subject:
    """The 1-D block layer; options ``out_channels`` (as in), ``block_size`` (the largest that fits), ``stride``."""
    images, channels, height, width = x.shape
    chosen = options(case)
    out_channels, stride = chosen.get("out_channels", channels), chosen.get("stride", 1)
    block_size = chosen.get("block_size") or largest_block_size(channels, out_channels)
    module = BlockWalshHadamard1d(channels, out_channels, block_size, stride, plain_form(case))

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return dense.block_wht1d(batch, weights["weight"], weights["threshold"], out_channels, stride)

    form, reason = module.choose(x)
    vectors = images * -(-height // stride) * -(-width // stride)
    blocks = len(block_starts(channels, out_channels, block_size))
    size = (vectors, blocks, block_size, form)
    subject = subject_of(case, x, module, reference, block_wht1d_macs(*size), form, reason)
    return subject._replace(operations=block_wht1d_operations(*size))


def ht_perceptron(case: Case, x: torch.Tensor) -> Subject:
    """The HT-perceptron layer; options ``out_channels`` (as in) and ``paths`` (3)."""
    images, channels, height, width = x.shape
    chosen = options(case)
    out_channels, paths = chosen.get("out_channels", channels), chosen.get("paths", 3)
    module = seeded(lambda: HTPerceptron(channels, out_channels, (height, width), paths,
                                         implementation=case.implementation), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return dense.ht_perceptron(batch, weights["weight"], weights["scale"], weights["threshold"])

    with torch.set_grad_enabled(case.mode == "training"):
        form, reason = module.choose(x)
    sizes = (transform_size(height), transform_size(width))
    size = (images, channels, out_channels, (height, width), paths) + plane_forms(x, form, case, sizes)
    subject = subject_of(case, x, module, reference, ht_macs(*size), form, reason)
    return subject._replace(operations=ht_operations(*size))
