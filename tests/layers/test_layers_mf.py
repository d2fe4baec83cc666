import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear, multiplication_free

MEMBERS = ("sum", "min", "match-min")
CONTINUOUS = ("min", "match-min")


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def formula(x, w, member):
    """The members as their table reads, on numbers that broadcast."""
    if member == "sum":
        return torch.sign(x * w) * (x.abs() + w.abs())
    least = torch.min(x.abs().expand_as(x + w), w.abs().expand_as(x + w))
    if member == "min":
        return torch.sign(x * w) * least
    return least * (torch.sign(x) == torch.sign(w)).to(x.dtype)


def slopes(x, w, member):
    """df/dx and df/dw as the module's text defines them."""
    if member == "sum":
        return (torch.sign(w) + (1 - torch.tanh(x) ** 2) * w, torch.sign(x) + (1 - torch.tanh(w) ** 2) * x)
    by_x = torch.sign(w) * (x.abs() < w.abs()).to(x.dtype)
    by_w = torch.sign(x) * (w.abs() < x.abs()).to(x.dtype)
    kept = ((x * w > 0) if member == "match-min" else torch.ones_like(x * w) > 0).to(x.dtype)
    return by_x * kept, by_w * kept


@pytest.mark.parametrize("member", MEMBERS)
@given(seed=st.integers(0, 500))
@settings(max_examples=30, deadline=None)
def test_the_elementwise_operator_is_its_formula_and_has_its_stated_gradient(member, seed):
    x, w = random(4, 5, seed=seed).requires_grad_(), random(5, seed=seed + 1).requires_grad_()
    y = multiplication_free(x, w, member)
    assert torch.allclose(y, formula(x, w, member), atol=1e-12)
    g = random(4, 5, seed=seed + 2)
    by_x, by_w = slopes(x, w, member)
    got = torch.autograd.grad(y, (x, w), g)
    assert torch.allclose(got[0], g * by_x) and torch.allclose(got[1], (g * by_w).sum(0))


@pytest.mark.parametrize("member", MEMBERS)
def test_members_follow_from_the_two_outputs_of_the_2x2_transform(member):
    x, w = random(50), random(50, seed=1)
    up, down = x + w, x - w
    wanted = {"sum": torch.sign(up.abs() - down.abs()) * torch.max(up.abs(), down.abs()),
              "min": (up.abs() - down.abs()) / 2, "match-min": torch.relu((up.abs() - down.abs()) / 2)}[member]
    assert torch.allclose(multiplication_free(x, w, member), wanted)


@pytest.mark.parametrize("member", MEMBERS)
def test_zero_times_anything_is_zero_as_for_a_product(member):
    x, w = torch.zeros(3), torch.tensor([-2.0, 0.0, 3.0])
    assert multiplication_free(x, w, member).eq(0).all()
    assert multiplication_free(w, x, member).eq(0).all()


def test_ties_take_half_of_both_slopes():
    for member in CONTINUOUS:
        x, w = torch.tensor([2.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
        assert torch.autograd.grad(multiplication_free(x, w, member).sum(), (x, w)) == (0.5, 0.5)


@pytest.mark.parametrize("member", MEMBERS)
@given(rows=st.integers(1, 5), fin=st.integers(1, 9), fout=st.integers(1, 7), bias=st.booleans(),
       seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_dense_layer_is_the_sum_over_all_pairs_and_so_is_its_gradient(member, rows, fin, fout, bias, seed):
    torch.manual_seed(1000 + seed)  # not the inputs' seed: equal draws would all be ties
    layer = MultiplicationFreeLinear(fin, fout, bias, member, dtype=torch.float64)
    x, g = random(rows, fin, seed=seed).requires_grad_(), random(rows, fout, seed=seed + 1)
    pairs = layer.scale * formula(x.unsqueeze(1), layer.weight.unsqueeze(0), member).sum(2)
    y = layer(x)
    assert torch.allclose(y, pairs + (layer.bias if bias else 0), atol=1e-10)
    by_x, by_w = slopes(x.unsqueeze(1), layer.weight.unsqueeze(0), member)
    got = torch.autograd.grad(y, (x, layer.weight), g / layer.scale)
    assert torch.allclose(got[0], (g.unsqueeze(2) * by_x).sum(1), atol=1e-10)
    assert torch.allclose(got[1], (g.unsqueeze(2) * by_w).sum(0), atol=1e-10)


@pytest.mark.parametrize("member", MEMBERS)
@given(channels=st.integers(1, 4), height=st.integers(1, 6), width=st.integers(1, 6), stride=st.integers(1, 3),
       kernel=st.sampled_from([1, 3, 5]), bias=st.booleans(), last=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_depthwise_layer_is_the_sum_over_its_taps_and_so_is_its_gradient(
        member, channels, height, width, stride, kernel, bias, last, seed):
    torch.manual_seed(1000 + seed)  # not the inputs' seed: equal draws would all be ties
    layer = MultiplicationFreeDepthwise2d(channels, kernel, stride, bias, member, dtype=torch.float64)
    x = random(2, channels, height, width, seed=seed)
    x = (x.to(memory_format=torch.channels_last) if last else x).requires_grad_()
    patches = torch.nn.functional.unfold(x, kernel, padding=kernel // 2, stride=stride)
    patches = patches.reshape(2, channels, kernel * kernel, -1)
    taps = layer.weight.reshape(1, channels, -1, 1)
    wanted = layer.scale * formula(patches, taps, member).sum(2)
    y = layer(x)
    assert y.shape == (2, channels, -(-height // stride), -(-width // stride))
    assert torch.allclose(y.flatten(2), wanted + (layer.bias.reshape(-1, 1) if bias else 0), atol=1e-10)
    with torch.no_grad():
        assert torch.allclose(layer(x), y, atol=1e-12)
    g = random(*y.shape, seed=seed + 1)
    by_x, by_w = slopes(patches, taps, member)
    spread = g.flatten(2).unsqueeze(2)
    wanted_x = torch.autograd.grad(patches, x, by_x * spread)[0]
    got = torch.autograd.grad(y, (x, layer.weight), g / layer.scale)
    assert torch.allclose(got[0], wanted_x, atol=1e-10)
    assert torch.allclose(got[1].reshape(channels, -1), (by_w * spread).sum((0, 3)), atol=1e-10)


@pytest.mark.parametrize("member", CONTINUOUS)
def test_gradients_of_the_continuous_members_are_also_the_numerical_ones(member):
    torch.manual_seed(0)
    dense = MultiplicationFreeLinear(4, 3, True, member, dtype=torch.float64)
    x = random(2, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: dense(x), (x, dense.weight, dense.bias))
    spatial = MultiplicationFreeDepthwise2d(2, member=member, dtype=torch.float64)
    x = random(1, 2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: spatial(x), (x, spatial.weight))


def test_the_sums_numerical_gradient_away_from_zero_lacks_the_surrogates_term():
    x = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    w = torch.tensor([-0.4], dtype=torch.float64)
    step = (multiplication_free(x + 1e-6, w, "sum") - multiplication_free(x - 1e-6, w, "sum")) / 2e-6
    surrogate = torch.autograd.grad(multiplication_free(x, w, "sum").sum(), x)[0]
    assert torch.allclose(step, torch.sign(w), atol=1e-6)
    assert torch.allclose(surrogate - step, (1 - torch.tanh(x) ** 2) * w, atol=1e-6)


@pytest.mark.parametrize("member", CONTINUOUS)
@pytest.mark.parametrize("form", ["stock", "auto"])
def test_the_depthwise_layer_keeps_only_input_and_weight_for_the_backward_pass(member, form):
    layer = MultiplicationFreeDepthwise2d(4, member=member, implementation=form)
    x = torch.randn(1, 4, 8, 8, requires_grad=True)
    y = layer(x)
    layer_fn = y.grad_fn
    if layer.implementation_used == "stock":
        layer_fn = layer_fn.next_functions[0][0]  # below the scale, which keeps no tensor
    kept = [tensor.data_ptr() for tensor in layer_fn.saved_tensors if tensor is not None]
    assert kept == [x.data_ptr(), layer.weight.data_ptr()]


def test_parameters_are_those_of_the_layers_replaced():
    assert sum(p.numel() for p in MultiplicationFreeDepthwise2d(7).parameters()) == 63
    assert sum(p.numel() for p in MultiplicationFreeLinear(7, 5).parameters()) == 40


def test_wrong_arguments_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="unknown member 'max': use one of sum, min, match-min"):
        MultiplicationFreeLinear(2, 2, member="max")
    with pytest.raises(ValueError, match="must be odd"):
        MultiplicationFreeDepthwise2d(2, kernel_size=2)
    with pytest.raises(ValueError, match="stride must be 1"):
        MultiplicationFreeDepthwise2d(2, stride=0)
    with pytest.raises(ValueError, match="last dimension"):
        MultiplicationFreeLinear(2, 2)(torch.zeros(3))
    with pytest.raises(ValueError, match=r"shape \(N, 2, H, W\)"):
        MultiplicationFreeDepthwise2d(2)(torch.zeros(1, 3, 2, 2))
