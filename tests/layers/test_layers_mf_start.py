import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from torch import nn

from suites.layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear, multiplication_free
from suites.layers.mf_start import MEAN_SQUARED, PAIR_VARIANCE

MEMBERS = ("sum", "min", "match-min")


def normal_pairs(count, seed=0):
    x, w = torch.randn((2, count), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, w


@pytest.mark.parametrize("member", MEMBERS)
@given(fan_in=st.integers(16, 1024), seed=st.integers(0, 999))
@settings(max_examples=15, deadline=None)
def test_outputs_of_a_fresh_dense_layer_have_mean_0_and_variance_1(member, fan_in, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        y = MultiplicationFreeLinear(fan_in, 64, member=member)(torch.randn(400, fan_in))
    assert 0.8 < float(y.var(0).mean()) < 1.25
    assert float(y.mean(0).abs().mean()) < 0.15


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("kernel", [3, 5])
def test_inner_pixels_of_a_fresh_depthwise_layer_have_variance_1(member, kernel):
    torch.manual_seed(0)
    with torch.no_grad():
        y = MultiplicationFreeDepthwise2d(128, kernel, member=member, bias=True)(torch.randn(2, 128, 24, 24))
    inner = y[:, :, kernel:-kernel, kernel:-kernel]
    assert 0.8 < float(inner.var((0, 2, 3)).mean()) < 1.25
    assert float(inner.mean((0, 2, 3)).abs().mean()) < 0.15


@pytest.mark.parametrize("member, to_x, to_w", [("min", 0.5, 0.5), ("match-min", 0.25, 0.25), ("sum", 1.0, 1.0)])
@pytest.mark.parametrize("features", [64, 1024])
def test_the_stated_share_of_pairs_passes_a_gradient_whatever_the_width(member, to_x, to_w, features):
    torch.manual_seed(1)
    weight = MultiplicationFreeLinear(features, 50, member=member).weight.detach().requires_grad_()
    x = torch.randn(20, 1, features).expand(20, 50, features).clone().requires_grad_()
    pairs = weight.expand(20, 50, features).clone().detach().requires_grad_()
    by_x, by_w = torch.autograd.grad(multiplication_free(x, pairs, member).sum(), (x, pairs))
    assert float((by_x != 0).double().mean()) == pytest.approx(to_x, abs=0.05)
    assert float((by_w != 0).double().mean()) == pytest.approx(to_w, abs=0.05)


@pytest.mark.parametrize("member", MEMBERS)
def test_eight_fresh_layers_in_a_row_neither_blow_up_nor_fade_out(member):
    torch.manual_seed(2)
    network = nn.Sequential(*[MultiplicationFreeLinear(256, 256, member=member) for _ in range(8)])
    x = torch.randn(64, 256, requires_grad=True)
    y = network(x)
    y.backward(torch.randn_like(y))
    assert 0.3 < float(y.detach().std(0).mean()) < 5
    # The input's gradient may grow by the factor of each layer that goes with the share of pairs, not more.
    assert 0.7 < float(x.grad.std()) ** (1 / 8) < 2.2


def test_the_stated_variances_of_a_pair_are_those_of_samples_and_of_quadrature():
    x, w = normal_pairs(2000000)
    for member in ("sum", "min"):
        squared = float(multiplication_free(x, w, member).pow(2).mean())
        assert squared == pytest.approx(PAIR_VARIANCE[member], rel=0.01)

    def squared_mean(c):
        mean = math.sqrt(2 / math.pi) * (1 - math.exp(-c * c / 2)) + c * math.erfc(c / math.sqrt(2))
        return math.sqrt(2 / math.pi) * math.exp(-c * c / 2) * mean ** 2
    assert integrate.quad(squared_mean, 0, 12)[0] == pytest.approx(MEAN_SQUARED, abs=1e-9)
    other = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    match = multiplication_free(x, w, "match-min")
    # Var over x given w, averaged over w: the second moment less a product of two samples with the same w.
    sampled = match.pow(2).mean() - (match * multiplication_free(other, w, "match-min")).mean()
    assert float(sampled) == pytest.approx(PAIR_VARIANCE["match-min"], rel=0.01)


def test_the_scale_is_a_choice_and_no_parameter():
    layer = MultiplicationFreeLinear(8, 4, member="min", scale=1.0)
    x = torch.randn(3, 8)
    wanted = multiplication_free(x.unsqueeze(1), layer.weight, "min").sum(2)
    assert torch.allclose(layer(x), wanted + layer.bias, atol=1e-6)
    assert sorted(name for name, _ in layer.named_parameters()) == ["bias", "weight"]
    assert list(layer.state_dict()) == ["weight", "bias"]


def old_start(layer):
    """The start of torch.nn.Linear, which these layers had before."""
    bound = layer.in_features ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.uniform_(layer.bias, -bound, bound)
    layer.scale = 1.0


def accuracy_on_digits(member, plain):
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn (extra test-networks) has the digits")
    features, labels = (torch.tensor(array) for array in datasets.load_digits(return_X_y=True))
    torch.manual_seed(0)
    order = torch.randperm(len(labels))
    features, labels = features[order].float(), labels[order]
    features = (features - features.mean(0)) / (features.std(0) + 0.1)
    network = nn.Sequential(*[MultiplicationFreeLinear(64, 64, member=member) for _ in range(5)],
                            MultiplicationFreeLinear(64, 10, member=member))
    if plain:
        network.apply(lambda layer: old_start(layer) if isinstance(layer, MultiplicationFreeLinear) else None)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(100):
        batch = torch.randint(0, 1347, (128,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(features[batch]), labels[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return float((network(features[1347:]).argmax(1) == labels[1347:]).double().mean())


@pytest.mark.parametrize("member, least, plain_most", [("sum", 0.92, 0.88), ("min", 0.93, 0.85),
                                                       ("match-min", 0.85, 0.2)])
def test_six_layers_learn_the_digits_in_100_steps_and_with_the_plain_start_do_not(member, least, plain_most):
    assert accuracy_on_digits(member, plain=False) > least
    assert accuracy_on_digits(member, plain=True) < plain_most
