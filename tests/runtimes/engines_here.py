"""What the tests of the engines share: graphs with random weights, their float64 references, one call of a model."""

import numpy as np
import pytest
import torch

from harness.plan import Case
from suites.builders import dense
from suites.runtimes import find_engine
from suites.runtimes.describe import describe, padded
from suites.runtimes.engine import fill, read

LAYERS = ("conv1x1", "conv3x3", "wht1d-dense", "wht1d-two-stage", "wht2d", "wht2d-kron", "squeeze-excite",
          "depthwise-separable")
#: Those whose channels must be even, or planes squares of powers of two.
EVEN, SQUARE = ("wht1d-two-stage",), ("wht2d-kron",)


def engine_or_skip(name):
    engine = find_engine(name)
    found = engine.find()
    if found.version is None:
        pytest.skip("{}: {}".format(found.reason, found.remedy))
    return engine


def random_weights(name, shape, seed):
    """Weights of any size a layer could have learnt, thresholds that pass some coefficients and stop others."""
    random = np.random.RandomState(seed)
    channels, (height, width) = shape[1], shape[2:]

    def normal(*sides):
        return random.standard_normal(sides) / np.sqrt(np.prod(sides[1:]))

    if name.startswith("conv"):
        kernel = int(name[-1])
        return {"weight": normal(channels + 3, channels, kernel, kernel),
                "bias": random.standard_normal(channels + 3)}
    if name.startswith("wht1d"):
        return {"threshold": random.uniform(0, 1, padded(channels))}
    if name.startswith("wht2d"):
        size = padded(max(height, width))
        return {"weight": random.uniform(0.5, 2, (size, size)), "threshold": random.uniform(0, 1, (size, size))}
    if name == "squeeze-excite":
        hidden = max(channels // 4, 1)
        return {"squeeze.weight": normal(hidden, channels), "squeeze.bias": random.standard_normal(hidden),
                "excite.weight": 3 * normal(channels, hidden), "excite.bias": random.standard_normal(channels)}
    return {"0.weight": normal(channels, 1, 3, 3), "0.bias": random.standard_normal(channels),
            "1.weight": normal(channels + 3, channels, 1, 1), "1.bias": random.standard_normal(channels + 3)}


def exact(name, weights, x):
    """The layer in float64 by the dense route of the suites, which shares nothing with any lowering."""
    weights = {key: torch.from_numpy(value) for key, value in weights.items()}
    x = torch.from_numpy(x).double()
    if name.startswith("conv"):
        y = torch.relu(dense.convolution(x, weights["weight"], weights["bias"]))
    elif name.startswith("wht1d"):
        y = dense.wht1d(x, weights["threshold"], x.shape[1])
    elif name.startswith("wht2d"):
        y = dense.wht2d(x, weights["weight"], weights["threshold"])
    elif name == "squeeze-excite":
        y = dense.squeeze_excite(x, (weights["squeeze.weight"], weights["squeeze.bias"]),
                                 (weights["excite.weight"], weights["excite.bias"]))
    else:
        middle = dense.depthwise(x, weights["0.weight"], weights["0.bias"])
        y = torch.relu(dense.convolution(middle, weights["1.weight"], weights["1.bias"]))
    return y.numpy()


def made(name, shape, seed):
    """A graph, an input and what the graph makes of it in float64."""
    weights = random_weights(name, shape, seed)
    x = np.random.RandomState(seed + 1).standard_normal(shape).astype(np.float32)
    return describe(name, shape, weights), x, exact(name, weights, x)


def call(engine, graph, form, x, threads=1):
    """What ``engine`` makes of ``x``, called twice since the second call must not see the first one's leftovers."""
    model = engine.lower(graph, form)
    loaded = engine.load(model, threads)
    fill(loaded, model, np.ones_like(x))
    loaded.run()
    fill(loaded, model, x)
    loaded.run()
    return read(loaded, model), loaded.described


def allowed(engine_name, graph, form):
    """Winograd's transforms round more than the products they save; everything else keeps float32's own error."""
    return 1e-4 if engine_name == "ncnn" and "no-winograd" in find_engine("ncnn").forms(graph) and form == "stock" \
        else 1e-5


def error(y, reference):
    """Largest error relative to the reference's root mean square, as the harness has it."""
    assert y.shape == reference.shape
    return float(np.abs(y - reference).max() / np.sqrt((reference ** 2).mean()))


def case(graph, shape, layer="Conv 1x1", **options):
    return Case(layer, "stock", "suites.builders.runtimes:engine", shape,
                options=tuple(sorted(dict(options, graph=graph).items())))
