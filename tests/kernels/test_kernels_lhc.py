import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import lhc
from suites.layers.lhc import LhcConv2d, draw_masks

pytestmark = pytest.mark.sampled

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 1.2e-2, torch.float16: 2e-3}


@pytest.fixture(autouse=True)
def library(kernels):
    found = lhc.library()
    if found.handle is None:
        pytest.skip("no LHC kernel here: {}".format(found.reason))


def frozen_of(layer, density, dtype=torch.float32):
    draw_masks(layer, density)
    return layer.to(dtype).freeze()


def check(frozen, x):
    y = frozen(x)
    assert frozen.implementation_used == "fused", frozen.implementation_reason
    bias = None if frozen.bias is None else frozen.bias.double()
    wanted = F.conv2d(x.double(), frozen.dense_weight().double(), bias, frozen.stride, frozen.padding)
    assert y.shape == wanted.shape and y.dtype == x.dtype and y.is_contiguous()
    if y.numel():
        assert float((y.double() - wanted).abs().max()) <= TOLERANCES[x.dtype] * (1e-3 + float(wanted.abs().max()))


@given(st.integers(1, 70), st.integers(1, 50), st.sampled_from([(1, 1), (3, 3), (5, 5), (1, 3), (4, 2)]),
       st.integers(0, 2), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3),
       st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.booleans(), st.integers(5, 22), st.integers(4, 37),
       st.sampled_from([(32, 16), (8, 5), (7, 24)]), st.sampled_from(sorted(TOLERANCES, key=str)), st.booleans())
@settings(max_examples=60, deadline=None)
def test_kept_blocks_of_any_layer_and_plane_give_the_convolution(
        channels, outputs, kernel, pad_h, pad_w, stride_h, stride_w, images, density, bias, height, width, groups,
        dtype, channels_last):
    torch.manual_seed(0)
    layer = LhcConv2d(channels, outputs, kernel, (stride_h, stride_w), (pad_h, pad_w), bias, group_in=groups[0],
                      group_out=groups[1])
    x = torch.randn(images, channels, height, width).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    check(frozen_of(layer, density, dtype), x)


@pytest.mark.parametrize("stride", [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("kernel", [(3, 3), (5, 2), (2, 5)], ids=str)
def test_every_pair_of_strides_gives_the_convolution(stride, kernel):
    torch.manual_seed(7)
    frozen = frozen_of(LhcConv2d(9, 19, kernel, stride, (1, 2), group_in=4, group_out=10), 0.7)
    check(frozen, torch.randn(2, 9, 11, 14))


@pytest.mark.parametrize("plane", [(1, 1), (2, 2), (4, 4), (7, 7), (8, 8), (9, 7), (14, 14), (5, 70)])
def test_no_lane_reads_beyond_the_input_or_writes_beyond_the_output(plane):
    torch.manual_seed(1)
    frozen = frozen_of(LhcConv2d(40, 24, 3, padding=1), 0.5)
    size = 40 * plane[0] * plane[1]
    memory = torch.full((size + 512,), float("nan"))
    memory[256:256 + size] = torch.randn(size)
    check(frozen, memory[256:256 + size].reshape((1, 40) + plane))


@pytest.mark.parametrize("dtype", sorted(TOLERANCES, key=str), ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_every_number_of_pixels_is_done(dtype, stride):
    torch.manual_seed(6)
    frozen = frozen_of(LhcConv2d(9, 19, 3, stride, 1, group_in=4, group_out=10), 0.5, dtype)
    for width in range(1, 100):
        check(frozen, torch.randn(2, 9, 1, width).to(dtype))


def test_inputs_that_lie_apart_in_memory_are_read_where_they_are():
    torch.manual_seed(2)
    frozen = frozen_of(LhcConv2d(16, 32, 3, padding=1, group_in=8), 0.4)
    wide = torch.randn(4, 40, 9, 24)
    channels = wide[:, :16]
    for x in (wide[::2, 3:35:2], channels[:, :, :, ::2], channels.transpose(2, 3), channels[:1].expand(3, 16, 9, 24)):
        check(frozen, x)


@pytest.mark.parametrize("side", [3, 7, 14, 20])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_bits_are_the_same_for_every_number_of_threads(side, stride):
    torch.manual_seed(3)
    frozen = frozen_of(LhcConv2d(64, 96, 3, stride, 1), 0.3)
    x, found = torch.randn(2, 64, side, side), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(frozen(x))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_a_changed_weight_or_bias_is_seen():
    torch.manual_seed(4)
    frozen, x = frozen_of(LhcConv2d(32, 32, 3, padding=1), 0.5), torch.randn(1, 32, 9, 9)
    check(frozen, x)
    with torch.no_grad():
        frozen.weight.mul_(2)
    check(frozen, x)
    with torch.no_grad():
        frozen.bias.add_(1)
    check(frozen, x)


def test_what_no_kernel_takes_runs_in_plain_torch_with_a_reason():
    frozen = frozen_of(LhcConv2d(16, 16, 3), 0.5, torch.float64)
    frozen(torch.randn(1, 16, 9, 9, dtype=torch.float64))
    assert frozen.implementation_used == "gathered" and "not float64" in frozen.implementation_reason
    frozen.implementation = "fused"
    with pytest.raises(RuntimeError, match="the fused kernel cannot run: .*not float64; use implementation='auto'"):
        frozen(torch.randn(1, 16, 9, 9, dtype=torch.float64))


@pytest.mark.skipif(not hasattr(torch, "library") or not hasattr(torch.library, "opcheck"), reason="an older torch")
def test_torch_knows_the_operator_and_its_fake():
    from suites.layers.lhc import operator

    torch.manual_seed(5)
    frozen = frozen_of(LhcConv2d(32, 24, 3, 2, 1), 0.4)
    x = torch.randn(2, 32, 7, 6)
    torch.library.opcheck(operator.LAYER, (x, frozen.weight, frozen.bias, frozen.places, operator.pack(frozen.spec)))
    assert operator.unpack(operator.pack(frozen.spec)) == frozen.spec
    y = operator.LAYER(x.double(), frozen.weight.double(), frozen.bias.double(), frozen.places,
                       operator.pack(frozen.spec))
    assert torch.allclose(y.float(), frozen(x), atol=1e-5)
