"""What users do with a layer beside calling it: other defaults, devices, views, copies of its state, threads."""

import threading

import pytest
import torch
from every_layer import NAMES, SHAPE, breadth, make, noise
from torch import nn
from torch.nn.utils import prune

from suites.layers import (
    BlockWalshHadamard1d,
    HTPerceptron,
    MultiplicationFreeDepthwise2d,
    MultiplicationFreeLinear,
)
from suites.layers.base import TransformLayer
from suites.layers.debut import DebutConv2d, DebutLinear
from suites.layers.implementations import Choice
from suites.layers.lhc import LhcConv2d

needs_device_context = pytest.mark.skipif(not hasattr(torch, "set_default_device"),
                                          reason="this torch has no default device")


@needs_device_context
@pytest.mark.parametrize("name", breadth(NAMES))
@pytest.mark.parametrize("graded", [False, True])
def test_a_default_device_elsewhere_moves_nothing_of_a_first_call(name, graded):
    wanted, layer = make(name)(noise()).detach(), make(name)
    x = noise().requires_grad_(graded)
    with torch.device("meta"), torch.set_grad_enabled(graded):
        y = layer(x)
        if graded and y.requires_grad:
            y.sum().backward()
            assert x.grad.device.type == "cpu"
    assert torch.allclose(y.detach(), wanted, atol=1e-5)


@pytest.mark.parametrize("name", breadth(name for name in NAMES if "auto" in name or "fused" in name))
@pytest.mark.parametrize("warm", [False, True])
def test_weights_on_another_device_are_an_error_and_never_read(name, warm):
    layer = make(name)
    with torch.no_grad():
        if warm:
            layer(noise())
        layer.to("meta")
        try:
            y = layer(noise())
        except (RuntimeError, ValueError, NotImplementedError):
            return
        assert y.device.type == "meta"  # torch's own operators took it so


@pytest.mark.parametrize("name", breadth(NAMES))
def test_a_default_type_of_float64_leaves_a_float32_layer_what_it_is(name):
    layer, x, before = make(name), noise(), torch.get_default_dtype()
    wanted = make(name)(x).detach()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.no_grad():
            y = layer(x)
    finally:
        torch.set_default_dtype(before)
    assert y.dtype == torch.float32 and torch.allclose(y, wanted, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("graded", [False, True])
def test_a_view_that_torch_negates_when_it_is_read_is_read_so(name, graded):
    x = torch.view_as_complex(noise(*SHAPE, 2)).conj().imag
    assert x.is_neg()
    layer = make(name)
    with torch.set_grad_enabled(graded):
        wanted = layer(x.clone())
        for _ in range(2):
            assert torch.allclose(layer(x), wanted, atol=1e-5)
    if graded and wanted.requires_grad:
        gradient = torch.view_as_complex(noise(*wanted.shape, 2, seed=1)).conj().imag
        one, other = x.detach().requires_grad_(), x.clone().requires_grad_()
        layer(one).backward(gradient)
        layer(other).backward(gradient.clone())
        assert torch.allclose(one.grad, other.grad, atol=1e-4)


@needs_device_context
@pytest.mark.parametrize("make_layer", [lambda: BlockWalshHadamard1d(16, 24, 4),
                                        lambda: LhcConv2d(16, 8, 3, shape="rigid", group_in=4, group_out=4)])
def test_a_layer_made_without_memory_is_whole_once_its_state_is_loaded(make_layer, monkeypatch):
    torch.manual_seed(0)
    layer = make_layer()
    with torch.device("meta"):
        hollow = make_layer()
    # Empty memory may hold what was there before; zeros are surely not the layer's.
    monkeypatch.setattr(torch, "empty_like", lambda tensor, device: torch.zeros_like(tensor, device=device))
    hollow.to_empty(device="cpu").load_state_dict(layer.state_dict())
    monkeypatch.undo()
    with torch.no_grad():
        assert torch.equal(hollow(noise()), layer(noise()))


class _BySize(TransformLayer):
    """Chooses by the number of rows; for two it waits until somebody else has chosen."""

    def __init__(self):
        super().__init__("auto")
        self.waiting, self.other_is_done = threading.Event(), threading.Event()

    def choose(self, x):
        if x.shape[0] == 2:
            self.waiting.set()
            assert self.other_is_done.wait(60)
        return Choice("matrix" if x.shape[0] == 2 else "butterfly", None)

    def forward(self, x):
        return self.form_for(x)


def test_a_thread_gets_the_form_for_its_own_input_though_another_chooses_meanwhile():
    layer, found = _BySize(), []
    thread = threading.Thread(target=lambda: found.append(layer(torch.zeros(2, 4))))
    thread.start()
    assert layer.waiting.wait(60) and layer(torch.zeros(3, 4)) == "butterfly"
    layer.other_is_done.set()
    thread.join()
    assert found == ["matrix"] and layer(torch.zeros(2, 4)) == "matrix" and layer(torch.zeros(3, 4)) == "butterfly"


def test_whether_a_gradient_is_asked_for_is_asked_in_every_call():
    layer, x = HTPerceptron(16, 16, (6, 8)).requires_grad_(False), noise()
    if layer.choose(x).form != "fused":
        pytest.skip("no kernel here")
    layer(x)
    assert layer.implementation_used == "fused"
    layer(x.requires_grad_())
    assert layer.implementation_used != "fused" and "a gradient is asked for" in layer.implementation_reason
    layer(noise())
    assert layer.implementation_used == "fused"
    layer.threshold.requires_grad_(True)
    layer(noise())
    assert layer.implementation_used != "fused"


@pytest.mark.parametrize("make_layer", [
    lambda: MultiplicationFreeDepthwise2d(16), lambda: MultiplicationFreeLinear(8, 5, bias=False),
    lambda: LhcConv2d(16, 8, 3, padding=1, bias=False, group_in=4, group_out=4).freeze()])
def test_a_pruned_weight_is_the_one_the_layer_uses_though_it_was_called_before(make_layer):
    torch.manual_seed(0)
    layer = make_layer()
    with torch.no_grad():
        before = layer(noise())
        layer(noise())
        prune.l1_unstructured(layer, "weight", 0.5)
        after = layer(noise())
        prune.remove(layer, "weight")
        assert torch.equal(layer(noise()), after) and not torch.equal(after, before)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("graded", [False, True])
def test_pruned_factors_are_the_ones_the_layer_uses(warm, graded):
    torch.manual_seed(0)
    layer, x = DebutLinear(64, 32), noise(5, 64)
    with torch.no_grad():
        if warm:
            layer(x)
    prune.l1_unstructured(layer.factors, "0", 0.5)
    wanted = nn.functional.linear(x, layer.dense_matrix(), layer.bias)
    with torch.set_grad_enabled(graded):
        for _ in range(2):
            assert torch.allclose(layer(x), wanted, atol=1e-5)


@pytest.mark.parametrize("make_layer", [
    lambda padding: DebutConv2d(16, 8, 3, padding=padding),
    lambda padding: DebutConv2d(16, 8, 3, padding=padding, implementation="blocks"),
    lambda padding: LhcConv2d(16, 8, 3, padding=padding, group_in=4, group_out=4).freeze()])
@pytest.mark.parametrize("plane", [(1, 1), (2, 5), (5, 2), (0, 4)])
def test_planes_smaller_than_the_kernel_are_refused_in_one_sentence(make_layer, plane):
    with pytest.raises(ValueError, match="with a kernel of 3x3 and padding 0x0 got planes of {}x{}: give it larger "
                                         "ones".format(*plane)):
        make_layer(0)(torch.zeros((2, 16) + plane))
    if plane[0]:
        assert make_layer(1)(torch.zeros((0, 16) + plane)).shape == (0, 8) + plane
