"""A layer or a small network as a list of operations on tensors (N, C, H, W), free of any engine.

Constants are numpy arrays in float64; whoever lowers a graph rounds them to its own type.
"""

import enum
from typing import Dict, NamedTuple, Optional, Tuple, Union

import numpy as np

#: Names of the value that goes in and of the one that comes out.
INPUT, OUTPUT = "x", "y"


class Axis(enum.Enum):
    """What a matrix is applied along; ``PLANE`` is height and width as one axis."""

    CHANNELS = 1
    ROWS = 2
    COLUMNS = 3
    PLANE = 4


class Activation(enum.Enum):
    """What follows a convolution's sum."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


class Convolution(NamedTuple):
    """Same-padding convolution; ``weight`` (out, in / groups, k, k), ``bias`` (out,)."""

    x: str
    y: str
    weight: np.ndarray
    bias: np.ndarray
    groups: int = 1
    stride: int = 1
    activation: Activation = Activation.NONE


class Contract(NamedTuple):
    """``factors`` applied along ``axis``: one matrix, or the Kronecker product of two.

    Of two, the second is square and symmetric and both are for channels; ``shrinks`` says that the first one leaves
    fewer channels, so whoever applies one after the other begins with it.
    """

    x: str
    y: str
    axis: Axis
    factors: Tuple[np.ndarray, ...]

    @property
    def shrinks(self) -> bool:
        """Whether the first factor gives fewer rows than it takes."""
        return self.factors[0].shape[0] < self.factors[0].shape[1]


class Scale(NamedTuple):
    """``x`` times ``factor``, which broadcasts to (C, H, W)."""

    x: str
    y: str
    factor: np.ndarray


class Threshold(NamedTuple):
    """tanh(x) relu(|x| - ``threshold``), which broadcasts to (C, H, W)."""

    x: str
    y: str
    threshold: np.ndarray


class FusedWht1d(NamedTuple):
    """The whole 1-D layer as one custom operator; ``threshold`` (C,), C a power of two."""

    x: str
    y: str
    threshold: np.ndarray

    @property
    def operator(self) -> str:
        """The custom operator's name."""
        return "EdgeWht1d"

    @property
    def tables(self) -> Tuple[np.ndarray, ...]:
        """The operator's inputs beside ``x``."""
        return (self.threshold,)


class FusedWht2d(NamedTuple):
    """The whole 2-D layer as one custom operator; ``threshold`` and ``weight`` (S, S), S a power of two.

    ``weight`` is ``None`` where it is all ones.
    """

    x: str
    y: str
    threshold: np.ndarray
    weight: Optional[np.ndarray] = None

    @property
    def operator(self) -> str:
        """The custom operator's name."""
        return "EdgeWht2d"

    @property
    def tables(self) -> Tuple[np.ndarray, ...]:
        """The operator's inputs beside ``x``."""
        return (self.threshold,) if self.weight is None else (self.threshold, self.weight)


class Mean(NamedTuple):
    """The mean of every plane, (N, C, 1, 1)."""

    x: str
    y: str


class HardSigmoid(NamedTuple):
    """``x`` / 6 + 1/2, kept within 0 and 1."""

    x: str
    y: str


class Multiply(NamedTuple):
    """``x`` times ``other``, which broadcasts to it."""

    x: str
    other: str
    y: str


class Add(NamedTuple):
    """``x`` plus ``other``, of the same shape."""

    x: str
    other: str
    y: str


Operation = Union[Convolution, Contract, Scale, Threshold, FusedWht1d, FusedWht2d, Mean, HardSigmoid, Multiply, Add]
#: Those that are operators of the project's own.
FUSED = (FusedWht1d, FusedWht2d)
Shape = Tuple[int, int, int, int]


class Graph(NamedTuple):
    """Operations in the order they run, from :data:`INPUT` of ``shape`` (N, C, H, W) to :data:`OUTPUT`.

    ``ranges`` holds the least and the largest number seen of each value, which quantised forms need; it is empty
    until :func:`suites.runtimes.observe.observe` has filled it.
    """

    name: str
    shape: Shape
    operations: Tuple[Operation, ...]
    ranges: Tuple[Tuple[str, float, float], ...] = ()

    @property
    def shapes(self) -> Dict[str, Shape]:
        """The shape of every value by name."""
        found = {INPUT: self.shape}
        for one in self.operations:
            found[one.y] = _shape_after(one, found[one.x])
        return found

    @property
    def shape_out(self) -> Shape:
        """The shape of what comes out."""
        return self.shapes[OUTPUT]

    @property
    def custom_operators(self) -> Tuple[str, ...]:
        """Names of the project's own operators in it."""
        return tuple(sorted({one.operator for one in self.operations if isinstance(one, FUSED)}))

    def of_batch(self, batch: int) -> "Graph":
        """Return the same graph for another number of images."""
        return self._replace(shape=(batch,) + self.shape[1:])


def _shape_after(one: Operation, shape: Shape) -> Shape:
    batch, channels, height, width = shape
    if isinstance(one, Convolution):
        return (batch, one.weight.shape[0], -(-height // one.stride), -(-width // one.stride))
    if isinstance(one, Mean):
        return (batch, channels, 1, 1)
    if isinstance(one, Contract):
        rows = int(np.prod([factor.shape[0] for factor in one.factors]))
        if one.axis is Axis.CHANNELS:
            return (batch, rows, height, width)
        if one.axis is Axis.ROWS:
            return (batch, channels, rows, width)
        return (batch, channels, height, rows) if one.axis is Axis.COLUMNS else shape
    return shape
