"""The layers that engines are compared on, each described once from its weights.

A description takes the input's shape (N, C, H, W) and the layer's weights by name, as numpy arrays.
"""

from typing import Callable, Dict, Tuple

import numpy as np

from suites.runtimes.graph import (
    INPUT,
    OUTPUT,
    Activation,
    Axis,
    Contract,
    Convolution,
    FusedWht1d,
    FusedWht2d,
    Graph,
    HardSigmoid,
    Mean,
    Multiply,
    Operation,
    Scale,
    Shape,
    Threshold,
)

Weights = Dict[str, np.ndarray]

#: The longest side of a padded plane that the fused operator takes.
LARGEST_PLANE = 256


def hadamard(size: int) -> np.ndarray:
    """Return the orthonormal matrix of ``size`` points in natural order, float64; a power of two.

    Raises ``ValueError`` for any other ``size``.
    """
    if size < 1 or size & (size - 1):
        raise ValueError("a Walsh-Hadamard matrix has a power of two of rows, not {}".format(size))
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix / size ** 0.5


def padded(size: int) -> int:
    """Return the least power of two at or above ``size``."""
    return 1 << (size - 1).bit_length()


def convolution(name: str, shape: Shape, weights: Weights) -> Graph:
    """Same-padding convolution with bias and ReLU; ``weight`` (out, in, k, k), ``bias``."""
    return Graph(name, shape, (Convolution(INPUT, OUTPUT, weights["weight"], weights["bias"],
                                           activation=Activation.RELU),))


def wht1d_dense(name: str, shape: Shape, weights: Weights) -> Graph:
    """The 1-D layer as two products with the whole matrix; ``threshold`` (padded channels,)."""
    channels, threshold = shape[1], weights["threshold"]
    matrix = hadamard(len(threshold))
    return _wht1d(name, shape, threshold, (matrix[:, :channels],), (matrix[:channels],))


def wht1d_two_stage(name: str, shape: Shape, weights: Weights) -> Graph:
    """The 1-D layer with each matrix as the Kronecker product of two; two must divide the channels."""
    there, back = stages(len(weights["threshold"]), shape[1], shape[1])
    return _wht1d(name, shape, weights["threshold"], there, back)


def stages(size: int, channels: int, out_channels: int) -> Tuple[Tuple[np.ndarray, np.ndarray],
                                                                  Tuple[np.ndarray, np.ndarray]]:
    """Return the two factors of the transform of ``channels`` padded to ``size``, and of its inverse.

    The second factor divides both channel counts, so the padding is columns and rows that the first one lacks.

    Raises ``ValueError`` for odd channel counts and for fewer than 4.
    """
    inner = 1
    while inner * inner * 4 <= size and channels % (2 * inner) == 0 and out_channels % (2 * inner) == 0:
        inner *= 2
    if inner == 1:
        raise ValueError("the two-stage form takes an even number of channels, 4 or more, not {}: use the dense "
                         "form".format(channels if channels % 2 or channels < 4 else out_channels))
    first, second = hadamard(size // inner), hadamard(inner)
    return (first[:, :channels // inner], second), (first[:out_channels // inner], second)


def wht1d_fused(name: str, shape: Shape, weights: Weights) -> Graph:
    """The 1-D layer as the project's own operator. Raises ``ValueError`` unless the channels are a power of two."""
    if shape[1] & (shape[1] - 1):
        raise ValueError("the fused operator takes a power of two of channels, not {}: use the dense form".format(
            shape[1]))
    return Graph(name, shape, (FusedWht1d(INPUT, OUTPUT, weights["threshold"]),))


def _wht1d(name: str, shape: Shape, threshold: np.ndarray, there: Tuple[np.ndarray, ...],
           back: Tuple[np.ndarray, ...]) -> Graph:
    return Graph(name, shape, (
        Contract(INPUT, "spectrum", Axis.CHANNELS, there),
        Threshold("spectrum", "kept", threshold.reshape(-1, 1, 1)),
        Contract("kept", OUTPUT, Axis.CHANNELS, back)))


def wht2d(name: str, shape: Shape, weights: Weights) -> Graph:
    """The 2-D layer as a product along each side of the plane; ``weight`` and ``threshold`` (S, S)."""
    height, width = shape[2:]
    matrix = hadamard(len(weights["weight"]))
    return _wht2d(name, shape, weights, (
        Contract(INPUT, "rows", Axis.ROWS, (matrix[:, :height],)),
        Contract("rows", "spectrum", Axis.COLUMNS, (matrix[:, :width],)),
    ), (
        Contract("kept", "back", Axis.ROWS, (matrix[:height],)),
        Contract("back", OUTPUT, Axis.COLUMNS, (matrix[:width],))))


def wht2d_kron(name: str, shape: Shape, weights: Weights) -> Graph:
    """The 2-D layer with the whole plane as one axis: more products, one matrix for each way.

    Raises ``ValueError`` unless the plane is a square of a power of two.
    """
    size = len(weights["weight"])
    if shape[2:] != (size, size):
        raise ValueError("the plane as one axis takes a square of a power of two, not {}x{}: use the form with a "
                         "product for each side".format(*shape[2:]))
    whole = (np.kron(hadamard(size), hadamard(size)),)
    return _wht2d(name, shape, weights, (Contract(INPUT, "spectrum", Axis.PLANE, whole),),
                  (Contract("kept", OUTPUT, Axis.PLANE, whole),))


def wht2d_fused(name: str, shape: Shape, weights: Weights) -> Graph:
    """The 2-D layer as the project's own operator: any plane, padded to a square of up to 256 a side.

    Raises ``ValueError`` for a larger one and for 1x1.
    """
    size = len(weights["weight"])
    if not 2 <= size <= LARGEST_PLANE:
        raise ValueError("the fused operator takes planes of up to {0}x{0}, larger than 1x1, not {1}x{2}: use the "
                         "form with a product for each side".format(LARGEST_PLANE, *shape[2:]))
    weight = None if np.all(weights["weight"] == 1) else weights["weight"]  # as in the other forms
    return Graph(name, shape, (FusedWht2d(INPUT, OUTPUT, weights["threshold"], weight),))


def _wht2d(name: str, shape: Shape, weights: Weights, there: Tuple[Contract, ...],
           back: Tuple[Contract, ...]) -> Graph:
    # Weights of one, as untrained layers have, change nothing: no engine would be given such a product.
    plain = bool(np.all(weights["weight"] == 1))
    middle: Tuple[Operation, ...] = () if plain else (Scale("spectrum", "weighed", weights["weight"]),)
    threshold = Threshold("spectrum" if plain else "weighed", "kept", weights["threshold"])
    return Graph(name, shape, there + middle + (threshold,) + back)


def squeeze_excite(name: str, shape: Shape, weights: Weights) -> Graph:
    """Mean of each plane, a dense layer with ReLU, one with a hard sigmoid, product with the input."""
    def dense(which: str, x: str, y: str, activation: Activation) -> Convolution:
        return Convolution(x, y, weights[which + ".weight"][:, :, None, None], weights[which + ".bias"],
                           activation=activation)

    return Graph(name, shape, (
        Mean(INPUT, "mean"), dense("squeeze", "mean", "squeezed", Activation.RELU),
        dense("excite", "squeezed", "excited", Activation.NONE), HardSigmoid("excited", "gate"),
        Multiply(INPUT, "gate", OUTPUT)))


def depthwise_separable(name: str, shape: Shape, weights: Weights) -> Graph:
    """Depthwise 3x3, then 1x1 with ReLU; ``0.weight`` (C, 1, 3, 3), ``1.weight`` (out, C, 1, 1) and biases."""
    return Graph(name, shape, (
        Convolution(INPUT, "middle", weights["0.weight"], weights["0.bias"], groups=shape[1]),
        Convolution("middle", OUTPUT, weights["1.weight"], weights["1.bias"], activation=Activation.RELU)))


#: How each layer is described, by the name that a case's option ``graph`` has.
DESCRIPTIONS: Dict[str, Callable[[str, Shape, Weights], Graph]] = {
    "conv1x1": convolution,
    "conv3x3": convolution,
    "wht1d-dense": wht1d_dense,
    "wht1d-two-stage": wht1d_two_stage,
    "wht1d-fused": wht1d_fused,
    "wht2d": wht2d,
    "wht2d-kron": wht2d_kron,
    "wht2d-fused": wht2d_fused,
    "squeeze-excite": squeeze_excite,
    "depthwise-separable": depthwise_separable,
}


def describe(name: str, shape: Shape, weights: Weights) -> Graph:
    """Return the layer called ``name`` for inputs of ``shape``; raises ``ValueError`` in one sentence."""
    if name not in DESCRIPTIONS:
        raise ValueError("there is no description '{}': use {}".format(name, ", ".join(DESCRIPTIONS)))
    return DESCRIPTIONS[name](name, shape, weights)
