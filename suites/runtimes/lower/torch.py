"""Graphs as torch modules, and what every value of a graph is for an input."""

from typing import Any, Dict, List

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from suites.runtimes.graph import (
    INPUT,
    OUTPUT,
    Activation,
    Add,
    Axis,
    Contract,
    Convolution,
    FusedWht1d,
    Graph,
    HardSigmoid,
    Mean,
    Multiply,
    Operation,
    Scale,
    Threshold,
)


class GraphModule(nn.Module):
    """A graph of stock torch operations on (N, C, H, W). Raises ``ValueError`` for a custom one."""

    def __init__(self, graph: Graph, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.graph = graph
        self._constants: List[List[str]] = []
        for index, one in enumerate(graph.operations):
            if isinstance(one, FusedWht1d):
                raise ValueError("torch runs the fused layer by its own operator, not as a graph: use the form "
                                 "'fused' of the layer")
            names = []
            for number, values in enumerate(_constants(one)):
                names.append("c{}_{}".format(index, number))
                self.register_buffer(names[-1], torch.from_numpy(np.ascontiguousarray(values)).to(dtype))
            self._constants.append(names)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output for ``x`` (N, C, H, W)."""
        return self.values(x)[OUTPUT]

    def values(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        """Return every value by name."""
        found = {INPUT: x}
        for one, names in zip(self.graph.operations, self._constants):
            found[one.y] = _run(one, [getattr(self, name) for name in names], found)
        return found


def _constants(one: Operation) -> List[np.ndarray]:
    if isinstance(one, Convolution):
        return [one.weight, one.bias]
    if isinstance(one, Contract):
        return list(one.factors)
    if isinstance(one, Threshold):
        return [one.threshold]
    return [one.factor] if isinstance(one, Scale) else []


def _run(one: Operation, constants: List[Any], found: Dict[str, torch.Tensor]) -> torch.Tensor:
    x = found[one.x]
    if isinstance(one, Convolution):
        y = F.conv2d(x, constants[0], constants[1], one.stride, one.weight.shape[2] // 2, 1, one.groups)
        if one.activation is Activation.RELU6:
            return F.relu6(y)
        return F.relu(y) if one.activation is Activation.RELU else y
    if isinstance(one, Contract):
        return _contract(one, constants, x)
    if isinstance(one, Threshold):
        return torch.tanh(x) * torch.relu(x.abs() - constants[0])
    if isinstance(one, Scale):
        return x * constants[0]
    if isinstance(one, Mean):
        return x.mean((2, 3), keepdim=True)
    if isinstance(one, HardSigmoid):
        return F.hardsigmoid(x)
    if isinstance(one, Multiply):
        return x * found[one.other]
    assert isinstance(one, Add)
    return x + found[one.other]


def _contract(one: Contract, factors: List[Any], x: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = x.shape
    if one.axis is Axis.ROWS:
        return torch.matmul(factors[0], x)
    if one.axis is Axis.COLUMNS:
        return torch.matmul(x, factors[0].t())
    if one.axis is Axis.PLANE:
        return torch.matmul(x.reshape(batch * channels, height * width), factors[0].t()).reshape(x.shape)
    if len(factors) == 1:
        return torch.matmul(factors[0], x.reshape(batch, channels, height * width)).reshape(
            batch, -1, height, width)
    first, second = factors
    size = one.factors[1].shape[0]  # a number also where the graph is traced
    for outer in (one.shrinks, not one.shrinks):
        if outer:
            x = torch.matmul(first, x.reshape(batch, one.factors[0].shape[1], size * height * width))
        else:
            x = torch.matmul(second, x.reshape(batch, -1, size, height * width))
    return x.reshape(batch, -1, height, width)
