"""Convolutions in eight bits: as near to float64 as eight bits allow, and really in eight bits."""

import numpy as np
import pytest
import torch
from engines_here import call, engine_or_skip, error, made

from suites.builders.quantised import TOLERANCE
from suites.runtimes.engine import Steps
from suites.runtimes.observe import observe
from suites.runtimes.quantise import steps_between

ENGINES = ("litert", "onnxruntime")


@pytest.mark.parametrize("name", ["conv1x1", "conv3x3", "depthwise-separable"])
@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_quantised_convolution_is_near_the_exact_one(engine_name, name, batch):
    engine = engine_or_skip(engine_name)
    graph, x, reference = made(name, (batch, 24, 7, 9), 5)
    y, described = call(engine, observe(graph, torch.from_numpy(x)), "int8", x)
    assert 1e-3 < error(y, reference) < TOLERANCE  # not so near that it could be float32
    assert described["precision"] in ("int8", "uint8")


@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_quantised_model_is_a_quarter_of_the_size(engine_name):
    engine = engine_or_skip(engine_name)
    graph, x, _ = made("conv3x3", (1, 128, 4, 4), 0)
    graph = observe(graph, torch.from_numpy(x))
    plain, small = engine.lower(graph, "stock"), engine.lower(graph, "int8")
    assert small.size_bytes < 0.3 * plain.size_bytes


@pytest.mark.parametrize("engine_name", ENGINES)
def test_without_ranges_a_sentence_says_what_is_missing(engine_name):
    engine = engine_or_skip(engine_name)
    with pytest.raises(ValueError, match="observe the graph on an input first"):
        engine.lower(made("conv1x1", (1, 4, 4, 4), 0)[0], "int8")


@pytest.mark.parametrize("low, high", [(0.0, 3.0), (-1.0, 2.0), (-5.0, -1.0), (0.0, 0.0)])
def test_zero_is_a_stored_integer_of_its_own(low, high):
    for least, most in ((0, 255), (-128, 127)):
        found = steps_between(low, high, least, most)
        assert isinstance(found, Steps) and least <= found.zero <= most
        ends = [(one - found.zero) * found.step for one in (least, most)]
        assert ends[0] <= min(low, 0) + found.step and ends[1] >= max(high, 0) - found.step
        assert np.isfinite(found.step) and found.step > 0
