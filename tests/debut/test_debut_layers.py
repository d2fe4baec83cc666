import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers.debut import DebutConv2d, DebutLinear, generate_chain, plain
from suites.layers.debut.chain import chain_from_pairs

FORMS = ["blocks", "grouped", "product"]
pairs = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=4)


def factor_by_definition(weight):
    """The p x q matrix of a factor from its weight (blocks, r, s, t), entry by entry."""
    blocks, r, s, t = weight.shape
    matrix = np.zeros((blocks * r * t, blocks * s * t))
    for b in range(blocks):
        for i in range(r):
            for j in range(s):
                for k in range(t):
                    matrix[b * r * t + i * t + k, b * s * t + j * t + k] = weight[b, i, j, k]
    return matrix


def dense_matrix(layer):
    total = None
    for weight in layer.factors:
        factor = factor_by_definition(weight.detach().numpy())
        total = factor if total is None else factor @ total
    return torch.from_numpy(total)


@given(pairs, st.integers(0, 2), st.sampled_from(FORMS), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_linear_layer_equals_its_factors_multiplied_out(given_pairs, batch, form, bias):
    torch.manual_seed(0)
    chain = chain_from_pairs(given_pairs)
    layer = DebutLinear(chain[0][1], chain[-1][0], chain, bias=bias, implementation=form).double()
    x = torch.randn((3,) * batch + (chain[0][1],), dtype=torch.float64)
    wanted = x @ dense_matrix(layer).t() + (layer.bias if bias else 0)
    assert layer(x).shape == wanted.shape
    assert torch.allclose(layer(x), wanted, atol=1e-9 * (1 + float(wanted.detach().abs().max())))
    assert torch.allclose(layer.dense_matrix(), dense_matrix(layer))


def convolution_by_definition(layer, x):
    matrix = dense_matrix(layer)
    height, width = layer.kernel_size
    channels = matrix.shape[1] // (height * width)
    if layer.order == "channel":
        weight = matrix.reshape(-1, channels, height, width)
    else:
        weight = matrix.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
    weight = weight[:layer.out_channels, :layer.in_channels]
    return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding)


SIZES = [(3, 8, 16), (3, 3, 8), (1, 16, 32), (2, 8, 8), (5, 4, 20)]


@given(st.sampled_from(FORMS), st.sampled_from(["channel", "tap"]), st.sampled_from(SIZES),
       st.integers(1, 2), st.integers(0, 2), st.booleans(), st.integers(5, 8))
@settings(max_examples=30, deadline=None)
def test_the_convolution_equals_the_dense_one_in_both_column_orders(form, order, size, stride, padding, bias, side):
    torch.manual_seed(1)
    kernel, channels, out_channels = size
    layer = DebutConv2d(channels, out_channels, kernel, None, stride, padding, bias, order, form).double()
    x = torch.randn(2, channels, side, side + 1, dtype=torch.float64)
    wanted = convolution_by_definition(layer, x)
    got = layer(x)
    assert got.shape == wanted.shape
    assert torch.allclose(got, wanted, atol=1e-9 * (1 + float(wanted.detach().abs().max())))


def test_in_channel_order_the_first_factor_runs_as_a_depthwise_convolution(monkeypatch):
    chain = generate_chain(32, 16 * 9, level=4)
    assert chain[0][2:] == [8, 9, 1]
    layer = DebutConv2d(16, 32, 3, chain, padding=1, order="channel").double()
    assert plain.first_is_depthwise(layer.spec)
    calls = []
    unfolded = plain.columns_of
    monkeypatch.setattr(plain, "columns_of", lambda x, spec: calls.append(x.shape[2]) or unfolded(x, spec))
    for side in (6, 7, 12):
        x = torch.randn(2, 16, side, side, dtype=torch.float64)
        assert torch.allclose(layer(x), convolution_by_definition(layer, x))
    # Tiny planes are gathered into columns, larger ones are not.
    assert calls == [6]
    assert not plain.first_is_depthwise(DebutConv2d(16, 32, 3, chain, order="tap").spec)


@pytest.mark.sampled
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["channel", "tap"])
def test_gradients_are_the_numerical_ones(form, order):
    torch.manual_seed(2)
    layer = DebutConv2d(4, 8, 3, padding=1, order=order, implementation=form).double()
    parameters = list(layer.parameters())

    def run(x, *given_parameters):
        return layer(x)

    for plane, along_one_direction in (((4, 3), False), ((7, 7), True)):
        x = torch.randn((1, 4) + plane, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(run, [x] + parameters, fast_mode=along_one_direction)
    linear = DebutLinear(16, 8, implementation=form).double()
    x = torch.randn(2, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *rest: linear(x), [x] + list(linear.parameters()))


def test_a_chain_rounded_up_pads_and_crops():
    torch.manual_seed(3)
    chain = generate_chain(10, 12 * 9, kernel_size=3, round_up=True)
    assert (chain[-1][0], chain[0][1]) == (16, 16 * 9)
    for order in ("channel", "tap"):
        layer = DebutConv2d(12, 10, 3, chain, padding=1, order=order).double()
        x = torch.randn(2, 12, 5, 5, dtype=torch.float64)
        assert torch.allclose(layer(x), convolution_by_definition(layer, x))
    linear = DebutLinear(100, 10, generate_chain(10, 100, round_up=True)).double()
    x = torch.randn(3, 100, dtype=torch.float64)
    assert torch.allclose(linear(x), x @ dense_matrix(linear)[:10, :100].t() + linear.bias)


def test_new_weights_have_variance_one_half_and_the_count_of_the_chain():
    torch.manual_seed(4)
    layer = DebutConv2d(256, 512, 3)
    flat = torch.cat([weight.detach().flatten() for weight in layer.factors])
    assert abs(float(flat.var()) - 0.5) < 0.02 and abs(float(flat.mean())) < 0.02
    assert flat.numel() == sum(p * s for p, _, _, s, _ in layer.chain)
    assert float(layer.bias.detach().abs().max()) <= (256 * 9) ** -0.5


@pytest.mark.parametrize("make, sentence", [
    (lambda: DebutLinear(8, 16, [[16, 8, 2, 1, 1]]), "r t = 2 where the chain rule asks"),
    (lambda: DebutLinear(16, 16, generate_chain(8, 16)), "too small"),
    (lambda: DebutLinear(16, 8, implementation="block"), "did you mean 'blocks'"),
    (lambda: DebutConv2d(16, 16, 3, order="channels"), "did you mean 'channel'"),
    (lambda: DebutConv2d(8, 16, 3, generate_chain(16, 128)), "not a multiple of the 9 taps"),
    (lambda: DebutConv2d(8, 16, 3)(torch.zeros(1, 4, 5, 5)), r"takes \(N, 8, H, W\)"),
    (lambda: DebutLinear(16, 8)(torch.zeros(1, 4)), "its last dim must match"),
    (lambda: DebutConv2d.from_dense(torch.nn.Conv2d(8, 8, 3, groups=8)), "only an ungrouped"),
])
def test_wrong_use_is_told_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_layer_is_saved_and_loaded():
    layer, other = DebutConv2d(8, 16, 3), DebutConv2d(8, 16, 3)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(1, 8, 5, 5)
    assert torch.equal(layer(x), other(x))
    assert "factors=[[" in repr(layer)
