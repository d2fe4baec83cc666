"""Eight-bit numbers for convolutions: steps from the ranges seen, weights by output channel, sums in 32 bits."""

from typing import Dict, NamedTuple, Tuple

import numpy as np

from suites.runtimes.engine import Steps
from suites.runtimes.graph import Convolution, Graph


class Whole(NamedTuple):
    """A convolution's constants in integers: ``weight`` int8 like the real one, ``bias`` int32.

    ``steps`` holds the step of each output channel's weights; their zero is 0.
    """

    weight: np.ndarray
    bias: np.ndarray
    steps: Tuple[float, ...]


def steps_of(graph: Graph, least: int, most: int) -> Dict[str, Steps]:
    """Return the steps of every value whose integers run from ``least`` to ``most``.

    Raises ``ValueError`` where the ranges of ``graph`` were not observed.
    """
    ranges = {name: (low, high) for name, low, high in graph.ranges}
    missing = [name for name in graph.shapes if name not in ranges]
    if missing:
        raise ValueError("the ranges of {} are unknown: observe the graph on an input first".format(
            ", ".join(missing)))
    return {name: steps_between(low, high, least, most) for name, (low, high) in ranges.items()}


def steps_between(low: float, high: float, least: int, most: int) -> Steps:
    """Return the steps that span ``low``, ``high`` and zero with the integers ``least`` to ``most``."""
    low, high = min(low, 0.0), max(high, 1e-9)
    # What the engines store the step in.
    step = float(np.float32((high - low) / (most - least)))
    return Steps(step, int(round(least - low / step)))


def whole(one: Convolution, steps_in: Steps) -> Whole:
    """Return the constants of ``one`` for inputs in ``steps_in``."""
    largest = np.maximum(np.abs(one.weight).reshape(len(one.weight), -1).max(1), 1e-9)
    steps = (largest / 127.0).astype(np.float32)
    weight = np.clip(np.rint(one.weight / steps.reshape(-1, 1, 1, 1)), -127, 127).astype(np.int8)
    bias = np.rint(one.bias / (steps.astype(np.float64) * steps_in.step)).astype(np.int32)
    return Whole(weight, bias, tuple(float(step) for step in steps))
