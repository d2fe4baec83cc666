"""Graphs as .tflite models in NHWC, for LiteRT and TensorFlow Lite; ``flat`` writes the file."""

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from suites.runtimes.engine import Layout, Model, Steps
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
from suites.runtimes.lower.flat import File, Options, Quantised

Shape = Tuple[int, ...]

#: Axes of a weight (out, in / groups, k, k) as TFLite has them: (out, k, k, in), depthwise (1, k, k, out).
WEIGHT_ORDER = {False: (0, 2, 3, 1), True: (1, 2, 3, 0)}


class Stored(NamedTuple):
    """A value in the file: its tensor and shape, and whether the channels' two factors have changed places.

    Swapped, (N, C, H, W) lies as (pixels, second factor, first factor): a second transpose of each transform is saved
    by leaving it so until the way back.
    """

    tensor: int
    shape: Shape
    swapped: bool = False


class Lowering:
    """One graph on its way into a file; quantised where ``steps`` are given for every value."""

    def __init__(self, graph: Graph, steps: Optional[Dict[str, Steps]] = None) -> None:
        self.file = File()
        self.graph = graph
        self.shapes = {name: (shape[0], shape[2], shape[3], shape[1]) for name, shape in graph.shapes.items()}
        self.steps = steps
        self.values = {INPUT: Stored(self.tensor_of(INPUT), self.shapes[INPUT])}

    def tensor_of(self, name: str) -> int:
        """Return a new tensor for the value ``name``, in NHWC."""
        if self.steps is None:
            return self.file.tensor(self.shapes[name])
        return self.file.tensor(self.shapes[name], "int8", Quantised((self.steps[name],)))

    def add(self, operator: str, inputs: Sequence[int], shape: Shape, output: Optional[int] = None,
            options: Optional[Tuple[str, Options]] = None, version: int = 1) -> int:
        """Add the operator called ``operator``; the output is a new tensor of ``shape`` unless given."""
        import tflite

        made = self.file.tensor(shape) if output is None else output
        kind, write = (getattr(tflite.BuiltinOptions, options[0]), options[1]) if options is not None else (0, None)
        return self.file.operator(getattr(tflite.BuiltinOperator, operator), inputs, made, kind, write, version)

    def reshape(self, tensor: int, shape: Shape, output: Optional[int] = None) -> int:
        """Return ``tensor`` in another shape."""
        wanted = self.file.constant(np.array(shape, np.int32))
        return self.add("RESHAPE", [tensor, wanted], shape, output, ("ReshapeOptions", _empty("Reshape")))

    def plain(self, name: str) -> int:
        """Return the tensor of a value in NHWC."""
        value = self.values[name]
        assert not value.swapped  # only a contraction swaps, and the one after it takes it back
        return value.tensor if value.shape == self.shapes[name] else self.reshape(value.tensor, self.shapes[name])

    def put(self, name: str, tensor: int) -> None:
        """Name a tensor in NHWC."""
        self.values[name] = Stored(tensor, self.shapes[name])


def lower(graph: Graph, form: str) -> Model:
    """Return ``graph`` in float32."""
    making = Lowering(graph)
    for one in graph.operations:
        _add(making, one)
    y = making.values[OUTPUT]
    tensor = y.tensor if y.shape == making.shapes[OUTPUT] else making.reshape(y.tensor, making.shapes[OUTPUT])
    return Model("tflite", form, making.file.data(making.values[INPUT].tensor, tensor), Layout.NHWC,
                 making.shapes[INPUT], making.shapes[OUTPUT], graph, operators=graph.custom_operators)


def _add(making: Lowering, one: Operation) -> None:
    if isinstance(one, Contract) and one.axis is Axis.CHANNELS and len(one.factors) == 2:
        _two_stages(making, one)
    elif isinstance(one, Threshold):
        _threshold(making, one)
    else:
        making.put(one.y, _add_plain(making, one))


def _add_plain(making: Lowering, one: Operation) -> int:
    x, shape = making.plain(one.x), making.shapes[one.y]
    if isinstance(one, Convolution):
        return convolution(making, one, x, making.file.floats(one.weight.transpose(WEIGHT_ORDER[one.groups > 1])),
                           making.file.floats(one.bias))
    if isinstance(one, Contract):
        return _contract(making, one, x)
    if isinstance(one, FUSED):
        import tflite

        tables = [making.file.floats(table) for table in one.tables]
        return making.file.operator(tflite.BuiltinOperator.CUSTOM, [x] + tables, making.tensor_of(one.y),
                                    custom=one.operator)
    if isinstance(one, Mean):
        axes = making.file.constant(np.array([1, 2], np.int32))
        return making.add("MEAN", [x, axes], shape, None, ("ReducerOptions", _keep_dimensions))
    if isinstance(one, HardSigmoid):
        shifted = _binary(making, "ADD", x, making.file.floats(3), shape, "RELU6")
        return _binary(making, "MUL", shifted, making.file.floats(1 / 6.0), shape)
    if isinstance(one, Scale):
        factor = making.file.floats(_last(one.factor))
        return _binary(making, "MUL", x, factor, shape)
    if isinstance(one, (Multiply, Add)):
        return _binary(making, "MUL" if isinstance(one, Multiply) else "ADD", x, making.plain(one.other), shape)
    raise ValueError("no TFLite form of {} is known".format(type(one).__name__))


def convolution(making: Lowering, one: Convolution, x: int, weight: int, bias: int,
                version: Tuple[int, int] = (1, 1)) -> int:
    """Add a convolution with weights in :data:`WEIGHT_ORDER` as tensor ``weight``.

    ``version`` is that of CONV_2D and of DEPTHWISE_CONV_2D. Raises ``ValueError`` for groups other than one or the
    number of channels.
    """
    import tflite

    channels, kernel = making.shapes[one.x][3], one.weight.shape[2]
    activation = {Activation.NONE: "NONE", Activation.RELU: "RELU", Activation.RELU6: "RELU6"}[one.activation]
    depthwise = one.groups > 1
    if depthwise and (one.groups != channels or one.weight.shape[0] != channels):
        raise ValueError("TFLite has convolutions of one group or of one group for each channel, not of {} "
                         "groups".format(one.groups))
    name = "DepthwiseConv2D" if depthwise else "Conv2D"
    padding = tflite.Padding.SAME
    if one.stride > 1 and kernel > 1:
        # SAME would put the odd line of an even plane behind it; the layers put one on both sides.
        x, padding = _pad(making, x, making.shapes[one.x], kernel // 2), tflite.Padding.VALID

    def options(b: Any) -> int:
        getattr(tflite, name + "OptionsStart")(b)
        getattr(tflite, name + "OptionsAddPadding")(b, padding)
        getattr(tflite, name + "OptionsAddStrideW")(b, one.stride)
        getattr(tflite, name + "OptionsAddStrideH")(b, one.stride)
        if depthwise:
            tflite.DepthwiseConv2DOptionsAddDepthMultiplier(b, 1)
        getattr(tflite, name + "OptionsAddFusedActivationFunction")(
            b, getattr(tflite.ActivationFunctionType, activation))
        return int(getattr(tflite, name + "OptionsEnd")(b))

    return making.add("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [x, weight, bias], (),
                      making.tensor_of(one.y), (name + "Options", options), version[int(depthwise)])


def _pad(making: Lowering, x: int, shape: Shape, by: int) -> int:
    batch, height, width, channels = shape
    wider = making.file.constant(np.array([[0, 0], [by, by], [by, by], [0, 0]], np.int32))
    return making.add("PAD", [x, wider], (batch, height + 2 * by, width + 2 * by, channels))


def _contract(making: Lowering, one: Contract, x: int) -> int:
    batch, height, width, channels = making.shapes[one.x]
    first, shape = one.factors[0], making.shapes[one.y]
    if one.axis is Axis.CHANNELS:
        return _dense(making, x, first, shape)
    flat = {Axis.ROWS: (batch, height, width * channels), Axis.COLUMNS: (batch * height, width, channels),
            Axis.PLANE: (batch, height * width, channels)}[one.axis]
    split = making.reshape(x, flat)
    matrix = making.file.floats(first[None])
    y = making.add("BATCH_MATMUL", [matrix, split], (flat[0], first.shape[0], flat[2]), None,
                   ("BatchMatMulOptions", _empty("BatchMatMul")))
    return making.reshape(y, shape)


def _two_stages(making: Lowering, one: Contract) -> None:
    """Apply the factors one after the other with one transpose between, from either order into the other."""
    first, second = one.factors
    value, shape = making.values[one.x], making.shapes[one.x]
    pixels = int(np.prod(shape[:3]))
    before, after = (first, second) if value.swapped else (second, first)
    x, kept = value.tensor, value.shape[1] if value.swapped else after.shape[1]
    if not value.swapped and len(value.shape) != 3:
        x = making.reshape(x, (pixels, kept, before.shape[1]))
    x = _dense(making, x, before, (pixels, kept, len(before)))
    order = making.file.constant(np.array([0, 2, 1], np.int32))
    x = making.add("TRANSPOSE", [x, order], (pixels, len(before), kept))
    x = _dense(making, x, after, (pixels, len(before), len(after)))
    making.values[one.y] = Stored(x, (pixels, len(before), len(after)), not value.swapped)


def _threshold(making: Lowering, one: Threshold) -> None:
    """tanh(x) relu(|x| - T), in whatever order the value lies."""
    value = making.values[one.x]
    if value.swapped:
        threshold = one.threshold.reshape(value.shape[2], value.shape[1]).T
    else:
        threshold = _last(one.threshold)
        if len(value.shape) == 3:
            threshold = threshold.reshape(value.shape[1:])
    size = _binary(making, "SUB", making.add("ABS", [value.tensor], value.shape),
                   making.file.floats(threshold), value.shape, "RELU")
    sign = making.add("TANH", [value.tensor], value.shape)
    making.values[one.y] = value._replace(tensor=_binary(making, "MUL", sign, size, value.shape))


def _last(values: np.ndarray) -> np.ndarray:
    """Return constants that broadcast to (C, H, W) as ones that broadcast to (H, W, C)."""
    return values.transpose(1, 2, 0) if values.ndim == 3 else values[:, :, None]


def _dense(making: Lowering, x: int, matrix: np.ndarray, shape: Shape) -> int:
    import tflite

    def options(b: Any) -> int:
        tflite.FullyConnectedOptionsStart(b)
        tflite.FullyConnectedOptionsAddKeepNumDims(b, True)
        return int(tflite.FullyConnectedOptionsEnd(b))

    return making.add("FULLY_CONNECTED", [x, making.file.floats(matrix), -1], shape, None,
                      ("FullyConnectedOptions", options), 5)


def _binary(making: Lowering, operator: str, x: int, other: int, shape: Shape, activation: str = "NONE") -> int:
    import tflite

    name = operator.capitalize() + "Options"

    def options(b: Any) -> int:
        getattr(tflite, name + "Start")(b)
        getattr(tflite, name + "AddFusedActivationFunction")(b, getattr(tflite.ActivationFunctionType, activation))
        return int(getattr(tflite, name + "End")(b))

    return making.add(operator, [x, other], shape, None, (name, options))


def _empty(name: str) -> Options:
    """Return a writer of options left at their defaults."""
    def write(b: Any) -> int:
        import tflite

        getattr(tflite, name + "OptionsStart")(b)
        return int(getattr(tflite, name + "OptionsEnd")(b))

    return write


def _keep_dimensions(b: Any) -> int:
    import tflite

    tflite.ReducerOptionsStart(b)
    tflite.ReducerOptionsAddKeepDims(b, True)
    return int(tflite.ReducerOptionsEnd(b))
