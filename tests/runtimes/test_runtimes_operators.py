"""The fused layers as operators of other engines: exact whichever way they chose, clear where they cannot."""

import threading

import numpy as np
import pytest
from engines_here import call, engine_or_skip, error, exact, made, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.runtimes.describe import describe
from suites.runtimes.engine import fill, read
from suites.runtimes.graph import INPUT, OUTPUT, FusedWht1d, FusedWht2d, Graph
from suites.runtimes.operators import FAMILY_OF, library

ENGINES = sorted(FAMILY_OF)
#: Calls in which the ways of a large layer take turns, and some more.
SETTLED = 24


TEN_OPERATORS = "this ncnn takes ten operators in the life of a process: a run needs one, these examples more"


def takes_many(name, engine):
    """Whether a process may load as many models with operators as it likes."""
    return name != "ncnn" or engine.find().version >= "1.0.2026"


def loaded_of(engine, graph, threads=1):
    model = engine.lower(graph, "custom")
    return engine.load(model, threads), model


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 3), channels=st.sampled_from([2, 4, 16, 64, 256]), height=st.integers(1, 9),
       width=st.integers(1, 17), threads=st.integers(1, 2), seed=st.integers(0, 999))
def test_it_is_exact_for_any_shape(name, batch, channels, height, width, threads, seed):
    engine = engine_or_skip(name)
    if not takes_many(name, engine):
        pytest.skip(TEN_OPERATORS)
    graph, x, reference = made("wht1d-fused", (batch, channels, height, width), seed)
    y = call(engine, graph, "custom", x, threads)[0]
    assert np.abs(y - reference).max() < 1e-5 * np.abs(x).max()  # where all is below the threshold, y is 0


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 3), channels=st.sampled_from([1, 2, 3, 16, 40]), height=st.integers(1, 35),
       width=st.integers(2, 35), weighed=st.booleans(), threads=st.integers(1, 2), seed=st.integers(0, 999))
def test_the_2d_one_is_exact_for_any_plane_with_weights_and_without(name, batch, channels, height, width, weighed,
                                                                     threads, seed):
    engine = engine_or_skip(name)
    if not takes_many(name, engine):
        pytest.skip(TEN_OPERATORS)
    weights = random_weights("wht2d", (batch, channels, height, width), seed)
    if not weighed:
        weights["weight"] = np.ones_like(weights["weight"])
    graph = describe("wht2d-fused", (batch, channels, height, width), weights)
    assert len(graph.operations[0].tables) == 1 + weighed
    x = np.random.RandomState(seed).standard_normal(graph.shape).astype(np.float32)
    y = call(engine, graph, "custom", x, threads)[0]
    assert np.abs(y - exact("wht2d", weights, x)).max() < 1e-5 * max(1, np.abs(x).max())


@pytest.mark.parametrize("plane", [(8, 8), (7, 7), (14, 14), (32, 32), (7, 14)])
@pytest.mark.parametrize("name", ENGINES)
def test_the_2d_one_is_exact_on_the_planes_of_networks(name, plane):
    engine = engine_or_skip(name)
    if not takes_many(name, engine):
        pytest.skip(TEN_OPERATORS)
    graph, x, reference = made("wht2d-fused", (2, 64) + plane, 7)
    assert error(call(engine, graph, "custom", x)[0], reference) < 1e-5


@pytest.mark.parametrize("layer, shape", [("wht1d-fused", (1, 256, 32, 33)), ("wht1d-fused", (1, 512, 32, 33)),
                                          ("wht1d-fused", (1, 1024, 32, 33)), ("wht2d-fused", (1, 1024, 32, 32)),
                                          ("wht2d-fused", (1, 2048, 14, 14))])
@pytest.mark.parametrize("name", ENGINES)
def test_every_way_that_takes_its_turn_gives_the_same_bits(name, layer, shape):
    engine = engine_or_skip(name)
    if layer == "wht2d-fused" and not takes_many(name, engine):
        pytest.skip(TEN_OPERATORS)
    graph, x, reference = made(layer, shape, 5)
    loaded, model = loaded_of(engine, graph)
    fill(loaded, model, x)
    results = []
    for _ in range(SETTLED):
        loaded.run()
        results.append(read(loaded, model))
    assert error(results[0], reference) < 1e-5
    assert all(np.array_equal(one, results[0]) for one in results)


def test_two_threads_may_run_one_session_of_onnxruntime():
    engine = engine_or_skip("onnxruntime")
    graph, _, _ = made("wht1d-fused", (1, 256, 32, 33), 5)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(library("onnxruntime").path)
    session = onnxruntime.InferenceSession(engine.lower(graph, "custom").data, options,
                                           providers=["CPUExecutionProvider"])
    inputs = [np.random.RandomState(seed).standard_normal(graph.shape).astype(np.float32) for seed in range(4)]
    alone = [session.run(None, {INPUT: x})[0] for x in inputs]
    wrong = []

    def work(index):
        for _ in range(20):
            if not np.array_equal(session.run(None, {INPUT: inputs[index]})[0], alone[index]):
                wrong.append(index)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(inputs))]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert not wrong


WRONG = {
    "channels": FusedWht1d(INPUT, OUTPUT, np.zeros(12)),
    "fewer thresholds than channels": FusedWht1d(INPUT, OUTPUT, np.zeros(4)),
    "a plane that is no power of two": FusedWht2d(INPUT, OUTPUT, np.zeros((6, 6))),
    "a smaller plane than the input's": FusedWht2d(INPUT, OUTPUT, np.zeros((2, 2))),
    "a plane that is no square": FusedWht2d(INPUT, OUTPUT, np.zeros((4, 8))),
    "fewer weights than thresholds": FusedWht2d(INPUT, OUTPUT, np.zeros((4, 4)), np.ones((2, 4))),
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
@pytest.mark.parametrize("name", ENGINES)
def test_tables_that_do_not_fit_give_no_numbers(name, wrong):
    engine = engine_or_skip(name)
    if not takes_many(name, engine):
        pytest.skip(TEN_OPERATORS)
    graph = Graph("odd", (1, 12, 3, 3), (WRONG[wrong],))
    if name == "onnxruntime":                            # its operators cannot report a failure before version 1.16
        y = call(engine, graph, "custom", np.ones((1, 12, 3, 3), np.float32))[0]
        assert np.isnan(y).all()
    else:
        with pytest.raises(RuntimeError):
            call(engine, graph, "custom", np.ones((1, 12, 3, 3), np.float32))


def test_a_plane_that_the_operator_does_not_take_is_said_in_a_sentence():
    for side in (1, 257):
        shape = (1, 4, side, side)
        with pytest.raises(ValueError, match="planes of up to 256x256, larger than 1x1, not {0}x{0}".format(side)):
            describe("wht2d-fused", shape, random_weights("wht2d", shape, 0))


@pytest.mark.parametrize("name", ENGINES)
def test_without_a_compiler_it_says_so_and_what_to_do(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    found = library(name)
    assert found.path is None and "no C++ compiler" in found.reason and "g++" in found.remedy


def test_an_engine_that_takes_no_library_is_named():
    assert library("openvino").path is None and "openvino" in library("openvino").reason
