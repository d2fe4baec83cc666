"""Graphs as torch modules, and what every value of a graph is for an input."""

from typing import Any, Dict, List, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from suites.runtimes.graph import (
    FUSED,
    INPUT,
    OUTPUT,
    Activation,
    Add,
    Axis,
    Contract,
    Convolution,
    Graph,
    HardSigmoid,
    Mean,
    Multiply,
    Operation,
    Scale,
    Threshold,
)


class _Step(NamedTuple):
    """An operation without its arrays, which a compiler of torch would trace as inputs, and their names as buffers.

    The numbers are what it needs of their shapes, as numbers also where it is traced.
    """

    one: Any
    names: List[str]
    padding: int = 0
    inner: int = 0
    size: int = 0
    shrinks: bool = False


class GraphModule(nn.Module):
    """A graph of stock torch operations on (N, C, H, W). Raises ``ValueError`` for a custom one."""

    def __init__(self, graph: Graph, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self._steps: List[_Step] = []
        for index, one in enumerate(graph.operations):
            if isinstance(one, FUSED):
                raise ValueError("torch runs the fused layer by its own operator, not as a graph: use the form "
                                 "'fused' of the layer")
            names = []
            for number, values in enumerate(_constants(one)):
                names.append("c{}_{}".format(index, number))
                self.register_buffer(names[-1], torch.from_numpy(np.ascontiguousarray(values)).to(dtype))
            self._steps.append(_step(one, names))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output for ``x`` (N, C, H, W)."""
        return self.values(x)[OUTPUT]

    def values(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        """Return every value by name."""
        found = {INPUT: x}
        for step in self._steps:
            found[step.one.y] = _run(step, [getattr(self, name) for name in step.names], found)
        return found


def _step(one: Operation, names: List[str]) -> _Step:
    arrays: Dict[str, Any] = {field: None for field, value in one._asdict().items()
                              if isinstance(value, np.ndarray) or field == "factors"}
    bare: Any = one._replace(**arrays)
    if isinstance(one, Convolution):
        return _Step(bare, names, padding=one.weight.shape[2] // 2)
    if isinstance(one, Contract) and len(one.factors) == 2:
        return _Step(bare, names, inner=one.factors[0].shape[1], size=one.factors[1].shape[0], shrinks=one.shrinks)
    return _Step(bare, names)


def _constants(one: Operation) -> List[np.ndarray]:
    if isinstance(one, Convolution):
        return [one.weight, one.bias]
    if isinstance(one, Contract):
        return list(one.factors)
    if isinstance(one, Threshold):
        return [one.threshold]
    return [one.factor] if isinstance(one, Scale) else []


def _run(step: _Step, constants: List[Any], found: Dict[str, torch.Tensor]) -> torch.Tensor:
    one: Operation = step.one
    x = found[one.x]
    if isinstance(one, Convolution):
        y = F.conv2d(x, constants[0], constants[1], one.stride, step.padding, 1, one.groups)
        if one.activation is Activation.RELU6:
            return F.relu6(y)
        return F.relu(y) if one.activation is Activation.RELU else y
    if isinstance(one, Contract):
        return _contract(one.axis, step, constants, x)
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


def _contract(axis: Axis, step: _Step, factors: List[Any], x: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = x.shape
    if axis is Axis.ROWS:
        return torch.matmul(factors[0], x)
    if axis is Axis.COLUMNS:
        return torch.matmul(x, factors[0].t())
    if axis is Axis.PLANE:
        return torch.matmul(x.reshape(batch * channels, height * width), factors[0].t()).reshape(x.shape)
    if len(factors) == 1:
        return torch.matmul(factors[0], x.reshape(batch, channels, height * width)).reshape(
            batch, -1, height, width)
    first, second = factors
    for outer in (step.shrinks, not step.shrinks):
        if outer:
            x = torch.matmul(first, x.reshape(batch, step.inner, step.size * height * width))
        else:
            x = torch.matmul(second, x.reshape(batch, -1, step.size, height * width))
    return x.reshape(batch, -1, height, width)
