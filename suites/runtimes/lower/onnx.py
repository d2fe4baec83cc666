"""Graphs as ONNX models: opset 13 and IR version 7, which ONNX Runtime 1.10 to 1.31, OpenVINO and TensorRT 8 read."""

from typing import Any, Dict, List, Sequence, Tuple, Union

import numpy as np

from suites.runtimes.engine import CUSTOM_DOMAIN, Layout, Model
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

OPSET, IR_VERSION = 13, 7


class Nodes:
    """Nodes and constants of one model; equal constants are stored once."""

    def __init__(self) -> None:
        self.nodes: List[Any] = []
        self.constants: List[Any] = []
        self._known: Dict[Tuple[str, Tuple[int, ...], bytes], str] = {}

    def constant(self, values: np.ndarray) -> str:
        """Return the name of a constant with these ``values`` and their type."""
        from onnx import numpy_helper

        values = np.ascontiguousarray(values).reshape(values.shape)  # a scalar stays one
        key = (str(values.dtype), values.shape, values.tobytes())
        if key not in self._known:
            self._known[key] = "_c{}".format(len(self.constants))
            self.constants.append(numpy_helper.from_array(values, self._known[key]))
        return self._known[key]

    def floats(self, values: Union[np.ndarray, float]) -> str:
        """Return the name of a constant in float32."""
        return self.constant(np.asarray(values, np.float32))

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        from onnx import helper

        output = output or "_{}".format(len(self.nodes))  # no value of a graph begins so
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def reshape(self, x: str, shape: Sequence[int], output: str = "") -> str:
        """Return ``x`` in another shape."""
        return self.add("Reshape", [x, self.constant(np.array(shape, np.int64))], output)

    def model(self, x: Any, y: Any) -> bytes:
        """Return the model file."""
        from onnx import helper

        graph = helper.make_graph(self.nodes, "graph", [x], [y], self.constants)
        domains = [helper.make_opsetid("", OPSET)]
        if any(node.domain == CUSTOM_DOMAIN for node in self.nodes):
            domains.append(helper.make_opsetid(CUSTOM_DOMAIN, 1))
        model = helper.make_model(graph, opset_imports=domains, producer_name="edge-transform-bench")
        model.ir_version = IR_VERSION
        data: bytes = model.SerializeToString()
        return data


def lower(graph: Graph, form: str, layout: Layout = Layout.NCHW) -> Model:
    """Return ``graph`` in float32. In NHWC only transforms and elementwise operations can be had."""
    from onnx import TensorProto, helper

    nodes, shapes = Nodes(), graph.shapes
    for one in graph.operations:
        if layout is Layout.NHWC:
            _add_nhwc(nodes, one, shapes[one.x], shapes[one.y])
        else:
            _add(nodes, one, shapes[one.x], shapes[one.y])

    def laid_out(shape: Tuple[int, ...]) -> Tuple[int, ...]:
        return shape if layout is Layout.NCHW else (shape[0], shape[2], shape[3], shape[1])

    shape_in, shape_out = laid_out(graph.shape), laid_out(graph.shape_out)
    data = nodes.model(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape_in),
                       helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape_out))
    return Model("onnx", form, data, layout, shape_in, shape_out, graph, operators=graph.custom_operators)


def fits_nhwc(graph: Graph) -> bool:
    """Whether :func:`lower` can give ``graph`` in NHWC: ONNX has convolutions and means in NCHW only."""
    return all(isinstance(one, (Contract, Scale, Threshold, Add, HardSigmoid)) for one in graph.operations)


def _add(nodes: Nodes, one: Operation, shape: Tuple[int, ...], after: Tuple[int, ...]) -> None:
    if isinstance(one, Convolution):
        _convolution(nodes, one)
    elif isinstance(one, Contract):
        _contract(nodes, one, shape, after)
    elif isinstance(one, Mean):
        nodes.add("GlobalAveragePool", [one.x], one.y)
    elif isinstance(one, FUSED):
        nodes.add(one.operator, [one.x] + [nodes.floats(table) for table in one.tables], one.y, domain=CUSTOM_DOMAIN)
    else:
        _elementwise(nodes, one, lambda values: values)


def _convolution(nodes: Nodes, one: Convolution) -> None:
    kernel = one.weight.shape[2]
    plain = one.activation is Activation.NONE
    y = nodes.add("Conv", [one.x, nodes.floats(one.weight), nodes.floats(one.bias)], one.y if plain else "",
                  pads=[kernel // 2] * 4, group=one.groups, strides=[one.stride] * 2, kernel_shape=[kernel] * 2)
    if one.activation is Activation.RELU:
        nodes.add("Relu", [y], one.y)
    elif one.activation is Activation.RELU6:
        nodes.add("Clip", [y, nodes.floats(0), nodes.floats(6)], one.y)


def _contract(nodes: Nodes, one: Contract, shape: Tuple[int, ...], after: Tuple[int, ...]) -> None:
    batch, channels, height, width = shape
    first = one.factors[0]
    if one.axis is Axis.ROWS:
        nodes.add("MatMul", [nodes.floats(first), one.x], one.y)
    elif one.axis is Axis.COLUMNS:
        nodes.add("MatMul", [one.x, nodes.floats(first.T)], one.y)
    elif one.axis is Axis.PLANE:
        flat = nodes.reshape(one.x, (batch * channels, height * width))
        nodes.reshape(nodes.add("MatMul", [flat, nodes.floats(first.T)]), after, one.y)
    elif len(one.factors) == 1:
        nodes.add("Conv", [one.x, nodes.floats(first[:, :, None, None])], one.y, kernel_shape=[1, 1])
    else:
        # Neither needs a transpose: the inner factor works on slabs of its own, the outer one on all that is behind.
        second, y = one.factors[1], one.x
        for outer in (one.shrinks, not one.shrinks):
            groups = channels // len(second)
            if outer:
                slabs = nodes.reshape(y, (batch, groups, len(second) * height * width))
                y, channels = nodes.add("MatMul", [nodes.floats(first), slabs]), after[1]
            else:
                slabs = nodes.reshape(y, (batch, groups, len(second), height * width))
                y = nodes.add("MatMul", [nodes.floats(second), slabs])
        nodes.reshape(y, after, one.y)


def _add_nhwc(nodes: Nodes, one: Operation, shape: Tuple[int, ...], after: Tuple[int, ...]) -> None:
    batch, channels, height, width = shape
    last = (after[0], after[2], after[3], after[1])
    if not isinstance(one, Contract):
        _elementwise(nodes, one, lambda values: values.transpose(1, 2, 0) if values.ndim == 3 else values[:, :, None])
        return
    first = one.factors[0]
    if one.axis is Axis.CHANNELS and len(one.factors) == 1:
        nodes.add("MatMul", [one.x, nodes.floats(first.T)], one.y)
    elif one.axis is Axis.CHANNELS:
        second = one.factors[1]
        y = nodes.reshape(one.x, (batch * height * width, first.shape[1], len(second)))
        for outer in (one.shrinks, not one.shrinks):
            y = nodes.add("MatMul", [nodes.floats(first), y] if outer else [y, nodes.floats(second)])
        nodes.reshape(y, last, one.y)
    else:
        split = {Axis.ROWS: (batch, height, width * channels), Axis.COLUMNS: (batch * height, width, channels),
                 Axis.PLANE: (batch, height * width, channels)}[one.axis]
        y = nodes.add("MatMul", [nodes.floats(first), nodes.reshape(one.x, split)])
        nodes.reshape(y, last, one.y)


def _elementwise(nodes: Nodes, one: Operation, laid_out: Any) -> None:
    """Add an operation that takes each number alone; ``laid_out`` brings constants (C, H, W) into the layout."""
    if isinstance(one, Threshold):
        size = nodes.add("Sub", [nodes.add("Abs", [one.x]), nodes.floats(laid_out(one.threshold))])
        nodes.add("Mul", [nodes.add("Tanh", [one.x]), nodes.add("Relu", [size])], one.y)
    elif isinstance(one, Scale):
        nodes.add("Mul", [one.x, nodes.floats(laid_out(one.factor))], one.y)
    elif isinstance(one, HardSigmoid):
        nodes.add("HardSigmoid", [one.x], one.y, alpha=1 / 6.0, beta=0.5)
    elif isinstance(one, (Multiply, Add)):
        nodes.add("Mul" if isinstance(one, Multiply) else "Add", [one.x, one.other], one.y)
    else:
        raise ValueError("no ONNX form of {} is known in this layout: use NCHW".format(type(one).__name__))
