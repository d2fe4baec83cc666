"""The dense layers of a traced network run by oneDNN on weights packed once, as frameworks deploy a network on a CPU.

The activation behind a layer and the sum of a residual block are done inside the layer's call.
"""

import operator
from typing import Any, List, Optional, Tuple

import torch
from torch import fx, nn

from suites.networks.folding import Activation, activation_of, calls_of, drop_unused, layer_of, only_user
from suites.networks.sample import trace_input_shapes

NONE = Activation(lambda x: x, "none")


class PackedConvolution(nn.Module):
    """A convolution for inputs of one shape, on a weight in the order oneDNN asks for; it holds no parameters.

    ``activation`` follows inside. With ``adds`` the call takes a second tensor, added before the activation. Inputs
    in another layout than ``memory_format`` are copied into it. Raises ``RuntimeError`` or ``AttributeError`` where
    torch has no such call for this layer.
    """

    def __init__(self, conv: nn.Conv2d, shape: Tuple[int, ...], memory_format: torch.memory_format,
                 activation: Activation = NONE, adds: bool = False) -> None:
        super().__init__()
        self.memory_format, self.activation, self.adds = memory_format, activation, adds
        self._sizes = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        weight = conv.weight.detach().contiguous(memory_format=memory_format)
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._sizes, list(shape))
        self._bias = None if conv.bias is None else conv.bias.detach()
        self._call = torch.ops.mkldnn._convolution_pointwise.default
        if adds:
            self._call = torch.ops.mkldnn._convolution_pointwise.binary

    def forward(self, x: torch.Tensor, *added: torch.Tensor) -> torch.Tensor:
        """Return the convolution of ``x`` (N, C, H, W), plus ``added`` if the layer adds, activated."""
        x = x.contiguous(memory_format=self.memory_format)
        name, scalars = self.activation.name, list(self.activation.scalars)
        if self.adds:
            other = added[0].contiguous(memory_format=self.memory_format)
            after = None if name == "none" else name
            y: torch.Tensor = self._call(x, other, self._weight, self._bias, *self._sizes, "add", 1.0, after, scalars,
                                         "")
        else:
            y = self._call(x, self._weight, self._bias, *self._sizes, name, scalars, "")
        return y


class PackedLinear(nn.Module):
    """A dense layer for inputs (rows, features), on a weight packed for so many rows; it holds no parameters."""

    def __init__(self, linear: nn.Linear, shape: Tuple[int, ...], activation: Activation = NONE) -> None:
        super().__init__()
        self.activation = activation
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), shape[0])
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x W' + b, activated, for ``x`` (rows, features)."""
        y: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._weight, self._bias, self.activation.name, list(self.activation.scalars), "")
        return y


def can_pack() -> bool:
    """Whether this torch has the calls; whether they take a certain layer shows when it is packed."""
    try:
        ops = torch.ops.mkldnn
        return all((ops._reorder_convolution_weight, ops._reorder_linear_weight, ops._linear_pointwise,
                    ops._convolution_pointwise.binary)) and bool(torch.backends.mkldnn.is_available())
    except (AttributeError, RuntimeError):
        return False


def packable(network: nn.Module) -> List[str]:
    """Return the names of the dense layers of ``network`` that can be packed."""
    return [name for name, layer in network.named_modules() if _fits(layer)]


def pack(made: fx.GraphModule, x: torch.Tensor, memory_format: torch.memory_format) -> int:
    """Put packed layers in the place of the dense ones of ``made`` for inputs like ``x``; return how many.

    Raises ``RuntimeError`` or ``AttributeError`` where this torch cannot; ``made`` is then of no use.
    """
    shapes, calls, count = trace_input_shapes(made, x), calls_of(made), 0
    for node in list(made.graph.nodes):
        layer = layer_of(made, node)
        if layer is None or not _fits(layer) or calls[node.target] > 1:  # one called twice may see two shapes
            continue
        shape, last, added = shapes[str(node.target)], node, None
        if len(shape) != (2 if isinstance(layer, nn.Linear) else 4):
            continue
        if isinstance(layer, nn.Conv2d):
            last, added = _with_sum(node)
        last, activation = _with_activation(made, last, ("relu",) if added is not None else None)
        name = "packed_{}".format(count)
        packed: nn.Module
        if isinstance(layer, nn.Conv2d):
            packed = PackedConvolution(layer, shape, memory_format, activation, added is not None)
        else:
            packed = PackedLinear(layer, shape, activation)  # type: ignore[arg-type]
        made.add_submodule(name, packed)
        with made.graph.inserting_after(last):
            new = made.graph.call_module(name, node.args if added is None else node.args + (added,))
        last.replace_all_uses_with(new)
        for gone in _between(node, last):
            made.graph.erase_node(gone)
        count += 1
    drop_unused(made)
    made.recompile()
    return count


def _fits(layer: Optional[nn.Module]) -> bool:
    if type(layer) is nn.Linear:
        return True
    return type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _with_sum(node: fx.Node) -> Tuple[fx.Node, Optional[Any]]:
    """Return the sum that alone takes the output of ``node``, and what is added to it; else ``node`` and ``None``."""
    user = only_user(node)
    if user is None or user.op != "call_function" or user.target is not operator.add or user.args[0] is user.args[1]:
        return node, None
    other = user.args[1] if user.args[0] is node else user.args[0]
    return (user, other) if isinstance(other, fx.Node) else (node, None)


def _with_activation(made: fx.GraphModule, node: fx.Node,
                     names: Optional[Tuple[str, ...]]) -> Tuple[fx.Node, Activation]:
    """Return the activation that alone takes the output of ``node`` and what it is; else ``node`` and none."""
    user = only_user(node)
    found = None if user is None else activation_of(made, user)
    if user is None or found is None or not found.name or names is not None and found.name not in names:
        return node, NONE
    return user, found


def _between(first: fx.Node, last: fx.Node) -> List[fx.Node]:
    """Return the steps from ``last`` back to ``first``, each the one user of the one before."""
    chain = [first]
    while chain[-1] is not last:
        chain.append(list(chain[-1].users)[0])
    return chain[::-1]
