import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import lhc as kernel
from suites.layers.lhc import FrozenLhcConv2d, LhcConv2d, draw_masks
from suites.layers.lhc.frozen import SMALLEST_SHIFTED
from suites.networks import count_parameters

forms = st.sampled_from(["auto", "shifted", "gathered"])


@given(st.integers(1, 40), st.integers(1, 24), st.sampled_from([1, 3, 5]), st.integers(0, 2), st.integers(1, 2),
       forms, st.sampled_from([0.0, 0.2, 0.7, 1.0]), st.booleans(), st.integers(6, 9))
@settings(max_examples=80, deadline=None)
def test_the_frozen_form_equals_the_masked_convolution(channels, out_channels, kernel, padding, stride, form, density,
                                                       bias, side):
    torch.manual_seed(0)
    layer = LhcConv2d(channels, out_channels, kernel, stride, padding, bias, group_in=8, group_out=5).double()
    draw_masks(layer, density)
    x = torch.randn(2, channels, side, side + 2, dtype=torch.float64)
    wanted = F.conv2d(x, layer.weight * layer.mask(), layer.bias, stride, padding)
    assert torch.allclose(layer(x), wanted)
    if form == "shifted" and stride > 1:
        with pytest.raises(ValueError, match="needs stride 1"):
            layer.freeze(form)
        return
    frozen = layer.freeze(form)
    assert frozen(x).shape == wanted.shape
    assert torch.allclose(frozen(x), wanted, atol=1e-10)
    assert torch.allclose(frozen.dense_weight(), layer.weight * layer.mask())
    assert frozen.weight.numel() == int(layer.kept()) and frozen.density == pytest.approx(layer.density())


@pytest.mark.parametrize("shape", ["free", "rigid"])
def test_without_a_kernel_large_planes_run_shifted_and_small_or_strided_ones_gathered(shape, monkeypatch):
    monkeypatch.setattr(kernel, "reason", lambda x, spec: "no kernel today")
    torch.manual_seed(1)
    layer = LhcConv2d(32, 16, 3, padding=1, shape=shape)
    frozen = layer.freeze()
    side = int(SMALLEST_SHIFTED ** 0.5)
    for size, wanted in ((side, "shifted"), (side - 1, "gathered")):
        x = torch.randn(1, 32, size, size)
        assert torch.allclose(frozen(x), layer(x), atol=1e-5)
        assert frozen.implementation_used == wanted and "no kernel today" in frozen.implementation_reason
    strided = LhcConv2d(32, 16, 3, 2, 1).freeze()
    strided(torch.randn(1, 32, 64, 64))
    assert strided.implementation_used == "gathered"


def test_the_frozen_form_holds_only_kept_blocks_and_survives_saving():
    torch.manual_seed(2)
    layer = LhcConv2d(64, 32, 3, padding=1)
    draw_masks(layer, 0.25)
    frozen = layer.freeze()
    assert isinstance(frozen, FrozenLhcConv2d)
    assert count_parameters(frozen) == round(0.25 * 36) * 32 * 16 + 32
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    other = layer.freeze()
    with torch.no_grad():
        other.weight.zero_()
    other.load_state_dict(frozen.state_dict())
    x = torch.randn(1, 64, 20, 20)
    assert torch.equal(other(x), frozen(x))


def test_a_layer_starts_from_a_dense_convolution():
    torch.manual_seed(3)
    dense = torch.nn.Conv2d(6, 7, 3, padding=1)
    layer = LhcConv2d.from_dense(dense, group_in=2, group_out=2)
    draw_masks(layer, 1.0)
    x = torch.randn(1, 6, 5, 5)
    assert torch.allclose(layer(x), dense(x), atol=1e-6)


@pytest.mark.parametrize("shape", ["free", "rigid"])
def test_effects_start_he_normal_as_keras_draws_them(shape):
    torch.manual_seed(4)
    layer = LhcConv2d(2048, 2048, 3, shape=shape)
    groups_in = 2048 // 32
    fan_in = (15 if shape == "rigid" else 9) * groups_in
    assert float(layer.effects.detach().std()) == pytest.approx((2.0 / fan_in) ** 0.5, rel=0.03)
    assert layer.effects.numel() == groups_in * 128 * (15 if shape == "rigid" else 9)


@pytest.mark.parametrize("make, sentence", [
    (lambda: LhcConv2d(4, 4, 3, shape="rigit"), "did you mean 'rigid'"),
    (lambda: LhcConv2d(4, 4, 5, shape="rigid"), "rigid shapes are 3x3, not 5x5"),
    (lambda: LhcConv2d(4, 4).freeze("shift"), "did you mean 'shifted'"),
    (lambda: LhcConv2d(4, 4).freeze()(torch.zeros(1, 3, 8, 8)), r"takes \(N, 4, H, W\)"),
    (lambda: LhcConv2d.from_dense(torch.nn.Conv2d(4, 4, 3, groups=2)), "ungrouped"),
    (lambda: draw_masks(LhcConv2d(4, 4, shape="rigid"), 0.5), "shape='free' only"),
    (lambda: draw_masks(LhcConv2d(4, 4), 1.5), "between 0 and 1"),
])
def test_wrong_use_is_told_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("form", ["auto", "shifted", "gathered"])
def test_the_state_of_a_frozen_layer_brings_its_mask_along(form):
    frozen = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        layer = LhcConv2d(16, 8, 3, padding=1, group_in=4, group_out=4)
        draw_masks(layer, 0.5)
        frozen.append(layer.freeze(form))
    one, other = frozen
    x = torch.randn(2, 16, 20, 20)
    with torch.no_grad():
        other(x)
        assert not torch.equal(one.places, other.places) and one.weight.shape == other.weight.shape
        other.load_state_dict(one.state_dict())
        assert torch.equal(other(x), one(x)) and torch.equal(other.dense_weight(), one.dense_weight())


def test_a_state_whose_blocks_do_not_fit_is_refused_and_changes_nothing():
    torch.manual_seed(1)
    layer = LhcConv2d(16, 8, 3, padding=1, group_in=4, group_out=4)
    draw_masks(layer, 0.5)
    frozen, x = layer.freeze(), torch.randn(1, 16, 5, 5)
    y = frozen(x)
    for column, value in ((0, 9), (1, 15), (2, -4), (3, 3), (4, -1)):
        state = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
        state["places"][0, column] = value
        with pytest.raises(RuntimeError, match="kept blocks of this state do not fit"):
            frozen.load_state_dict(state)
        assert torch.equal(frozen(x), y)
    draw_masks(layer, 0.25)
    with pytest.raises(RuntimeError, match="keeps 288 weights where the layer has 576: freeze a layer with the mask"):
        frozen.load_state_dict(layer.freeze().state_dict())
    assert torch.equal(frozen(x), y)
