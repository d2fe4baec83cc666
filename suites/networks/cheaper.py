"""Steps of a traced network done with less work: the same numbers, another order.

What stays of a network once its layers are fast are passes over memory. Two cost more than they must in plain torch
on a CPU: a ReLU before a maximum goes over all that the maximum then drops, and where planes lie channel by channel
``max_pool2d`` is 2 to 12 times slower than two maxima of halves (measured on x86, 64x32x32 to 512x4x4).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from suites.networks.folding import RELU, activation_of, drop_unused, layer_of, only_user


class HalvingMaxPool2d(nn.Module):
    """The maximum of every 2 x 2 pixels, rows first: (N, C, H, W) to (N, C, H // 2, W // 2)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pooled ``x``."""
        if x.device.type != "cpu" or not x.is_contiguous():
            return F.max_pool2d(x, 2)
        height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
        rows = torch.maximum(x[:, :, 0:height:2], x[:, :, 1:height:2])
        return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])


def pool_by_halves(made: fx.GraphModule) -> int:
    """Put :class:`HalvingMaxPool2d` in the place of every 2 x 2 max-pooling, in place; return how many."""
    count = 0
    for node in list(made.graph.nodes):
        layer = layer_of(made, node)
        if isinstance(layer, nn.MaxPool2d) and _is_plain(layer):
            name = "halving_{}".format(count)
            made.add_submodule(name, HalvingMaxPool2d())
            node.target = name
            count += 1
    drop_unused(made)
    made.recompile()
    return count


def activate_late(made: fx.GraphModule) -> int:
    """Let a ReLU follow the maximum that alone takes its output, in place; return how many do.

    Both keep order, so they may change places.
    """
    count = 0
    for node in list(made.graph.nodes):
        user = only_user(node)
        if user is None or activation_of(made, node) is not RELU or not _is_maximum(made, user):
            continue
        user.args = (node.args[0],) + tuple(user.args[1:])
        with made.graph.inserting_after(user):
            late = made.graph.call_function(torch.relu, (user,))
        user.replace_all_uses_with(late)
        late.args = (user,)  # which was replaced with the rest
        made.graph.erase_node(node)
        count += 1
    made.recompile()
    return count


def _is_maximum(made: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target == "amax"
    layer = layer_of(made, node)
    return isinstance(layer, HalvingMaxPool2d) or isinstance(layer, nn.MaxPool2d) and not layer.return_indices


def _is_plain(layer: Any) -> bool:
    def both(value: Any) -> Any:
        return (value, value) if isinstance(value, int) else tuple(value)

    return (both(layer.kernel_size) == both(layer.stride) == (2, 2) and both(layer.padding) == (0, 0)
            and both(layer.dilation) == (1, 1) and not layer.ceil_mode and not layer.return_indices)
