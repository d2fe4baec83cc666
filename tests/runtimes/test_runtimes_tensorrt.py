"""The TensorRT engine against bindings in the shapes of 8.2 and 10; it was never run on hardware by us."""

import sys

import numpy as np
import pytest
import torch
from engines_here import made
from fake_tensorrt import fake_tensorrt

from suites.runtimes import find_engine
from suites.runtimes.engine import fill, read
from suites.runtimes.engines import tensorrt as module

ENGINE = find_engine("tensorrt")


@pytest.fixture(params=["8.2.1.8", "10.3.0"])
def trt(request, monkeypatch):
    made = fake_tensorrt(request.param)
    install(monkeypatch, made)
    return made


def install(monkeypatch, made):
    monkeypatch.setitem(sys.modules, "tensorrt", made)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(module, "DEVICE", "cpu")
    monkeypatch.setattr(module, "_stream", lambda torch: 0)


def model(form="stock"):
    pytest.importorskip("onnx")
    return ENGINE.lower(made("wht2d", (2, 3, 4, 4), 0)[0], form)


def test_the_input_goes_up_and_the_output_comes_down(trt):
    one = model()
    loaded = ENGINE.load(one, None)
    x = np.random.RandomState(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    fill(loaded, one, x)
    loaded.run()
    assert np.array_equal(read(loaded, one), 2 * x)
    assert trt.seen["onnx"] == one.data
    assert "never run on hardware" in loaded.described["hardware"]


def test_float32_is_float32_and_half_precision_is_asked_for(trt):
    ENGINE.load(model(), None)
    assert trt.seen["config"].flags == set()
    ENGINE.load(model("float16"), None)
    assert trt.seen["config"].flags == {"FP16"}


def test_each_version_gets_its_workspace_and_its_kind_of_network_its_own_way(trt):
    ENGINE.load(model(), None)
    config = trt.seen["config"]
    if trt.__version__.startswith("8"):
        assert config.max_workspace_size == module.WORKSPACE_BYTES and trt.seen["flags"] == 1
    else:
        assert config.workspace == ("workspace", module.WORKSPACE_BYTES) and trt.seen["flags"] == 0


def test_a_model_it_cannot_read_is_refused_in_its_own_words(monkeypatch):
    install(monkeypatch, fake_tensorrt("8.2.1.8", refuses=True))
    with pytest.raises(RuntimeError, match="TensorRT 8.2.1.8 cannot read this model: In node 0"):
        ENGINE.load(model(), None)


def test_a_build_that_fails_says_so(monkeypatch):
    install(monkeypatch, fake_tensorrt("10.3.0", builds=False))
    with pytest.raises(RuntimeError, match="cannot build this model"):
        ENGINE.load(model(), None)


def test_half_precision_is_refused_where_the_gpu_gains_nothing(trt):
    pytest.importorskip("onnx")
    graph = made("wht2d", (2, 3, 4, 4), 0)[0]
    assert ENGINE.why_not(graph, "stock") is None
    assert "gains nothing from float16" in ENGINE.why_not(graph, "float16")


def test_without_the_bindings_the_packages_name_is_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    found = ENGINE.find()
    assert found.version is None and "python3-libnvinfer" in found.remedy


def test_without_a_gpu_the_bindings_are_not_enough(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt("10.3.0"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "torch sees no CUDA device" in ENGINE.find().reason
