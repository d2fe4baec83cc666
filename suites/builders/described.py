"""From a case to the description of its layer, with the weights and the float64 reference all suites have."""

from typing import Callable, Dict, NamedTuple, Optional, Tuple

import torch
from torch import nn

from harness.plan import Case
from suites.builders import dense
from suites.builders.networks import TOLERANCE, dense_form, make_network
from suites.builders.subject import options, seeded
from suites.layers.counts import convolution_macs, wht1d_macs, wht2d_macs
from suites.layers.squeeze_excite import SqueezeExcite
from suites.layers.wht1d import WalshHadamard1d
from suites.layers.wht2d import WalshHadamard2d
from suites.networks import count_parameters
from suites.networks.macs import count_macs
from suites.runtimes.describe import describe
from suites.runtimes.graph import Graph
from suites.runtimes.networks import describe_network

#: The name of a description that is a whole network.
NETWORK = "network"
#: Options that say how a network is run; all others say which.
HOW = ("graph", "engine", "form", "arithmetic")

Tensors = Dict[str, torch.Tensor]
Shape = Tuple[int, int, int, int]


class Layer(NamedTuple):
    """``graph``: the description. ``reference(x)``: the layer in float64. Counts are per call.

    ``tolerance``: the allowed largest error over the reference's root mean square, ``None`` for the type's default.
    """

    graph: Graph
    reference: Callable[[torch.Tensor], torch.Tensor]
    parameters: int
    macs: int
    tolerance: Optional[float] = None


class _Family(NamedTuple):
    make: Callable[[Shape, int], nn.Module]  # shape, out channels
    reference: Callable[[Tensors, torch.Tensor], torch.Tensor]
    macs: Callable[[Shape, int], int]


def layer(case: Case) -> Layer:
    """Return the layer that the option ``graph`` of ``case`` names; option ``out_channels`` (as in).

    ``network`` is a whole one, with the options of :func:`suites.networks.build`.

    Raises ``ValueError`` for one that is not described or not for this shape.
    """
    batch, channels, height, width = case.shape
    shape, name = (batch, channels, height, width), str(options(case).get("graph"))
    if name == NETWORK:
        return _network(case, shape)
    out_channels = int(options(case).get("out_channels", channels))
    if name not in FAMILIES:
        raise ValueError("there is no description '{}': use {}".format(name, ", ".join(FAMILIES)))
    family = FAMILIES[name]
    module = seeded(lambda: family.make(shape, out_channels), case)
    weights = {key: value.detach().double() for key, value in module.named_parameters()}
    graph = describe(name, shape, {key: value.numpy() for key, value in weights.items()})
    return Layer(graph, lambda x: family.reference(weights, x), sum(one.numel() for one in weights.values()),
                 family.macs(shape, out_channels))


def _network(case: Case, shape: Shape) -> Layer:
    chosen = {key: value for key, value in options(case).items() if key not in HOW}
    module = seeded(lambda: make_network(chosen, shape[1:]), case)
    graph = describe_network("{} {}".format(chosen["network"], chosen.get("variant", "dense")), module, shape)
    return Layer(graph, lambda x: dense_form(module)(x)[:, :, None, None], count_parameters(module),
                 count_macs(module, torch.zeros((1,) + shape[1:])) * shape[0], TOLERANCE)


def _convolution(kernel: int) -> _Family:
    return _Family(
        lambda shape, out: nn.Conv2d(shape[1], out, kernel, padding=kernel // 2),
        lambda weights, x: torch.relu(dense.convolution(x, weights["weight"], weights["bias"])),
        lambda shape, out: convolution_macs(shape[0], shape[2] * shape[3], shape[1], out, kernel * kernel))


def _wht1d(form: str) -> _Family:
    return _Family(
        lambda shape, out: WalshHadamard1d(shape[1]),
        lambda weights, x: dense.wht1d(x, weights["threshold"], x.shape[1]),
        lambda shape, out: wht1d_macs(shape[0] * shape[2] * shape[3], shape[1], shape[1], form))


def _wht2d_macs(form: str) -> Callable[[Shape, int], int]:
    return lambda shape, out: wht2d_macs(shape[0] * shape[1], shape[2], shape[3], form, form)


def _wht2d(macs: Callable[[Shape, int], int]) -> _Family:
    return _Family(lambda shape, out: WalshHadamard2d((shape[2], shape[3])),
                   lambda weights, x: dense.wht2d(x, weights["weight"], weights["threshold"]), macs)


def _separable_reference(weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    middle = dense.depthwise(x, weights["0.weight"], weights["0.bias"])
    return torch.relu(dense.convolution(middle, weights["1.weight"], weights["1.bias"]))


FAMILIES: Dict[str, _Family] = {
    "conv1x1": _convolution(1),
    "conv3x3": _convolution(3),
    "wht1d-dense": _wht1d("matrix"),
    "wht1d-two-stage": _wht1d("two-stage"),
    "wht1d-fused": _wht1d("butterfly"),
    "wht2d": _wht2d(_wht2d_macs("matrix")),
    "wht2d-fused": _wht2d(_wht2d_macs("butterfly")),
    "wht2d-kron": _wht2d(lambda shape, out: 2 * shape[0] * shape[1] * (shape[2] * shape[3]) ** 2),
    "squeeze-excite": _Family(
        lambda shape, out: SqueezeExcite(shape[1]),
        lambda weights, x: dense.squeeze_excite(x, (weights["squeeze.weight"], weights["squeeze.bias"]),
                                                (weights["excite.weight"], weights["excite.bias"])),
        lambda shape, out: 2 * shape[0] * shape[1] * (shape[1] // 4)),
    "depthwise-separable": _Family(
        lambda shape, out: nn.Sequential(nn.Conv2d(shape[1], shape[1], 3, padding=1, groups=shape[1]),
                                         nn.Conv2d(shape[1], out, 1)),
        _separable_reference,
        lambda shape, out: convolution_macs(shape[0], shape[2] * shape[3], shape[1], shape[1], 9, groups=shape[1])
        + convolution_macs(shape[0], shape[2] * shape[3], shape[1], out)),
}
