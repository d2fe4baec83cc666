"""Graphs as ncnn models: a text that lists the layers and a file of raw weights. There is no batch axis."""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from suites.runtimes.engine import Layout, Model
from suites.runtimes.graph import (
    FUSED,
    INPUT,
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

MAGIC = 7767517
#: Before a layer's weights: what follows is raw float32.
RAW_FLOAT32 = b"\0\0\0\0"
#: Codes of UnaryOp, BinaryOp and of the activations a convolution can take along.
ABS, SUB, MUL, ADD = 0, 1, 2, 0
RELU, CLIP = 1, 3

Shape = Tuple[int, ...]


class Layers:
    """Lines and weights of one model."""

    def __init__(self) -> None:
        self._lines: List[Tuple[str, Tuple[str, ...], str, str]] = []
        self._weights: List[bytes] = []
        self._constants: Dict[Tuple[Shape, bytes], str] = {}

    def add(self, kind: str, inputs: Sequence[str], output: str = "", weights: Sequence[bytes] = (),
            **numbers: Any) -> str:
        """Add a layer; ``numbers`` are its parameters, ``p3=1`` for number 3. Return the name of its output."""
        output = output or "_{}".format(len(self._lines))  # no value of a graph begins so
        said = " ".join("{}={}".format(key[1:].replace("_", "-"), value) for key, value in numbers.items())
        self._lines.append((kind, tuple(inputs), output, said))
        self._weights.extend(weights)
        return output

    def constant(self, values: np.ndarray) -> str:
        """Return a constant of up to three axes, outermost first; equal ones are stored once."""
        data = np.ascontiguousarray(values, np.float32)
        key = (data.shape, data.tobytes())
        if key not in self._constants:
            sides: Dict[str, Any] = dict(zip(("p0", "p1", "p2"), reversed(data.shape)))
            self._constants[key] = self.add("MemoryData", [], weights=[data.tobytes()], **sides)
        return self._constants[key]

    def files(self) -> Tuple[bytes, bytes]:
        """Return the two files; every value that is used more than once goes through a layer that splits it."""
        uses: Dict[str, int] = {}
        for _, inputs, _, _ in self._lines:
            for name in inputs:
                uses[name] = uses.get(name, 0) + 1
        taken: Dict[str, int] = {}
        lines, blobs = [], 0
        for kind, inputs, output, said in self._lines:
            named = []
            for name in inputs:
                if uses[name] > 1:
                    taken[name] = taken.get(name, 0) + 1
                    name = "{}_{}".format(name, taken[name])
                named.append(name)
            lines.append(_line(kind, output, named, [output], said))
            blobs += 1
            if uses.get(output, 0) > 1:
                parts = ["{}_{}".format(output, part + 1) for part in range(uses[output])]
                lines.append(_line("Split", output + "_split", [output], parts, ""))
                blobs += len(parts)
        text = "{}\n{} {}\n{}\n".format(MAGIC, len(lines), blobs, "\n".join(lines))
        return text.encode("ascii"), b"".join(self._weights)


def _line(kind: str, name: str, inputs: Sequence[str], outputs: Sequence[str], said: str) -> str:
    return " ".join([kind, name, str(len(inputs)), str(len(outputs))] + list(inputs) + list(outputs) + [said]).strip()


def lower(graph: Graph, form: str) -> Model:
    """Return ``graph`` for one image in float32; whoever runs it calls it once for each image."""
    layers, shapes = Layers(), graph.shapes
    _, channels, height, width = graph.shape
    layers.add("Input", [], INPUT, p0=width, p1=height, p2=channels)
    for one in graph.operations:
        _add(layers, one, shapes[one.x][1:], shapes[one.y][1:])
    text, weights = layers.files()
    return Model("ncnn", form, text, Layout.NCHW, graph.shape, graph.shape_out, graph, weights,
                 operators=graph.custom_operators)


def _add(layers: Layers, one: Operation, shape: Shape, after: Shape) -> None:
    if isinstance(one, Convolution):
        _convolution(layers, one, shape[0])
    elif isinstance(one, Contract):
        _contract(layers, one, shape, after)
    elif isinstance(one, Threshold):
        size = layers.add("UnaryOp", [one.x], p0=ABS)
        size = layers.add("BinaryOp", [size, layers.constant(_whole(one.threshold))], p0=SUB)
        size = layers.add("ReLU", [size])
        layers.add("BinaryOp", [layers.add("TanH", [one.x]), size], one.y, p0=MUL)
    elif isinstance(one, FUSED):
        layers.add(one.operator, [one.x] + [layers.constant(table) for table in one.tables], one.y)
    elif isinstance(one, Mean):
        layers.add("Reshape", [layers.add("Pooling", [one.x], p0=1, p4=1)], one.y, p0=1, p1=1, p2=shape[0])
    elif isinstance(one, HardSigmoid):
        layers.add("HardSigmoid", [one.x], one.y, p0="{:.9g}".format(1 / 6.0), p1="0.5")
    elif isinstance(one, Scale):
        layers.add("BinaryOp", [one.x, layers.constant(_whole(one.factor))], one.y, p0=MUL)
    elif isinstance(one, (Multiply, Add)):
        layers.add("BinaryOp", [one.x, one.other], one.y, p0=MUL if isinstance(one, Multiply) else ADD)
    else:
        raise ValueError("no ncnn form of {} is known".format(type(one).__name__))


def _whole(values: np.ndarray) -> np.ndarray:
    """Return constants that broadcast to (C, H, W) with all three axes."""
    return values if values.ndim == 3 else values[None]


def _raw(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, np.float32).tobytes()


def _convolution(layers: Layers, one: Convolution, channels: int) -> None:
    out_channels, _, kernel, _ = one.weight.shape
    numbers: Dict[str, Any] = {"p0": out_channels, "p1": kernel, "p3": one.stride, "p4": kernel // 2, "p5": 1,
                               "p6": one.weight.size}
    if one.groups > 1:
        numbers["p7"] = one.groups
    if one.activation is Activation.RELU:
        numbers["p9"] = RELU
    elif one.activation is Activation.RELU6:
        numbers.update({"p9": CLIP, "p_23310": "2,0.0,6.0"})
    layers.add("ConvolutionDepthWise" if one.groups > 1 else "Convolution", [one.x], one.y,
               [RAW_FLOAT32, _raw(one.weight), _raw(one.bias)], **numbers)


def _product(layers: Layers, x: str, matrix: np.ndarray, output: str = "", groups: int = 1) -> str:
    """Apply ``matrix`` to the channels, or to each of ``groups`` groups of them."""
    weights = np.tile(matrix, (groups, 1))
    numbers: Dict[str, Any] = {"p0": len(weights), "p1": 1, "p5": 0, "p6": weights.size}
    if groups > 1:
        numbers["p7"] = groups
    return layers.add("ConvolutionDepthWise" if groups > 1 else "Convolution", [x], output,
                      [RAW_FLOAT32, _raw(weights)], **numbers)


def _reshape(layers: Layers, x: str, shape: Shape, output: str = "") -> str:
    sides: Dict[str, Any] = dict(zip(("p0", "p1", "p2"), reversed(shape)))
    return layers.add("Reshape", [x], output, **sides)


def _contract(layers: Layers, one: Contract, shape: Shape, after: Shape) -> None:
    channels, height, width = shape
    first = one.factors[0]
    if one.axis is Axis.CHANNELS and len(one.factors) == 1:
        _product(layers, one.x, first, one.y)
    elif one.axis is Axis.CHANNELS:
        second, y = one.factors[1], one.x
        for outer in (one.shrinks, not one.shrinks):
            groups = channels // len(second)
            if outer:
                y = _product(layers, _reshape(layers, y, (groups, len(second), height * width)), first)
                channels = after[0]
                y = _reshape(layers, y, after, "" if one.shrinks else one.y)
            else:
                y = _product(layers, y, second, one.y if one.shrinks else "", groups)
    elif one.axis is Axis.ROWS:
        layers.add("MatMul", [layers.constant(first), one.x], one.y)
    elif one.axis is Axis.COLUMNS:
        flat = _reshape(layers, one.x, (channels * height, width))
        _reshape(layers, _gemm(layers, flat, first), after, one.y)
    else:
        flat = _reshape(layers, one.x, (channels, height * width))
        _reshape(layers, _gemm(layers, flat, first), after, one.y)


def _gemm(layers: Layers, x: str, matrix: np.ndarray) -> str:
    """Return ``x`` (rows, columns) times the transpose of ``matrix``, which lies in the layer itself."""
    rows, columns = matrix.shape
    return layers.add("Gemm", [x], weights=[RAW_FLOAT32, _raw(matrix)], p2=0, p3=1, p5=1, p6=1, p8=rows, p9=columns,
                      p10=-1)
