"""Engines for the tests of what is made of them: one that works, and one for each way to be of no use."""

import numpy as np

from suites.runtimes.engine import Engine, Found, Layout, Loaded, Model
from suites.runtimes.lower.torch import GraphModule


class FakeEngine(Engine):
    """Runs a graph with torch's own operators; ``scale`` makes it wrong, ``layout`` is how it holds its tensors."""

    name = "fake"

    def __init__(self, found=None, problem=None, broken=None, scale=1.0, layout=Layout.NCHW):
        self.found = found or Found("1.2.3")
        self.problem, self.broken, self.scale, self.layout = problem, broken, scale, layout
        self.threads = []

    def find(self):
        return self.found

    def forms(self, graph):
        return ("stock", "half")

    def why_not(self, graph, form):
        return super(FakeEngine, self).why_not(graph, form) or self.problem

    def lower(self, graph, form):
        shape_in, shape_out = graph.shape, graph.shape_out
        if self.layout is Layout.NHWC:
            shape_in, shape_out = (tuple(shape[i] for i in (0, 2, 3, 1)) for shape in (shape_in, shape_out))
        return Model("torch", form, b"x" * 500000, self.layout, tuple(shape_in), tuple(shape_out), graph)

    def load(self, model, threads):
        import torch

        if self.broken:
            raise RuntimeError(self.broken)
        self.threads.append(threads)
        module, x = GraphModule(model.graph), np.zeros(model.shape_in, np.float32)
        y = np.zeros(model.shape_out, np.float32)

        def run():
            last = self.layout is Layout.NHWC
            given = torch.from_numpy(x).permute(0, 3, 1, 2) if last else torch.from_numpy(x)
            found = module(given).detach() * self.scale
            y[...] = (found.permute(0, 2, 3, 1) if last else found).numpy()

        return Loaded(run, x, lambda: y, {"engine": "fake", "version": "1.2.3", "form": model.form, "threads": "1",
                                          "threads found": "1", "precision": "float32", "kernels": "none"})
