"""Every lowering, run in its engine, equals the float64 dense reference."""

import os
import subprocess
import sys

import numpy as np
import pytest
from engines_here import EVEN, LAYERS, SQUARE, allowed, call, case, engine_or_skip, error, made
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.builders.described import FAMILIES, layer
from suites.runtimes import ENGINES, find_engine
from suites.runtimes.engine import fill, read

FLOAT32 = ("stock", "builtin", "channels-last", "no-winograd")
NAMES = [name for name in ENGINES if name != "tensorrt"]


def forms_of(engine, graph):
    return [form for form in engine.forms(graph) if form in FLOAT32]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("engine_name", NAMES)
@pytest.mark.parametrize("batch", [1, 10])
def test_every_form_of_every_layer_is_exact(engine_name, name, batch):
    engine = engine_or_skip(engine_name)
    graph, x, reference = made(name, (batch, 16, 8, 8), 0)
    for form in forms_of(engine, graph):
        y, described = call(engine, graph, form, x)
        assert error(y, reference) < allowed(engine_name, graph, form), form
        assert described["precision"] == "float32" and described["form"] == form


@pytest.mark.parametrize("engine_name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_channels_and_plane(engine_name, data):
    engine = engine_or_skip(engine_name)
    name = data.draw(st.sampled_from(LAYERS))
    square = name in SQUARE
    channels = data.draw(st.sampled_from([4, 6, 8, 12, 20, 24, 32, 40, 64] if name in EVEN else
                                         [1, 3, 4, 8, 12, 24, 33]))
    if name == "squeeze-excite":
        channels = max(channels, 4)
    height = data.draw(st.sampled_from([2, 4, 8] if square else [1, 3, 5, 7, 8, 14]))
    width = height if square else data.draw(st.sampled_from([1, 2, 7, 9, 16]))
    graph, x, reference = made(name, (data.draw(st.integers(1, 3)), channels, height, width),
                               data.draw(st.integers(0, 999)))
    form = data.draw(st.sampled_from(forms_of(engine, graph)))
    assert error(call(engine, graph, form, x)[0], reference) < 2 * allowed(engine_name, graph, form)


@pytest.mark.parametrize("engine_name", NAMES)
def test_more_threads_change_no_result(engine_name):
    engine = engine_or_skip(engine_name)
    graph, x, reference = made("wht1d-two-stage", (1, 64, 16, 16), 3)
    y, described = call(engine, graph, "stock", x, threads=2)
    assert error(y, reference) < 1e-5
    assert described["threads"] == "2"


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_case_gets_the_weights_and_the_reference_of_its_layer(name):
    found = layer(case(name, (2, 16, 8, 8)))
    assert found.graph.shape == (2, 16, 8, 8) and found.parameters > 0 and found.macs > 0
    if name in ("wht1d-fused", "wht2d-fused"):
        return
    engine = find_engine("torch")
    x = np.random.RandomState(0).standard_normal((2, 16, 8, 8)).astype(np.float32)
    import torch

    reference = found.reference(torch.from_numpy(x).double()).numpy()
    assert error(call(engine, found.graph, "stock", x)[0], reference) < 1e-5


def test_what_a_form_cannot_take_is_said_in_a_sentence():
    with pytest.raises(ValueError, match="takes an even number of channels, 4 or more, not 25: use the dense form"):
        layer(case("wht1d-two-stage", (1, 25, 8, 8)))
    with pytest.raises(ValueError, match="a square of a power of two, not 7x8"):
        layer(case("wht2d-kron", (1, 4, 7, 8)))
    with pytest.raises(ValueError, match="there is no description 'conv2x2': use conv1x1"):
        layer(case("conv2x2", (1, 4, 7, 8)))


KEPT_ALONE = """
import gc, sys
import numpy as np
from engines_here import made
from suites.runtimes import find_engine

engine = find_engine(sys.argv[1])
graph, x, _ = made("conv1x1", (2, 64, 32, 32), 0)   # arrays large enough for maps of their own, which go at once
model = engine.lower(graph, "stock")
run = engine.load(model, 1).run
gc.collect()
others = [np.full(1 << 18, 1.5) for _ in range(20)]
for _ in range(3):
    run()
assert all((one == 1.5).all() for one in others)
"""


@pytest.mark.parametrize("engine_name", NAMES)
def test_a_call_keeps_the_memory_that_it_works_on(engine_name):
    engine_or_skip(engine_name)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([os.getcwd(), os.path.dirname(__file__)]),
                       MALLOC_MMAP_THRESHOLD_="131072")
    done = subprocess.run([sys.executable, "-c", KEPT_ALONE, engine_name], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize("engine_name", [name for name in NAMES if name != "torch"])
def test_large_inputs_and_outputs_begin_a_cache_line_as_the_engines_own_tensors_do(engine_name):
    """Those of numpy do not: then stores past the caches cannot be had, and engines seemed slower than they are."""
    engine = engine_or_skip(engine_name)
    graph, x, reference = made("wht1d-two-stage", (2, 1024, 32, 32), 0)
    model = engine.lower(graph, "stock")
    loaded = engine.load(model, 1)
    fill(loaded, model, x)
    loaded.run()
    assert loaded.input.ctypes.data % 64 == 0 and error(read(loaded, model), reference) < 1e-5
    if engine_name != "ncnn":                            # whose results are blobs, put together when asked for
        assert loaded.output().ctypes.data % 64 == 0
