"""Builders of whole networks, dense and replaced."""

import copy
import functools
from typing import Any, Dict, Optional, Tuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness.plan import Case, Subject
from suites.builders.best import FOUND_BEFORE
from suites.builders.subject import options, seeded, subject_of
from suites.kernels.fastest import Search, fastest, hot_sampler
from suites.layers.debut import DebutConv2d, DebutLinear, published_chains
from suites.layers.lhc import FrozenLhcConv2d, draw_masks, freeze, lhc_layers
from suites.networks import build, count_parameters
from suites.networks.inference import DEFAULT, forms_for, inference_form, input_format
from suites.networks.macs import count_macs

#: Inputs from which the batch norms take their statistics, so that activations stay in a sane range: many where they
#: are small, since a norm over few values blows up what hardly varies among them.
CALIBRATION_NUMBERS, LEAST_IMAGES, MOST_IMAGES = 100000, 4, 32
#: What a network without batch norm or with dozens of layers may add up to, relative to its scores.
TOLERANCE = 1e-3
LAYOUTS = {torch.contiguous_format: "contiguous", torch.channels_last: "channels_last"}
#: Whole networks differ by more than a sample's scatter, and the slowest ones take long.
SEARCH = Search(most_warm_s=0.2, rounds=3, budget_s=2.0)


def network(case: Case, x: torch.Tensor) -> Subject:
    """A network by name; options are those of ``suites.networks.build``, ``chains`` by published name.

    ``engine`` is passed over: it says whom the case stands for among other engines.
    ``density`` (LHC) draws masks of that density and puts the block-sparse inference form in place. The case's
    implementation is a form of ``suites.networks.inference``; without one, the fastest found here is taken and pinned
    as ``form``. Parameters and multiply-adds are those of the network as it was trained.

    Raises ``ValueError`` for a case that trains and for unknown names.
    """
    if case.mode != "inference":
        raise ValueError("whole networks are for inference: use mode='inference'")
    # Tensors made in inference mode have no version, and kernels would pack such weights anew in every call.
    with torch.inference_mode(False):
        return _network(case, x)


def _network(case: Case, x: torch.Tensor) -> Subject:
    chosen = options(case)
    # among engines a case is named after torch, not after the form
    form = chosen.pop("form", "" if chosen.pop("engine", None) else case.implementation) or None
    shape, dtype = tuple(x.shape[1:]), x.dtype

    def made() -> nn.Module:
        return seeded(lambda: make_network(chosen, shape), case)

    module = made().to(x.device, dtype)
    parameters, macs = count_parameters(module), count_macs(module, x[:1]) * x.shape[0]
    reason: Optional[str] = None
    if form is None:
        form, reason = _fastest_form(module, x)
    elif "form" in dict(case.options):
        reason = FOUND_BEFORE
    # The folded network holds its weights in an order and on a scale of its own: the reference is made again.
    wanted = input_format(module, x, form)
    given, layout = x.contiguous(memory_format=wanted), LAYOUTS[wanted]
    module = inference_form(module, given, form)

    def reference(_: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return dense_form(made().to(dtype))(batch)

    subject = subject_of(case._replace(memory_format=layout), given, module, reference, macs)
    subject.call()  # a layer knows its form from its first call
    used = sorted({str(used) for used in (getattr(layer, "implementation_used", None) for layer in module.modules())
                   if used})
    subject = subject._replace(parameters=parameters, tolerance=TOLERANCE, reason=reason,
                               pinned=(("form", form), ("memory_format", layout)),
                               implementation="; layers ".join([form] + [", ".join(used)] * bool(used)))
    if chosen.get("variant") == "mf":
        return subject._replace(reference=None, reference_reason=(
            "the sign of a value near zero flips between precisions, and whole networks have such values; the layer "
            "itself is checked alone"))
    return subject


def _fastest_form(module: nn.Module, x: torch.Tensor) -> Tuple[str, str]:
    """Return the fastest form of ``module``, which stays as it is, and in words how it was chosen."""
    calls, found = [], []
    with torch.no_grad():
        for form in forms_for(module, x):
            given = x.contiguous(memory_format=input_format(module, x, form))
            try:
                call = functools.partial(inference_form(copy.deepcopy(module), given, form), given)
                call()
            except (RuntimeError, AttributeError):
                if form == DEFAULT:
                    raise
                continue  # this torch has no such operator: the reason lists the forms there are
            calls.append(call)
            found.append(form)
        index, seconds = fastest(calls, hot_sampler(x.device.type), SEARCH)
    told = sorted(zip(seconds, found))
    return found[index], "the fastest of {}".format(", ".join(
        "{} {:.3g} ms".format(form, 1e3 * value) for value, form in told))


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
