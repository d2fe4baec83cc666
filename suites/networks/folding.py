"""A trained network as it is deployed: its graph, batch norms folded into the layers before them, steps in place.

A batch norm behind a linear layer is a factor and an addend for each output, which the layer's weights and bias can
take up: a pass over memory less. That holds for convolutions, dense layers, factor chains (the last factor takes it)
and heterogeneous convolutions; not for layers that end in a threshold whose table all channels share.
"""

import operator
from collections import Counter
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple, Type

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from suites.layers.base import TransformLayer
from suites.layers.debut import DebutConv2d, DebutLinear
from suites.layers.lhc import FrozenLhcConv2d

Fold = Callable[[Any, torch.Tensor], None]
ADDS = (operator.add, operator.iadd, torch.add)


class Activation(NamedTuple):
    """An activation: what overwrites its input, and oneDNN's name and numbers for it (an empty name: it has none)."""

    in_place: Callable[[Any], Any]
    name: str = ""
    scalars: Tuple[float, ...] = ()


def _clip_to_6(x: torch.Tensor) -> torch.Tensor:
    return F.hardtanh(x, 0.0, 6.0, inplace=True)


def _hard_swish(x: torch.Tensor) -> torch.Tensor:
    return F.hardswish(x, inplace=True)


def _hard_sigmoid(x: torch.Tensor) -> torch.Tensor:
    return F.hardsigmoid(x, inplace=True)


RELU = Activation(torch.relu_, "relu")
LAYER_ACTIVATIONS: Dict[Type[nn.Module], Activation] = {
    nn.ReLU: RELU, nn.ReLU6: Activation(_clip_to_6, "hardtanh", (0.0, 6.0)),
    nn.Hardswish: Activation(_hard_swish, "hardswish")}
FUNCTION_ACTIVATIONS: Dict[Any, Activation] = {
    F.relu: RELU, torch.relu: RELU, F.hardsigmoid: Activation(_hard_sigmoid)}


class _Tracer(fx.Tracer):
    """Follows a network down to torch's own layers and the structured ones."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether the layer stays one step of the graph."""
        return (m.__module__.startswith("suites.layers.") or isinstance(m, TransformLayer)
                or super().is_leaf_module(m, module_qualified_name))


def traced(network: nn.Module) -> fx.GraphModule:
    """Return the graph of ``network`` in evaluation mode; its layers are the network's own, dropouts are gone.

    Raises what ``torch.fx`` raises for a network whose path depends on its input.
    """
    made = fx.GraphModule(network.eval(), _Tracer().trace(network))
    for node in list(made.graph.nodes):
        if isinstance(layer_of(made, node), (nn.Dropout, nn.Identity)):
            _replace(node, node.args[0])
    made.recompile()
    return made


def layer_of(made: fx.GraphModule, node: Any) -> Optional[nn.Module]:
    """Return the layer that ``node`` calls, ``None`` where it calls none."""
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    return made.get_submodule(str(node.target))


def activation_of(made: fx.GraphModule, node: fx.Node) -> Optional[Activation]:
    """Return the activation that ``node`` is, ``None`` if it is none or one not known here."""
    if node.op == "call_function":
        return FUNCTION_ACTIVATIONS.get(node.target)
    return LAYER_ACTIVATIONS.get(type(layer_of(made, node)))  # type: ignore[arg-type]


def only_user(node: fx.Node) -> Optional[fx.Node]:
    """Return the one step that takes the output of ``node``, ``None`` where there are several."""
    users = list(node.users)
    return users[0] if len(users) == 1 else None


def calls_of(made: fx.GraphModule) -> Dict[Any, int]:
    """Return how often each layer is called, by name."""
    return Counter(node.target for node in made.graph.nodes if node.op == "call_module")


def drop_unused(made: fx.GraphModule) -> None:
    """Take out the layers that no step uses. What a used one holds stays: torch 1.10's own way takes that out too."""
    used = [str(node.target) for node in made.graph.nodes if node.op in ("call_module", "get_attr")]
    for name, _ in list(made.named_modules()):
        if name and not any((one + ".").startswith(name + ".") or name.startswith(one + ".") for one in used):
            made.delete_submodule(name)


def fold_norms(made: fx.GraphModule) -> int:
    """Fold every batch norm that can be into the layer before it, in place; return how many are gone."""
    calls, count = calls_of(made), 0
    for node in list(made.graph.nodes):
        norm = layer_of(made, node)
        if not isinstance(norm, _BatchNorm) or norm.running_mean is None or norm.running_var is None:
            continue
        source: Any = node.args[0]
        layer = layer_of(made, source)
        fold = FOLDS.get(type(layer))  # type: ignore[arg-type]
        if fold is None or layer is None or list(source.users) != [node] or calls[source.target] > 1:
            continue
        with torch.no_grad():
            # In double: the variance's root and the product are rounded once, into the weight.
            scale = (norm.running_var.double() + norm.eps).rsqrt()
            scale = scale if norm.weight is None else scale * norm.weight.double()
            shift = -norm.running_mean.double() * scale
            shift = shift if norm.bias is None else shift + norm.bias.double()
            fold(layer, scale)
            _fold_bias(layer, scale, shift)
        _replace(node, source)
        count += 1
    drop_unused(made)
    made.recompile()
    return count


def work_in_place(made: fx.GraphModule) -> int:
    """Let activations and sums overwrite what nobody else reads, in place; return how many do."""
    count = 0
    for node in list(made.graph.nodes):
        found = activation_of(made, node)
        if found is not None and _is_own(made, node.args[0]):
            node.op, node.target, node.args, node.kwargs = "call_function", found.in_place, (node.args[0],), {}
            count += 1
        elif node.op == "call_function" and node.target is operator.add:
            terms = [term for term in node.args if _is_own(made, term)]
            if terms:
                other = node.args[1] if terms[0] is node.args[0] else node.args[0]
                node.target, node.args = operator.iadd, (terms[0], other)
                count += 1
    made.recompile()
    return count


def _is_own(made: fx.GraphModule, node: Any) -> bool:
    """Whether ``node`` makes a tensor that one step alone reads."""
    if not isinstance(node, fx.Node) or only_user(node) is None:
        return False
    layer = layer_of(made, node)
    if layer is None:
        return node.op == "call_function" and node.target in ADDS or node.target == "amax"
    stock = (nn.Conv2d, nn.Linear, nn.MaxPool2d, _BatchNorm)
    return isinstance(layer, stock) or layer.__module__.startswith("suites.")


def _replace(node: fx.Node, by: Any) -> None:
    node.replace_all_uses_with(by)
    node.graph.erase_node(node)


def _fold_bias(layer: Any, scale: torch.Tensor, shift: torch.Tensor) -> None:
    new = shift if layer.bias is None else layer.bias.double() * scale + shift
    if layer.bias is None:
        weight = next(layer.parameters())
        layer.bias = nn.Parameter(new.to(weight), requires_grad=weight.requires_grad)
    else:
        layer.bias.copy_(new)


def _into_rows(layer: Any, scale: torch.Tensor) -> None:
    weight = layer.weight
    weight.copy_(weight.double() * scale.reshape((-1,) + (1,) * (weight.dim() - 1)))


def _into_chain(layer: Any, scale: torch.Tensor) -> None:
    weight = layer.factors[-1]
    blocks, r, _, t = weight.shape  # entry (b, i, j, k) stands in output row b r t + i t + k
    rows = scale.new_ones(blocks * r * t)
    rows[:scale.numel()] = scale  # a chain may be longer than the layer
    weight.copy_(weight.double() * rows.reshape(blocks, r, 1, t))


def _into_kept(layer: Any, scale: torch.Tensor) -> None:
    """Each output group is a matrix (its outputs, kept inputs), all of them one flat weight."""
    widths = [0] * layer.spec.groups
    for group, _, inputs, _, _ in layer.places.tolist():
        widths[group] += inputs
    parts = [rows.repeat_interleave(width) for rows, width in zip(scale.split(layer.group_out), widths)]
    layer.weight.copy_(layer.weight.double() * torch.cat(parts))


FOLDS: Dict[Type[nn.Module], Fold] = {
    nn.Conv2d: _into_rows, nn.Linear: _into_rows, DebutConv2d: _into_chain, DebutLinear: _into_chain,
    FrozenLhcConv2d: _into_kept}
