"""Builders of whole networks, dense and replaced."""

import copy
from typing import Any, Dict

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness.plan import Case, Subject
from suites.builders.subject import options, seeded, subject_of
from suites.layers.debut import DebutConv2d, DebutLinear, published_chains
from suites.layers.lhc import FrozenLhcConv2d, draw_masks, freeze, lhc_layers
from suites.networks import build, count_parameters
from suites.networks.macs import count_macs

#: Inputs from which the batch norms take their statistics, so that activations stay in a sane range: many where they
#: are small, since a norm over few values blows up what hardly varies among them.
CALIBRATION_NUMBERS, LEAST_IMAGES, MOST_IMAGES = 100000, 4, 32
#: What a network without batch norm or with dozens of layers may add up to, relative to its scores.
TOLERANCE = 1e-3


def network(case: Case, x: torch.Tensor) -> Subject:
    """A network by name; options are those of ``suites.networks.build``, ``chains`` by published name.

    ``density`` (LHC) draws masks of that density and puts the block-sparse inference form in place.
    """
    chosen = options(case)
    module = seeded(lambda: make_network(chosen, tuple(x.shape[1:])), case)
    macs = count_macs(module, x[:1].cpu().to(next(module.parameters()).dtype)) * x.shape[0]

    def reference(_: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(batch.requires_grad):
            return dense_form(module)(batch)

    used = sorted({str(form) for form in (getattr(layer, "implementation_used", None) for layer in module.modules())
                   if form})
    subject = subject_of(case, x, module, reference, macs)
    subject = subject._replace(parameters=count_parameters(module), tolerance=TOLERANCE,
                               implementation=", ".join(used) or "torch")
    if chosen.get("variant") == "mf":
        return subject._replace(reference=None, reference_reason=(
            "the sign of a value near zero flips between precisions, and whole networks have such values; the layer "
            "itself is checked alone"))
    return subject


def make_network(chosen: Dict[str, Any], input_shape: Any) -> nn.Module:
    """Return the network that a case's options name, ready for inference, with the statistics of its batch norms."""
    asked = dict(chosen)
    density = asked.pop("density", None)
    if "chains" in asked:
        asked["chains"] = published_chains(asked["chains"])
    made = build(asked.pop("network"), input_shape=input_shape, **asked)
    if density is not None:
        draw_masks(made, density)
        for layer in lhc_layers(made):
            # The weights that are left carry the signal of all, as trained ones do; else deep layers see nothing.
            layer.weight.data.mul_(density ** -0.5)
        freeze(made)
    images = min(MOST_IMAGES, max(LEAST_IMAGES, CALIBRATION_NUMBERS // torch.zeros(input_shape).numel()))
    calibrate(made, torch.randn((images,) + tuple(input_shape)))
    return made.eval()


def calibrate(module: nn.Module, batch: torch.Tensor) -> None:
    """Set the moving statistics of every batch norm to those of ``batch``, as training would leave them."""
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 1.0
    with torch.no_grad():
        module.train()(batch)
    for layer, momentum in zip(norms, momenta):
        layer.momentum = momentum


def dense_form(module: nn.Module) -> nn.Module:
    """Return a float64 copy on the CPU with every structured layer in its dense form: matrices and convolutions."""
    exact = copy.deepcopy(module).cpu().double().eval()
    for parent in list(exact.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, FrozenLhcConv2d):
                setattr(parent, name, _dense_convolution(child))
    for layer in exact.modules():
        if isinstance(layer, (DebutConv2d, DebutLinear)):
            layer.implementation = "product"
        elif hasattr(layer, "implementation"):
            layer.implementation = "matrix"  # type: ignore[assignment]
    return exact


def _dense_convolution(layer: FrozenLhcConv2d) -> nn.Module:
    made = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,  # type: ignore[arg-type]
                     layer.padding, bias=layer.bias is not None).double()  # type: ignore[arg-type]
    with torch.no_grad():
        made.weight.copy_(layer.dense_weight())
        if layer.bias is not None and made.bias is not None:
            made.bias.copy_(layer.bias)
    return made
