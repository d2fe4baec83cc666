"""MobileNet-V2, dense or with Walsh-Hadamard layers in place of 1x1 convolutions, as a graph for other engines.

Batch norms are folded into what stands before them, as every deployed network has them.
"""

from typing import Any, List, Optional, Tuple

import numpy as np
import torch
from torch import nn

from suites.layers.matrices import transform_size
from suites.layers.wht1d import WalshHadamard1d
from suites.networks.mobilenet import ConvUnit, InvertedResidual, MobileNet
from suites.runtimes.describe import stages
from suites.runtimes.graph import (
    INPUT,
    OUTPUT,
    Activation,
    Add,
    Axis,
    Contract,
    Convolution,
    Graph,
    Mean,
    Operation,
    Shape,
    Threshold,
)

ACTIVATIONS = {nn.Identity: Activation.NONE, nn.ReLU: Activation.RELU, nn.ReLU6: Activation.RELU6}


def describe_network(name: str, network: nn.Module, shape: Shape) -> Graph:
    """Return ``network`` for images of ``shape`` (N, 3, H, W); the scores come out as (N, classes, 1, 1).

    Raises ``ValueError`` in one sentence for a network or a layer that has no description.
    """
    if not isinstance(network, MobileNet):
        raise ValueError("no description of a {} is known: use mobilenet_v2".format(type(network).__name__))
    making = _Making()
    y = making.unit(network.stem, INPUT)
    blocks: Any = network.blocks
    for block in blocks:
        y = making.block(block, y)
    y = making.put(Mean, making.unit(network.last, y))
    if not isinstance(network.classifier, nn.Linear):
        raise ValueError("no description of this classifier is known: use mobilenet_v2")
    weight, bias = _numbers(network.classifier.weight), _numbers(network.classifier.bias)
    making.operations.append(Convolution(y, OUTPUT, weight[:, :, None, None], bias))
    return Graph(name, shape, tuple(making.operations))


class _Making:
    def __init__(self) -> None:
        self.operations: List[Operation] = []

    def put(self, kind: Any, x: str, *more: Any, **named: Any) -> str:
        """Add an operation on ``x`` and return the name of its value."""
        y = "v{}".format(len(self.operations))
        if kind is Add:
            self.operations.append(Add(x, more[0], y))
        else:
            self.operations.append(kind(x, y, *more, **named))
        return y

    def block(self, block: InvertedResidual, x: str) -> str:
        if block.gate is not None:
            raise ValueError("no description of a gated block is known: use mobilenet_v2")
        y = x if block.expand is None else self.unit(block.expand, x)
        y = self.unit(block.project, self.unit(block.depthwise, y))
        return self.put(Add, x, y) if block.residual else y

    def unit(self, unit: ConvUnit, x: str) -> str:
        if type(unit.activation) not in ACTIVATIONS:
            raise ValueError("no description of the activation {} is known: use mobilenet_v2".format(
                type(unit.activation).__name__))
        activation = ACTIVATIONS[type(unit.activation)]
        factor, shift = _folded(unit.bn)
        layer: Any = unit.conv
        if isinstance(layer, WalshHadamard1d):
            return self._wht1d(layer, x, factor, shift, activation)
        if not isinstance(layer, nn.Conv2d):
            raise ValueError("no description of a {} is known: use variant 'dense' or 'fwht'".format(
                type(layer).__name__))
        if layer.bias is not None:
            shift = shift + factor * _numbers(layer.bias)
        return self.put(Convolution, x, _numbers(layer.weight) * factor.reshape(-1, 1, 1, 1), shift,
                        groups=layer.groups, stride=layer.stride[0], activation=activation)

    def _wht1d(self, layer: WalshHadamard1d, x: str, factor: np.ndarray, shift: np.ndarray,
               activation: Activation) -> str:
        """Two stages each way where two divides the channels; the batch norm then is a product of its own."""
        if layer.keep_first or layer.order != "natural":
            raise ValueError("no description of a transform that keeps coefficient 0 or sorts them is known")
        size = transform_size(layer.in_channels, layer.out_channels)
        there, back = stages(size, layer.in_channels, layer.out_channels)
        spectrum = self.put(Contract, x, Axis.CHANNELS, there)
        kept = self.put(Threshold, spectrum, _numbers(layer.threshold).reshape(-1, 1, 1))
        y = self.put(Contract, kept, Axis.CHANNELS, back)
        return self.put(Convolution, y, factor.reshape(-1, 1, 1, 1), shift, groups=len(factor),
                        activation=activation)


def _numbers(tensor: Optional[torch.Tensor]) -> np.ndarray:
    assert tensor is not None
    made: np.ndarray = tensor.detach().double().numpy()
    return made


def _folded(norm: nn.BatchNorm2d) -> Tuple[np.ndarray, np.ndarray]:
    """Return the factor and the shift of each channel that ``norm`` is in use."""
    assert norm.running_var is not None
    factor = _numbers(norm.weight) / np.sqrt(_numbers(norm.running_var) + norm.eps)
    return factor, _numbers(norm.bias) - _numbers(norm.running_mean) * factor
