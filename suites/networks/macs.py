"""Multiply-accumulates of a network for one input, counted layer by layer while it runs.

One multiply-accumulate is one product added to a sum; an addition or subtraction of a butterfly counts as one too, so
that forms can be compared. Work of one operation per element (bias, norm, activation, threshold, scale) is not
counted. Transforms are counted for the form that runs.
"""

from typing import Any, Callable, Dict, List, Tuple, Type

import torch
from torch import nn

Count = Callable[[Any, torch.Tensor, torch.Tensor], int]


def count_macs(network: nn.Module, x: torch.Tensor) -> int:
    """Return the multiply-accumulates of ``network`` on ``x``, the whole batch.

    Raises ``ValueError`` for a layer that has parameters of its own but no rule here, rather than leave it out.
    """
    return sum(count for _, count in macs_by_layer(network, x))


def macs_by_layer(network: nn.Module, x: torch.Tensor) -> List[Tuple[str, int]]:
    """Return (layer name, multiply-accumulates) in the order in which the layers of ``network`` run on ``x``."""
    counts = []  # type: List[Tuple[str, int]]
    rules = _rules()
    hooks = []

    def watch(name: str, layer: nn.Module) -> None:
        count = next((rules[kind] for kind in type(layer).__mro__ if kind in rules), None)
        if count is None:
            if next(layer.parameters(recurse=False), None) is not None and not _is_elementwise(layer):
                raise ValueError("no rule counts the work of {} '{}': add one to suites/networks/macs.py".format(
                    type(layer).__name__, name))
            for short, child in layer.named_children():
                watch("{}.{}".format(name, short) if name else short, child)
            return

        def note(_: nn.Module, inputs: Any, output: Any) -> None:
            counts.append((name, int(count(layer, inputs[0], output))))
        hooks.append(layer.register_forward_hook(note))

    was_training = network.training
    try:
        watch("", network)
        with torch.no_grad():
            network.eval()(x)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return counts


def _is_elementwise(layer: nn.Module) -> bool:
    return isinstance(layer, (nn.modules.batchnorm._BatchNorm, nn.PReLU, nn.LayerNorm, nn.GroupNorm))


def _axis_forms(layer: Any, x: torch.Tensor, sizes: Tuple[int, int]) -> Tuple[str, str]:
    """Return the forms of a plane transform along height and width."""
    from suites.layers.planes import plane_form

    form = layer.choose(x)[0]
    # A choice left to the layer may name two forms; then each axis tells its own.
    if layer.implementation != "auto" and " and " not in form or form == "fused":
        return form, form
    return plane_form(x, 2, sizes[0], "auto"), plane_form(x, 3, sizes[1], "auto")


def _rules() -> Dict[Type[nn.Module], Count]:
    from suites.layers.bwht1d import BlockWalshHadamard1d
    from suites.layers.counts import transform_macs, wht1d_macs, wht2d_macs
    from suites.layers.debut import DebutConv2d, DebutLinear, chain_weights
    from suites.layers.ht_perceptron import HTPerceptron
    from suites.layers.lhc import FrozenLhcConv2d, LhcConv2d
    from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear
    from suites.layers.wht1d import WalshHadamard1d
    from suites.layers.wht2d import WalshHadamard2d
    from suites.networks.pointnet import PointTransform

    def convolution(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return y.numel() * layer.weight[0].numel()

    def linear(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return y.numel() * x.shape[-1]

    def debut_convolution(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return chain_weights(layer.chain) * (y.numel() // y.shape[1])

    def debut_linear(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return chain_weights(layer.chain) * (y.numel() // y.shape[-1])

    def frozen(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return layer.weight.numel() * (y.numel() // y.shape[1])

    def mixer(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return wht1d_macs(x.numel() // x.shape[1], layer.in_channels, layer.out_channels, layer.choose(x)[0])

    def block_mixer(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        size, form = layer.block_size, layer.choose(x)[0]
        blocks = (x.shape[1] if layer.channels is None else layer.channels.numel()) // size
        return 2 * blocks * (y.numel() // y.shape[1]) * transform_macs(size, size, size, form)

    def plane(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        height, width = x.shape[2:]
        return wht2d_macs(x.shape[0] * x.shape[1], height, width, *_axis_forms(layer, x, (layer.size, layer.size)))

    def perceptron(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        (height, width), (rows, columns) = layer.plane, layer.sizes
        down, across = _axis_forms(layer, x, layer.sizes)
        there = height * transform_macs(columns, width, columns, across) + columns * transform_macs(
            rows, height, rows, down)
        back = columns * transform_macs(rows, rows, height, down) + height * transform_macs(
            columns, columns, width, across)
        mixing = layer.paths * layer.in_channels * layer.out_channels * rows * columns
        return x.shape[0] * (layer.in_channels * there + layer.out_channels * back + mixing)

    def free_depthwise(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return y.numel() * layer.kernel_size ** 2

    def point_transform(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        return y.numel() * y.shape[1]

    return {nn.Conv1d: convolution, nn.Conv2d: convolution, nn.Linear: linear, DebutConv2d: debut_convolution,
            DebutLinear: debut_linear, LhcConv2d: convolution, FrozenLhcConv2d: frozen, WalshHadamard1d: mixer,
            BlockWalshHadamard1d: block_mixer, WalshHadamard2d: plane, HTPerceptron: perceptron,
            MultiplicationFreeDepthwise2d: free_depthwise, MultiplicationFreeLinear: linear,
            PointTransform: point_transform}
