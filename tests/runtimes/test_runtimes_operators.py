"""The fused layer as an operator of other engines: exact whichever way it chose, clear where it cannot."""

import threading

import numpy as np
import pytest
from engines_here import call, engine_or_skip, error, made
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.runtimes.engine import fill, read
from suites.runtimes.graph import INPUT, OUTPUT, FusedWht1d, Graph
from suites.runtimes.operators import FAMILY_OF, library

ENGINES = sorted(FAMILY_OF)
#: Calls in which the ways of a large layer take turns, and some more.
SETTLED = 24


def loaded_of(engine, graph, threads=1):
    model = engine.lower(graph, "custom")
    return engine.load(model, threads), model


@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 3), channels=st.sampled_from([2, 4, 16, 64, 256]), height=st.integers(1, 9),
       width=st.integers(1, 17), threads=st.integers(1, 2), seed=st.integers(0, 999))
def test_it_is_exact_for_any_shape(name, batch, channels, height, width, threads, seed):
    engine = engine_or_skip(name)
    if name == "ncnn" and engine.find().version < "1.0.2026":
        pytest.skip("this ncnn takes ten operators in the life of a process: a run needs one, these examples more")
    graph, x, reference = made("wht1d-fused", (batch, channels, height, width), seed)
    y = call(engine, graph, "custom", x, threads)[0]
    assert np.abs(y - reference).max() < 1e-5 * np.abs(x).max()  # where all is below the threshold, y is 0


@pytest.mark.parametrize("channels", [256, 512, 1024])
@pytest.mark.parametrize("name", ENGINES)
def test_every_way_that_takes_its_turn_gives_the_same_bits(name, channels):
    engine = engine_or_skip(name)
    graph, x, reference = made("wht1d-fused", (1, channels, 32, 33), 5)
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


@pytest.mark.parametrize("name", ENGINES)
def test_channels_that_are_no_power_of_two_give_no_numbers(name):
    engine = engine_or_skip(name)
    graph = Graph("odd", (1, 12, 3, 3), (FusedWht1d(INPUT, OUTPUT, np.zeros(12)),))
    if name == "onnxruntime":                            # its operators cannot report a failure before version 1.16
        y = call(engine, graph, "custom", np.ones((1, 12, 3, 3), np.float32))[0]
        assert np.isnan(y).all()
    else:
        with pytest.raises(RuntimeError):
            call(engine, graph, "custom", np.ones((1, 12, 3, 3), np.float32))


@pytest.mark.parametrize("name", ENGINES)
def test_without_a_compiler_it_says_so_and_what_to_do(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    found = library(name)
    assert found.path is None and "no C++ compiler" in found.reason and "g++" in found.remedy


def test_an_engine_that_takes_no_library_is_named():
    assert library("openvino").path is None and "openvino" in library("openvino").reason
