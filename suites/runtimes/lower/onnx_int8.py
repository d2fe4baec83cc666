"""Convolutions as ONNX models in eight bits: QLinearConv, unsigned activations, weights by output channel."""

import numpy as np

from suites.runtimes.engine import Layout, Model, Steps
from suites.runtimes.graph import INPUT, OUTPUT, Convolution, Graph
from suites.runtimes.lower.onnx import Nodes
from suites.runtimes.quantise import steps_of, whole


def lower(graph: Graph, form: str) -> Model:
    """Return ``graph``, whose operations are convolutions and whose ranges were observed, in uint8.

    A ReLU needs no operator: its least number, 0, is the least integer.

    Raises ``ValueError`` for any other operation.
    """
    from onnx import TensorProto, helper

    steps, nodes = steps_of(graph, 0, 255), Nodes()

    def named(one: Steps) -> list:
        return [nodes.floats(one.step), nodes.constant(np.array(one.zero, np.uint8))]

    for one in graph.operations:
        if not isinstance(one, Convolution):
            raise ValueError("only convolutions are quantised, not {}".format(type(one).__name__))
        made, kernel = whole(one, steps[one.x]), one.weight.shape[2]
        nodes.add("QLinearConv",
                  [one.x] + named(steps[one.x])
                  + [nodes.constant(made.weight), nodes.floats(np.array(made.steps)),
                     nodes.constant(np.zeros(len(made.steps), np.int8))]
                  + named(steps[one.y]) + [nodes.constant(made.bias)],
                  one.y, pads=[kernel // 2] * 4, group=one.groups, strides=[one.stride] * 2,
                  kernel_shape=[kernel] * 2)
    data = nodes.model(helper.make_tensor_value_info(INPUT, TensorProto.UINT8, graph.shape),
                       helper.make_tensor_value_info(OUTPUT, TensorProto.UINT8, graph.shape_out))
    return Model("onnx", form, data, Layout.NCHW, graph.shape, graph.shape_out, graph, dtype="uint8",
                 steps_in=steps[INPUT], steps_out=steps[OUTPUT])
