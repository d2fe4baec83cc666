"""The HT-perceptron's kernel against the layer in float64, over shapes, types and thread counts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import ht
from suites.layers import HTPerceptron
from suites.layers.ht_fused import FUSED, options_of

pytestmark = pytest.mark.sampled

ERROR = {torch.float32: 3e-6, torch.bfloat16: 2 ** -8, torch.float16: 2 ** -10}


@pytest.fixture(scope="module", autouse=True)
def library():
    if ht.library().reason is not None:
        pytest.skip("no HT-perceptron kernel here: {}".format(ht.library().reason))


def layer_of(inputs, outputs, plane, paths=3, residual=False, norm="ortho", seed=0, form="fused"):
    torch.manual_seed(seed)
    layer = HTPerceptron(inputs, outputs, plane, paths, residual, norm, implementation=form)
    with torch.no_grad():
        layer.threshold.sub_(0.03)  # some negative ones, which act as 0
    return layer


def in_float64(layer, x):
    """Dense Hadamard matrices from bit counts, and the layer's formula."""
    def matrix(size):
        return torch.tensor([[(-1.0) ** bin(i & j).count("1") for j in range(size)] for i in range(size)],
                            dtype=torch.float64) / (size ** 0.5 if layer.norm == "ortho" else 1)

    (height, width), (rows, columns) = layer.plane, layer.sizes
    down, across = matrix(rows), matrix(columns)
    back = 1.0 if layer.norm == "ortho" else 1 / (rows * columns)
    spectrum = down[:, :height] @ x.double() @ across[:width]
    total = 0
    for weight, scale, threshold in zip(layer.weight.double(), layer.scale.double(), layer.threshold.double()):
        mixed = torch.einsum("oc,nchw->nohw", weight, spectrum) * scale
        total = total + torch.sign(mixed) * torch.relu(mixed.abs() - torch.relu(threshold))
    y = back * (down[:height] @ total @ across[:, :width])
    return y + x.double() if layer.residual else y


@pytest.mark.parametrize("dtype", sorted(ERROR, key=str), ids=str)
@given(images=st.integers(1, 3), inputs=st.integers(1, 20), outputs=st.integers(1, 20), height=st.integers(1, 19),
       width=st.integers(1, 19), paths=st.integers(1, 3), residual=st.booleans(),
       norm=st.sampled_from(["ortho", "backward"]), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_it_is_the_layer_in_float64(dtype, images, inputs, outputs, height, width, paths, residual, norm, seed):
    outputs = inputs if residual else outputs
    layer = layer_of(inputs, outputs, (height, width), paths, residual, norm, seed).to(dtype)
    x = torch.randn(images, inputs, height, width).to(dtype)
    with torch.no_grad():
        y, wanted = layer(x), in_float64(layer, x)
    assert layer.implementation_used == "fused" and y.dtype == dtype and y.shape == wanted.shape
    assert (y.double() - wanted).abs().max() <= ERROR[dtype] * (1 + 2 * wanted.abs().max())


@pytest.mark.parametrize("plane", [(64, 128), (50, 250), (128, 128)], ids=str)
def test_planes_that_no_two_passes_hold_are_the_layer_in_float64(plane):
    layer = layer_of(2, 2, plane, 2, residual=True)
    x = torch.randn((1, 2) + plane)
    with torch.no_grad():
        y, wanted = layer(x), in_float64(layer, x)
    assert layer.implementation_used == "fused"
    assert (y.double() - wanted).abs().max() <= ERROR[torch.float32] * (1 + 2 * wanted.abs().max())


@pytest.mark.parametrize("images", [1, 2, 5])
@pytest.mark.parametrize("inputs,plane", [(16, (32, 32)), (20, (8, 8)), (9, (5, 3))], ids=str)
def test_any_number_of_threads_gives_the_same_bits(images, inputs, plane):
    layer, x = layer_of(inputs, inputs + 3, plane), torch.randn((images, inputs) + plane)
    found = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        with torch.no_grad():
            found.append(layer(x))
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_a_changed_table_is_seen():
    layer, x = layer_of(4, 4, 8), torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        first = layer(x)
        for table in (layer.weight, layer.scale, layer.threshold):
            table.mul_(1.5)
            assert torch.allclose(layer(x).double(), in_float64(layer, x), atol=1e-5)
            assert not torch.equal(layer(x), first)


def test_scales_of_any_sign_and_size_scale_what_the_thresholds_leave():
    layer, x = layer_of(3, 3, (4, 8), 2), torch.randn(2, 3, 4, 8)
    with torch.no_grad():
        layer.scale[0, :, :4], layer.scale[0, :, 4:], layer.scale[1, 0] = 0, -1.5, 1e-42
        layer.threshold[0, 0], layer.threshold[1] = 0, 0.3
        y = layer(x)
    assert torch.isfinite(y).all() and torch.allclose(y.double(), in_float64(layer, x), atol=1e-5)


@pytest.mark.parametrize("where", ["x", "weight", "scale", "threshold"])
def test_a_nan_comes_through(where):
    layer, x = layer_of(3, 5, 4), torch.randn(1, 3, 4, 4)
    stock = layer_of(3, 5, 4, form="butterfly")
    with torch.no_grad():
        for one in (layer, stock):
            table = x if where == "x" else getattr(one, where)
            table.view(-1)[1] = float("nan")
        y, wanted = layer(x), stock(x)
    assert torch.isnan(wanted).any() and torch.equal(torch.isnan(y), torch.isnan(wanted))


@pytest.mark.parametrize("norm,residual", [("ortho", True), ("backward", False)])
def test_gradients_are_those_of_the_stock_form(norm, residual):
    fused, stock = [layer_of(5, 5, (6, 7), 2, residual, norm, form=form) for form in ("fused", "butterfly")]
    x, found = torch.randn(2, 5, 6, 7), []
    for layer in (fused, stock):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.backward(torch.cos(torch.arange(y.numel(), dtype=torch.float32)).reshape(y.shape))
        found.append([y, leaf.grad] + [parameter.grad for parameter in layer.parameters()])
    for got, wanted in zip(*found):
        assert torch.allclose(got, wanted, atol=1e-4 * (1 + wanted.abs().max().item()))


@pytest.mark.skipif(FUSED.operator is None, reason="custom operators came with torch 2.4")
def test_the_operator_passes_torchs_own_check():
    layer = layer_of(3, 3, (5, 4))
    arguments = (torch.randn(2, 3, 5, 4).requires_grad_(), layer.weight, layer.scale, layer.threshold)
    options = options_of(layer.plane, layer.sizes, layer.norm, True)
    assert set(torch.library.opcheck(FUSED.operator, arguments + options).values()) == {"SUCCESS"}


def test_auto_takes_the_kernel_unless_a_gradient_is_asked_for():
    layer, x = layer_of(3, 3, 4, form="auto"), torch.randn(1, 3, 4, 4)
    with torch.no_grad():
        quiet = layer(x)
    assert layer.implementation_used == "fused"
    assert torch.allclose(layer(x), quiet, atol=1e-5)
    assert layer.implementation_used != "fused" and "a gradient is asked for" in layer.implementation_reason
