"""Multiply-accumulates of a network for one input, counted layer by layer while it runs.

One multiply-accumulate is one product added to a sum; an addition or subtraction of a butterfly counts as one too, so
that forms can be compared. Counted are convolutions, matrix products, both products of attention and, by the form
that runs, the structured layers. What a network multiplies outside the layers known here (functional products,
attention of its own) is counted by the formulas of ``torch.utils.flop_counter`` where torch has them (2.1 and newer),
so dense networks come to exactly half of its total. Work of one operation per element (bias, norm, activation,
threshold, scale, pooling) is not counted.
"""

import contextlib
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type

import torch
from torch import nn

from suites.networks.elsewhere import counting_elsewhere
from suites.networks.sample import Example, run
from suites.networks.tally import LayerCount, Tally

Count = Callable[[Any, Tuple[Any, ...], Any], int]
#: The name under which ``macs_by_layer`` gives the work outside all layers it knows.
ELSEWHERE = "(elsewhere)"


def count_macs(network: nn.Module, x: Example) -> int:
    """Return the multiply-accumulates of ``network`` on ``x``, the whole batch.

    Raises ``ValueError`` for a layer that has parameters of its own but no rule here, unless torch can tell that they
    only go into products that it counts or into work per element.
    """
    return sum(count for _, count in macs_by_layer(network, x))


def macs_by_layer(network: nn.Module, x: Example) -> List[Tuple[str, int]]:
    """Return (layer name, multiply-accumulates) in the order in which the layers of ``network`` run on ``x``.

    Products outside the layers known here come last, as one entry named :data:`ELSEWHERE`.
    """
    with counting(network) as counts, counting_elsewhere(counts) as elsewhere:
        run(network, x)
    calls = [(call.name, call.macs) for call in counts.calls]
    return calls + [(ELSEWHERE, elsewhere.macs)] if elsewhere.macs else calls


@contextlib.contextmanager
def counting(network: nn.Module) -> Iterator[Tally]:
    """Count every call of a known layer of ``network`` inside the block."""
    counts = Tally()
    rules = _rules()
    hooks: List[Any] = []
    seen = set()

    def enter(layer: nn.Module, inputs: Any) -> None:
        counts.depth += 1

    def watch(name: str, layer: nn.Module) -> None:
        if id(layer) in seen:  # a shared layer is called in several places, but hooked once
            return
        seen.add(id(layer))
        rule = _rule_for(layer, rules)
        if rule is None:
            if next(layer.parameters(recurse=False), None) is not None and not _is_elementwise(layer):
                counts.unknown.append((name, layer))
            for short, child in layer.named_children():
                watch("{}.{}".format(name, short) if name else short, child)
            return

        def leave(layer: nn.Module, inputs: Any, named: Any, output: Any = None) -> None:
            counts.depth -= 1
            if output is None:  # torch 1 does not tell inputs given by name
                named, output = {}, named
            given = tuple(inputs) + tuple(named.values())
            if not given:
                raise ValueError("torch 1 does not tell inputs given by name: to be counted, layer '{}' needs its "
                                 "inputs in order".format(name))
            counts.calls.append(LayerCount(name, layer, int(rule(layer, given, output))))
        hooks.append(layer.register_forward_pre_hook(enter))
        try:
            hooks.append(layer.register_forward_hook(leave, with_kwargs=True))
        except TypeError:
            hooks.append(layer.register_forward_hook(leave))

    try:
        watch("", network)
        yield counts
    finally:
        for hook in hooks:
            hook.remove()


def _rule_for(layer: nn.Module, rules: Dict[Type[nn.Module], Count]) -> Optional[Count]:
    for kind in type(layer).__mro__:
        if kind in rules:
            # A subclass of torch's layer with a forward of its own does who knows what.
            foreign = kind.__module__.startswith("torch.") and type(layer).forward is not kind.forward
            return None if foreign else rules[kind]
    return None


def _is_elementwise(layer: nn.Module) -> bool:
    return isinstance(layer, (nn.modules.batchnorm._BatchNorm, nn.PReLU, nn.LayerNorm, nn.GroupNorm, nn.Embedding))


def _axis_forms(layer: Any, x: torch.Tensor, sizes: Tuple[int, int]) -> Tuple[str, str]:
    """Return the forms of a plane transform along height and width."""
    from suites.layers.planes import plane_form

    form = layer.choose(x).form
    if form == "fused":
        return form, form
    return plane_form(x, 2, sizes[0], layer.implementation), plane_form(x, 3, sizes[1], layer.implementation)


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
        return wht1d_macs(x.numel() // layer.in_channels, layer.in_channels, layer.out_channels, layer.choose(x).form)

    def block_mixer(layer: Any, x: torch.Tensor, y: torch.Tensor) -> int:
        size, form = layer.block_size, layer.choose(x).form
        blocks = (layer.in_channels if layer.channels is None else layer.channels.numel()) // size
        return 2 * blocks * (y.numel() // layer.out_channels) * transform_macs(size, size, size, form)

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

    def attention(layer: nn.MultiheadAttention, inputs: Tuple[Any, ...], output: Any) -> int:
        query, key, value = inputs[:3]
        width, rows = layer.embed_dim, query.numel() // layer.embed_dim
        sources = key.shape[-2] if key.dim() == 2 or layer.batch_first else key.shape[0]
        sources += int(layer.bias_k is not None) + int(layer.add_zero_attn)
        projections = width * (2 * query.numel() + key.numel() + value.numel())
        return projections + 2 * rows * sources * width

    of_one_tensor = {
        nn.Conv1d: convolution, nn.Conv2d: convolution, nn.Linear: linear, DebutConv2d: debut_convolution,
        DebutLinear: debut_linear, LhcConv2d: convolution, FrozenLhcConv2d: frozen, WalshHadamard1d: mixer,
        BlockWalshHadamard1d: block_mixer, WalshHadamard2d: plane, HTPerceptron: perceptron,
        MultiplicationFreeDepthwise2d: free_depthwise, MultiplicationFreeLinear: linear,
        PointTransform: point_transform}  # type: Dict[Type[nn.Module], Callable[[Any, Any, Any], int]]
    rules = {kind: _first_input(rule) for kind, rule in of_one_tensor.items()}
    rules[nn.MultiheadAttention] = attention
    return rules


def _first_input(rule: Callable[[Any, Any, Any], int]) -> Count:
    return lambda layer, inputs, output: rule(layer, inputs[0], output)
