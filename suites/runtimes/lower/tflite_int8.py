"""Convolutions as .tflite models in eight bits: signed activations, weights by output channel."""

from suites.runtimes.engine import Layout, Model, Steps
from suites.runtimes.graph import INPUT, OUTPUT, Convolution, Graph
from suites.runtimes.lower.flat import Quantised
from suites.runtimes.lower.tflite import WEIGHT_ORDER, Lowering, convolution
from suites.runtimes.quantise import steps_of, whole

#: Versions of CONV_2D and DEPTHWISE_CONV_2D that know int8 with a step for each channel.
VERSIONS = (3, 3)


def lower(graph: Graph, form: str) -> Model:
    """Return ``graph``, whose operations are convolutions and whose ranges were observed, in int8.

    Raises ``ValueError`` for any other operation.
    """
    steps = steps_of(graph, -128, 127)
    making = Lowering(graph, steps)
    for one in graph.operations:
        if not isinstance(one, Convolution):
            raise ValueError("only convolutions are quantised, not {}".format(type(one).__name__))
        made, step_in = whole(one, steps[one.x]), steps[one.x].step
        of_weights = Quantised(tuple(Steps(step, 0) for step in made.steps), 3 if one.groups > 1 else 0)
        of_sums = Quantised(tuple(Steps(step * step_in, 0) for step in made.steps))
        weight = making.file.constant(made.weight.transpose(WEIGHT_ORDER[one.groups > 1]), of_weights)
        making.put(one.y, convolution(making, one, making.plain(one.x), weight,
                                      making.file.constant(made.bias, of_sums), VERSIONS))
    data = making.file.data(making.values[INPUT].tensor, making.values[OUTPUT].tensor)
    return Model("tflite", form, data, Layout.NHWC, making.shapes[INPUT], making.shapes[OUTPUT], graph, dtype="int8",
                 steps_in=steps[INPUT], steps_out=steps[OUTPUT])
