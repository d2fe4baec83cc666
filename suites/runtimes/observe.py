"""The range of every value of a graph, seen on an input, as quantised forms need it."""

import torch

from suites.runtimes.graph import Graph
from suites.runtimes.lower.torch import GraphModule


def observe(graph: Graph, x: torch.Tensor) -> Graph:
    """Return ``graph`` with the ranges of its values on ``x`` (any batch of images of its shape)."""
    with torch.no_grad():
        values = GraphModule(graph.of_batch(len(x))).values(x.float())
    return graph._replace(ranges=tuple((name, float(value.min()), float(value.max()))
                                       for name, value in values.items()))
