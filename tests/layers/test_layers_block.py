import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard
from torch import nn

from suites.layers import (
    BlockWalshHadamard1d,
    SqueezeExcite,
    WalshHadamard2d,
    before_global_average,
    for_conv1x1,
    for_conv3x3,
    for_squeeze_excite,
)
from suites.layers.bwht1d import block_starts, largest_block_size

FORMS = ("auto", "matrix", "two-stage", "butterfly")


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(layer, x):
    """The paper's rules one after the other, channels last, with every block and no shortcut."""
    cin, cout, size = layer.in_channels, layer.out_channels, layer.block_size
    x = x[:, :, ::layer.stride, ::layer.stride].permute(0, 2, 3, 1)
    if cin < cout:
        starts = np.floor(np.linspace(0, cin - size, cout // size) + 1e-9).astype(int)
        blocks = torch.stack([x[..., start:start + size] for start in starts], 3)
    else:
        blocks = x.reshape(x.shape[:3] + (cin // size, size))
    matrix = torch.from_numpy(hadamard(size) / size ** 0.5)
    z = (blocks @ matrix) * layer.weight
    y = (torch.tanh(z) * torch.relu(z.abs() - layer.threshold)) @ matrix
    y = y.flatten(3).permute(0, 3, 1, 2)
    if cin // cout > 1:
        flat = y.permute(0, 2, 3, 1).flatten(1, 2)
        y = F.avg_pool1d(flat, cin // cout).unflatten(1, y.shape[2:]).permute(0, 3, 1, 2)
    return y[:, :cout]


@st.composite
def layers(draw):
    size = 2 ** draw(st.integers(0, 4))
    if draw(st.booleans()):
        cin, cout = draw(st.integers(size, 40)), size * draw(st.integers(1, 6))
    else:
        cin, cout = size * draw(st.integers(1, 6)), draw(st.integers(1, 40))
    cut = cout if cin < cout else cin
    if cut % size:
        size = largest_block_size(cin, cout)
    layer = BlockWalshHadamard1d(cin, cout, size, draw(st.integers(1, 3)), draw(st.sampled_from(FORMS)),
                                 dtype=torch.float64)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    with torch.no_grad():
        layer.weight.copy_(torch.randn(size, generator=generator))
        layer.threshold.copy_(torch.rand(size, generator=generator) / 2)
    return layer


@given(layer=layers(), height=st.integers(1, 5), width=st.integers(1, 5), last=st.booleans())
@settings(max_examples=120, deadline=None)
def test_the_block_layer_is_its_dense_float64_form_for_any_widths(layer, height, width, last):
    x = random(2, layer.in_channels, height, width)
    x = x.to(memory_format=torch.channels_last) if last else x
    wanted = dense(layer, x)
    trained = layer(x)
    with torch.no_grad():
        inferred = layer(x)
    assert trained.shape == (2, layer.out_channels, -(-height // layer.stride), -(-width // layer.stride))
    assert torch.allclose(trained, wanted, atol=1e-10)
    assert torch.allclose(inferred, wanted, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cin, cout, size", [(6, 16, 4), (12, 5, 4), (8, 8, 8), (8, 6, 2), (12, 3, 4)])
def test_its_gradients_are_the_numerical_ones(cin, cout, size, form):
    layer = BlockWalshHadamard1d(cin, cout, size, 2, form, dtype=torch.float64)
    with torch.no_grad():
        layer.threshold.add_(0.1)
    x = random(1, cin, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w, t: layer(x), (x, layer.weight, layer.threshold))


def test_it_has_two_vectors_of_a_block_whatever_the_widths():
    for widths in ((160, 960), (960, 160), (576, 160), (320, 1280)):
        layer = BlockWalshHadamard1d(*widths, block_size=32)
        assert sum(p.numel() for p in layer.parameters()) == 64
        assert list(layer.state_dict()) == ["weight", "threshold"]
    assert layer.weight.eq(1).all()
    assert torch.allclose(layer.threshold, torch.arange(32.0) / 320)


def test_expansion_blocks_are_evenly_spaced_and_overlap():
    assert block_starts(16, 64, 16) == [0, 0, 0, 0]
    assert block_starts(24, 64, 16) == [0, 2, 5, 8]
    assert block_starts(160, 960, 32)[-1] == 128
    assert block_starts(3, 4, 4 // 2) == [0, 1]


def test_projection_blocks_stop_where_the_last_output_is_reached():
    assert block_starts(960, 160, 64) == list(range(0, 960, 64))
    # 576 to 160 pools by 3: 480 channels are used, the rest is cropped.
    assert block_starts(576, 160, 64) == list(range(0, 512, 64))


def test_the_default_block_is_the_whole_input_and_too_large_ones_are_cut_to_it():
    assert BlockWalshHadamard1d(64).block_size == 64
    assert BlockWalshHadamard1d(64, 128, 4096).block_size == 64


@given(cin=st.integers(1, 300), cout=st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_the_largest_block_size_always_fits_and_its_double_never_does(cin, cout):
    size = largest_block_size(cin, cout)
    BlockWalshHadamard1d(cin, cout, size)
    if 2 * size <= cin:
        with pytest.raises(ValueError):
            BlockWalshHadamard1d(cin, cout, 2 * size)


def test_blocks_that_do_not_fit_are_refused_with_the_largest_that_does():
    with pytest.raises(ValueError, match="blocks of 32 do not fit 144 channels to 24: .* divides 144, at most 16"):
        BlockWalshHadamard1d(144, 24, 32)
    with pytest.raises(ValueError, match="blocks of 12 do not fit"):
        BlockWalshHadamard1d(12)
    with pytest.raises(ValueError, match="at least one channel"):
        BlockWalshHadamard1d(0, 4)
    with pytest.raises(ValueError, match="stride must be 1 or more"):
        BlockWalshHadamard1d(8, stride=0)
    with pytest.raises(ValueError, match=r"made for 8 channels needs .*\(N, 8, H, W\)"):
        BlockWalshHadamard1d(8)(torch.zeros(1, 4, 2, 2))


@pytest.mark.parametrize("cin, cout, stride", [(32, 64, 1), (64, 32, 2), (96, 24, 1)])
def test_drop_ins_give_the_shapes_of_what_they_replace(cin, cout, stride):
    x = torch.zeros(2, cin, 7, 7)
    one = nn.Conv2d(cin, cout, 1, stride=stride)
    assert for_conv1x1(one)(x).shape == one(x).shape
    three = nn.Conv2d(cin, cout, 3, stride=stride, padding=1)
    assert for_conv3x3(three, 7)(x).shape == three(x).shape
    same = nn.Conv2d(cin, cin, 3, stride=stride, padding=1)
    assert isinstance(for_conv3x3(same, 7), WalshHadamard2d)
    assert for_conv3x3(same, 7)(x).shape == same(x).shape
    assert for_squeeze_excite(7)(x).shape == SqueezeExcite(cin)(x).shape
    assert before_global_average(7)(x).shape == (2, cin, 1, 1)


def test_drop_ins_refuse_convolutions_they_cannot_stand_for():
    for wrong in (nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1, groups=2)):
        with pytest.raises(ValueError, match="replaces 1x1 convolutions"):
            for_conv1x1(wrong)
    with pytest.raises(ValueError, match="mix nothing: use WalshHadamard1d"):
        for_conv1x1(nn.Conv2d(3, 9, 1))
    with pytest.raises(ValueError, match="replaces 3x3 convolutions with padding 1"):
        for_conv3x3(nn.Conv2d(8, 8, 3), 7)
