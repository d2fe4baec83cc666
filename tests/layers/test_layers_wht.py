import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from suites.layers import SqueezeExcite, WalshHadamard1d, WalshHadamard2d, hadamard_matrix

FORMS = ("auto", "matrix", "two-stage", "butterfly")
ORDERS = ("natural", "sequency")


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrix_of(size, order):
    dense = torch.from_numpy(hadamard(size).astype("float64")) / size ** 0.5
    return dense if order == "natural" else hadamard_matrix(size, "sequency", torch.float64) / size ** 0.5


def smooth(v, t):
    return torch.tanh(v) * torch.relu(v.abs() - t)


def dense_1d(layer, x):
    h = matrix_of(layer.size, layer.order)
    v = torch.einsum("kc,nchw->nkhw", h[:, :layer.in_channels], x)
    if layer.keep_first:
        kept = torch.cat((v[:, :1], smooth(v[:, 1:], layer.threshold.reshape(-1, 1, 1))), 1)
    else:
        kept = smooth(v, layer.threshold.reshape(-1, 1, 1))
    return torch.einsum("ck,nkhw->nchw", h[:layer.out_channels], kept)


def dense_2d(layer, x):
    h = matrix_of(layer.size, layer.order)
    rows, columns = layer.plane
    v = torch.einsum("ih,jw,nchw->ncij", h[:, :rows], h[:, :columns], x)
    y = torch.einsum("hi,wj,ncij->nchw", h[:rows], h[:columns], smooth(v * layer.weight, layer.threshold))
    return F.avg_pool2d(y, layer.stride, ceil_mode=True) if layer.stride > 1 else y


def randomised(layer, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return layer


@given(cin=st.integers(1, 40), cout=st.integers(1, 40), form=st.sampled_from(FORMS), order=st.sampled_from(ORDERS),
       keep=st.booleans(), side=st.integers(1, 5), last=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_the_1d_layer_is_its_dense_float64_form_for_any_channels(cin, cout, form, order, keep, side, last, seed):
    layer = randomised(WalshHadamard1d(cin, cout, keep, order, form, dtype=torch.float64), seed)
    x = random(2, cin, side, side, seed=seed)
    x = x.to(memory_format=torch.channels_last) if last else x
    wanted = dense_1d(layer, x)
    trained = layer(x)
    with torch.no_grad():
        inferred = layer(x)
    assert trained.shape == (2, cout, side, side)
    assert torch.allclose(trained, wanted, atol=1e-10)
    assert torch.allclose(inferred, wanted, atol=1e-10)


@given(height=st.integers(1, 9), width=st.integers(1, 9), stride=st.integers(1, 3), form=st.sampled_from(FORMS),
       order=st.sampled_from(ORDERS), last=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_the_2d_layer_is_its_dense_float64_form_for_any_plane(height, width, stride, form, order, last, seed):
    layer = randomised(WalshHadamard2d((height, width), stride, order, form, dtype=torch.float64), seed)
    x = random(2, 3, height, width, seed=seed)
    x = x.to(memory_format=torch.channels_last) if last else x
    wanted = dense_2d(layer, x)
    with torch.no_grad():
        inferred = layer(x)
    assert inferred.shape == (2, 3, -(-height // stride), -(-width // stride))
    assert torch.allclose(layer(x), wanted, atol=1e-10)
    assert torch.allclose(inferred, wanted, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ORDERS)
def test_gradients_of_both_layers_are_the_numerical_ones(form, order):
    for keep in (False, True):
        layer = randomised(WalshHadamard1d(5, 3, keep, order, form, dtype=torch.float64), 3)
        assert torch.autograd.gradcheck(lambda x, t, layer=layer: layer(x), (random(2, 5, 2).requires_grad_(),
                                                                           layer.threshold))
    layer = randomised(WalshHadamard2d((3, 4), 2, order, form, dtype=torch.float64), 4)
    x = random(1, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w, t: layer(x), (x, layer.weight, layer.threshold))


@pytest.mark.parametrize("form", ["matrix", "two-stage", "butterfly"])
def test_float32_at_the_papers_channel_count_is_right_to_six_digits(form):
    layer = WalshHadamard1d(1024, implementation=form)
    x = random(1, 1024, 4, 4)
    exact = WalshHadamard1d(1024, dtype=torch.float64)
    with torch.no_grad():
        assert (layer(x.float()).double() - dense_1d(exact, x)).abs().max() < 5e-6


def test_thresholds_begin_as_the_papers_ramps_and_are_the_only_parameters():
    one = WalshHadamard1d(320, 1280)
    assert one.size == 2048 and [p.numel() for p in one.parameters()] == [2048]
    assert torch.allclose(one.threshold, torch.arange(2048.0) / 20480)
    dc = WalshHadamard1d(1024, keep_first=True)
    assert [p.numel() for p in dc.parameters()] == [1023]
    assert torch.allclose(dc.threshold, torch.arange(1.0, 1024) / 10240)
    two = WalshHadamard2d(8)
    assert sum(p.numel() for p in two.parameters()) == 128
    assert two.weight.eq(1).all()
    assert torch.allclose(two.threshold[3, 5], torch.tensor(8.0 / 80))


def test_sequency_order_is_a_relabelling_of_the_natural_layer():
    x = random(2, 16, 3, 3)
    with torch.no_grad():
        layers = [WalshHadamard1d(16, order=order, dtype=torch.float64) for order in ORDERS]
        for layer in layers:
            layer.threshold.fill_(0.3)
        assert torch.allclose(layers[0](x), layers[1](x))
        for layer in layers:
            layer.reset_parameters()
        assert not torch.allclose(layers[0](x), layers[1](x))


def test_the_layer_says_which_form_ran_and_why():
    layer = WalshHadamard1d(64, implementation="matrix")
    layer(torch.zeros(1, 64, 4, 4))
    assert (layer.implementation_used, layer.implementation_reason) == ("matrix", None)
    layer = WalshHadamard1d(512)
    layer(torch.zeros(1, 512, 8, 8, dtype=torch.float64))
    assert layer.implementation_used in ("two-stage", "fused")
    if layer.implementation_used != "fused":
        assert layer.implementation_reason.startswith("two-stage of stock torch operations: ")


def test_memory_format_survives_both_layers():
    x = random(2, 16, 8, 8).to(memory_format=torch.channels_last)
    for layer in (WalshHadamard1d(16, dtype=torch.float64), WalshHadamard1d(16, 24, dtype=torch.float64),
                  WalshHadamard2d(8, dtype=torch.float64)):
        assert layer(x).is_contiguous(memory_format=torch.channels_last)
        assert layer(x.contiguous()).is_contiguous()


def test_the_state_of_a_layer_is_its_parameters_alone():
    assert list(WalshHadamard1d(12).state_dict()) == ["threshold"]
    assert sorted(WalshHadamard2d(5, order="sequency").state_dict()) == ["threshold", "weight"]


def test_wrong_shapes_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"made for 8 channels needs .* shape \(N, 8, ...\), got \(1, 7, 2\)"):
        WalshHadamard1d(8)(torch.zeros(1, 7, 2))
    with pytest.raises(ValueError, match="plane of 8x8 needs"):
        WalshHadamard2d(8)(torch.zeros(1, 3, 8, 7))
    with pytest.raises(ValueError, match="a size of 1 or more"):
        WalshHadamard1d(0)
    with pytest.raises(ValueError, match="stride must be 1 or more"):
        WalshHadamard2d(8, stride=0)
    with pytest.raises(TypeError, match="floating-point"):
        WalshHadamard1d(8)(torch.zeros(1, 8, dtype=torch.int32))
    with pytest.raises(ValueError, match="did you mean 'fused'"):
        WalshHadamard1d(8, implementation="fusd")
    with pytest.raises(ValueError, match="SqueezeExcite made for 8 channels"):
        SqueezeExcite(8)(torch.zeros(1, 4, 2, 2))
    with pytest.raises(ValueError, match="cannot be reduced"):
        SqueezeExcite(3)


def test_squeeze_excite_has_the_papers_parameters_and_formula():
    assert sum(p.numel() for p in SqueezeExcite(1024).parameters()) == 525568
    layer = SqueezeExcite(16, dtype=torch.float64)
    x = random(2, 16, 3, 3)
    hidden = torch.relu(x.mean((2, 3)) @ layer.squeeze.weight.t() + layer.squeeze.bias)
    gate = hidden @ layer.excite.weight.t() + layer.excite.bias
    assert torch.allclose(layer(x), x * (gate / 6 + 0.5).clamp(0, 1)[:, :, None, None])
    assert torch.autograd.gradcheck(lambda v: layer(v), (random(1, 16, 1, 2).requires_grad_(),))
