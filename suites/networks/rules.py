"""Ready rules for ``replace``: which layers each structured layer can stand in for, and how it is made.

Every rule takes ``names``: a pattern such as ``features.*``, a list of names or patterns, or ``None`` for all layers
that fit. ``print(replace(network, fwht("blocks.*"), example))`` is all it takes. Layers that pad with something other
than zeros, or that are subclasses with a forward of their own, are refused.
"""

from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from torch import nn

from suites.layers.debut import DebutConv2d, DebutLinear, chain_features, generate_chain
from suites.layers.debut.chain import bipolar_test, rule_break, validate_chain
from suites.layers.lhc import LhcConv2d
from suites.networks.layer_rule import LayerRule, Make, Names
from suites.networks.table import Refused

Shapes = Dict[str, Tuple[int, ...]]
Chains = Sequence[Sequence[Sequence[int]]]


def fwht(names: Names = None, shapes: Optional[Shapes] = None) -> LayerRule:
    """Walsh-Hadamard layers (arXiv 2104.07085): for 1x1 convolutions and linear layers the 1-D one, biases dropped.

    With ``shapes`` (from ``trace_input_shapes``) also the 2-D one, for padded 3x3 convolutions that keep their
    channels.
    """
    from suites.layers.wht1d import WalshHadamard1d
    from suites.networks.last_axis import WalshHadamardLinear

    return _transforms(names, shapes, WalshHadamard1d, WalshHadamardLinear, _foreign)


def bwht(names: Names = None, block_size: Optional[int] = None, shapes: Optional[Shapes] = None) -> LayerRule:
    """Block Walsh-Hadamard layers (arXiv 2201.02711), where :func:`fwht` puts the whole transform.

    ``block_size`` must be a power of two that divides the wider side of every layer; ``None`` is the largest that
    fits each layer (one that only blocks of one channel fit is refused).
    """
    from suites.layers.bwht1d import BlockWalshHadamard1d, largest_block_size
    from suites.networks.last_axis import BlockWalshHadamardLinear

    def mixer(kind: Callable[..., nn.Module]) -> Callable[[int, int], nn.Module]:
        return lambda in_channels, out_channels: kind(
            in_channels, out_channels, block_size=block_size or largest_block_size(in_channels, out_channels))

    def refuse(name: str, layer: Any) -> Optional[Refused]:
        reason = _foreign(name, layer)
        if reason is None and block_size is None and not _is_spatial(layer) and largest_block_size(*_ends(layer)) < 2:
            return Refused.NO_BLOCK
        return reason

    return _transforms(names, shapes, mixer(BlockWalshHadamard1d), mixer(BlockWalshHadamardLinear), refuse)


def _transforms(names: Names, shapes: Optional[Shapes], mixer: Callable[[int, int], nn.Module],
                last_axis: Callable[[int, int], nn.Module],
                refuse: Callable[[str, Any], Optional[Refused]]) -> LayerRule:
    from suites.layers.wht2d import WalshHadamard2d

    def kind(name: str, layer: Any) -> bool:
        return (_is_linear(layer) or _is_pointwise(layer) and layer.stride == (1, 1)
                or shapes is not None and _is_spatial(layer) and layer.in_channels == layer.out_channels)

    def make(name: str, layer: Any) -> nn.Module:
        if _is_spatial(layer):
            return WalshHadamard2d(_plane(name, shapes), stride=layer.stride[0])
        return (last_axis if _is_linear(layer) else mixer)(*_ends(layer))

    return LayerRule(kind, lambda: make, names, refuse)


def gates(shapes: Shapes, names: Names = None) -> LayerRule:
    """2-D Walsh-Hadamard layers (arXiv 2201.02711) for squeeze-and-excite."""
    from suites.layers.squeeze_excite import SqueezeExcite
    from suites.layers.wht2d import WalshHadamard2d
    from suites.networks.mobilenet import Gate

    return LayerRule(lambda name, layer: isinstance(layer, (Gate, SqueezeExcite)),
                     lambda: lambda name, layer: WalshHadamard2d(_plane(name, shapes)), names)


def ht(shapes: Shapes, names: Names = None, paths: int = 3, norm: str = "ortho") -> LayerRule:
    """HT-perceptron layers (arXiv 2305.17510) for padded 3x3 convolutions; before one of stride 2, 2x2 averages."""
    from suites.layers.ht_perceptron import HTPerceptron

    def make(name: str, layer: Any) -> nn.Module:
        height, width = _plane(name, shapes)
        if layer.stride == (1, 1):
            return HTPerceptron(layer.in_channels, layer.out_channels, (height, width), paths, norm=norm)
        half = ((height + 1) // 2, (width + 1) // 2)
        return nn.Sequential(nn.AvgPool2d(2, ceil_mode=True),
                             HTPerceptron(layer.in_channels, layer.out_channels, half, paths, norm=norm))

    def kind(name: str, layer: Any) -> bool:
        return _is_spatial(layer) and layer.stride[0] <= 2

    return LayerRule(kind, lambda: make, names, _foreign)


def mf(names: Names = None, member: str = "sum") -> LayerRule:
    """Multiplication-free layers (arXiv 2104.07085) for depthwise convolutions and linear layers."""
    from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear

    def make(name: str, layer: Any) -> nn.Module:
        if isinstance(layer, nn.Linear):
            return MultiplicationFreeLinear(layer.in_features, layer.out_features, layer.bias is not None, member)
        return MultiplicationFreeDepthwise2d(layer.in_channels, layer.kernel_size[0], layer.stride[0],
                                             layer.bias is not None, member)

    return LayerRule(lambda name, layer: _is_linear(layer) or _is_depthwise(layer), lambda: make, names, _foreign)


def debut(names: Names = None, chains: Optional[Chains] = None, bias: Optional[bool] = None, order: str = "channel",
          sweeps: int = 0, strict: bool = False, kind: str = "monotonic") -> LayerRule:
    """Factor chains (arXiv 2203.13556) for convolutions and linear layers.

    A layer takes the chain whose (last p, first q) equals its (out, k k in); of several such chains the first
    layer of a network takes the first, and the last one serves all that follow.
    ``chains=None`` generates one of ``kind`` for every layer that a chain can serve. ``bias=None`` keeps a bias where
    the layer had one; ``sweeps`` of least squares start from the layer's weights (0: fresh ones). Unless ``strict``,
    chains that break the chain rule are used, as the published networks do, and the table says so.
    """
    by_size = {}  # type: Dict[Tuple[int, int], list]
    for chain in chains or ():
        validate_chain(chain, strict=strict)
        by_size.setdefault(chain_features(chain), []).append(chain)

    def chain_of(layer: nn.Module, number: int = 0) -> Any:
        """Return the chain for the layer that is the ``number``-th of its size, ``None`` if there is none."""
        size = _matrix_size(layer)
        if size is None:
            return None
        if chains is not None:
            fitting = by_size.get(size)
            return fitting[min(number, len(fitting) - 1)] if fitting else None
        try:
            return generate_chain(size[0], size[1], kind)
        except ValueError:
            return None

    def begin() -> Make:
        made = {}  # type: Dict[Optional[Tuple[int, int]], int]

        def make(name: str, layer: Any) -> nn.Module:
            size = _matrix_size(layer)
            chain = chain_of(layer, made.get(size, 0))
            made[size] = made.get(size, 0) + 1
            kept = layer.bias is not None if bias is None else bias
            options = {"sweeps": sweeps, "bias": kept, "strict": strict}  # type: Dict[str, Any]
            new = (DebutLinear.from_dense(layer, chain, **options) if isinstance(layer, nn.Linear)
                   else DebutConv2d.from_dense(layer, chain, order=order, **options))  # type: Any
            new.surgery_note = _chain_note(new)
            return new
        return make

    return LayerRule(lambda name, layer: chain_of(layer) is not None, begin, names, _foreign)


def lhc(names: Names = None, shape: str = "free", group_in: int = 32, group_out: int = 16) -> LayerRule:
    """Learnable heterogeneous convolutions (arXiv 2301.05440) for ungrouped convolutions larger than 1x1."""
    def make(name: str, layer: Any) -> nn.Module:
        return LhcConv2d.from_dense(layer, shape=shape, group_in=group_in, group_out=group_out)

    return LayerRule(lambda name, layer: _is_plain(layer) and layer.kernel_size != (1, 1), lambda: make, names,
                     _foreign)


def _chain_note(layer: Any) -> str:
    words = []
    if rule_break(layer.chain) is not None:
        share = bipolar_test(layer.chain)
        if share < 1:
            words.append("chain breaks its rule: {:.3g} % of the product reachable".format(100 * share))
    if layer.als_errors:
        words.append("fitted to a relative error of {:.3g}".format(layer.als_errors[-1]))
    return "; ".join(words)


def _matrix_size(layer: Any) -> Optional[Tuple[int, int]]:
    if isinstance(layer, nn.Linear):
        return layer.out_features, layer.in_features
    if _is_plain(layer):
        return layer.out_channels, layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
    return None


def _foreign(name: str, layer: Any) -> Optional[Refused]:
    """Return why a layer of the right kind is not what its kind says."""
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        return Refused.PADDING_MODE
    plain = nn.Linear if isinstance(layer, nn.Linear) else nn.Conv2d
    # Also where only a convolution's inner part is another, of its class or of this one layer.
    own = any(getattr(type(layer), name) is not method or name in vars(layer)
              for name, method in vars(plain).items() if name in ("forward", "_conv_forward"))
    return Refused.OWN_FORWARD if own else None


def _ends(layer: Any) -> Tuple[int, int]:
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    return layer.in_channels, layer.out_channels


def _is_linear(layer: Any) -> bool:
    return isinstance(layer, nn.Linear)


def _is_plain(layer: Any) -> bool:
    return (isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.dilation == (1, 1)
            and not isinstance(layer.padding, str))


def _is_pointwise(layer: Any) -> bool:
    return _is_plain(layer) and layer.kernel_size == (1, 1) and layer.padding == (0, 0)


def _is_spatial(layer: Any) -> bool:
    return (_is_plain(layer) and layer.kernel_size == (3, 3) and layer.padding == (1, 1)
            and layer.stride[0] == layer.stride[1])


def _is_depthwise(layer: Any) -> bool:
    return (isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels == layer.out_channels
            and layer.dilation == (1, 1) and layer.stride[0] == layer.stride[1]
            and layer.padding == (layer.kernel_size[0] // 2, layer.kernel_size[1] // 2)
            and layer.kernel_size[0] == layer.kernel_size[1] and layer.kernel_size[0] % 2 == 1)


def _plane(name: str, shapes: Optional[Shapes]) -> Tuple[int, int]:
    if not shapes or name not in shapes or len(shapes[name]) != 4:
        raise ValueError("layer '{}' needs the size of its plane: pass shapes=trace_input_shapes(network, "
                         "example)".format(name))
    return shapes[name][2], shapes[name][3]
