"""Builders of the multiplication-free layers; option ``member`` picks the operator."""

from typing import Dict

import torch

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded, subject_of
from suites.layers.counts import convolution_macs
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear
from suites.layers.operations import multiplication_free_operations


def depthwise(case: Case, x: torch.Tensor) -> Subject:
    """Depthwise 3x3 layer without bias, in the form that ``case`` names."""
    images, channels, height, width = x.shape
    member = options(case)["member"]
    module = seeded(lambda: MultiplicationFreeDepthwise2d(
        channels, member=member, implementation=case.implementation or "auto"), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return module.scale * dense.multiplication_free_depthwise(batch, weights["weight"], member)

    form, reason = module.choose(x)
    pairs = convolution_macs(images, height * width, channels, channels, 9, groups=channels)
    subject = subject_of(case, x, module, reference, pairs, form, reason)
    return subject._replace(operations=multiplication_free_operations(pairs, x.numel(), x.numel(), member))


def linear(case: Case, x: torch.Tensor) -> Subject:
    """Dense layer with bias on (N, features), in the form that ``case`` names."""
    rows, features = x.shape
    member = options(case)["member"]
    module = seeded(lambda: MultiplicationFreeLinear(
        features, features, member=member, implementation=case.implementation or "auto"), case)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        pairs = dense.multiplication_free(batch.unsqueeze(1), weights["weight"].unsqueeze(0), member)
        return module.scale * pairs.sum(2) + weights["bias"]

    form, reason = module.choose(x)
    pairs = rows * features * features
    subject = subject_of(case, x, module, reference, pairs, form, reason)
    return subject._replace(operations=multiplication_free_operations(pairs, x.numel(), x.numel(), member))
