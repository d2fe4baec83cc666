"""The depthwise kernels against sums in float64, over shapes, strides, types, layouts and numbers that are none."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import depthwise
from suites.layers import MultiplicationFreeDepthwise2d
from suites.layers.mf_fused import DEPTHWISE

pytestmark = pytest.mark.sampled

MEMBERS = ("sum", "min", "match-min")
#: Largest error beside the size of the terms: a few roundings in float32, one in the two-byte types.
ERROR = {torch.float32: 4e-6, torch.bfloat16: 2 ** -8, torch.float16: 2 ** -11}


@pytest.fixture(scope="module", autouse=True)
def library():
    if depthwise.library().reason is not None:
        pytest.skip("no depthwise kernels here: {}".format(depthwise.library().reason))


def in_float64(x, weight, bias, stride, member, scale=1.0):
    """The layer as its formula reads, tap by tap, on patches of the padded input."""
    kernel, (images, channels, height, width) = weight.shape[-1], x.shape
    x, weight = x.double(), weight.double()
    rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
    taps = F.unfold(x, kernel, padding=kernel // 2, stride=stride).reshape(images, channels, kernel * kernel, -1)
    w = weight.reshape(channels, -1, 1)
    terms = {"product": lambda: taps * w,
             "sum": lambda: taps * torch.sign(w) + torch.sign(taps) * w,
             "min": lambda: torch.max(torch.min(taps, w.abs()), -w.abs()) * torch.sign(w),
             "match-min": lambda: torch.relu(torch.max(torch.min(taps, w.abs()), -w.abs()) * torch.sign(w))}[member]()
    y = scale * terms.sum(2).reshape(images, channels, rows, columns)
    return y if bias is None else y + bias.double().reshape(-1, 1, 1)


def some(shape, seed, zeros=0.1):
    made = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=made)
    return values * (torch.rand(shape, generator=made) >= zeros)


LAYERS = {"images": st.integers(1, 3), "channels": st.integers(1, 40), "height": st.integers(1, 37),
          "width": st.integers(1, 37), "kernel": st.sampled_from([1, 3, 3, 3, 5]),
          "stride": st.sampled_from([1, 1, 2, 3]), "last": st.booleans(), "bias": st.booleans(),
          "seed": st.integers(0, 10 ** 6)}


@pytest.mark.parametrize("dtype", sorted(ERROR, key=str), ids=str)
@pytest.mark.parametrize("member", sorted(depthwise.MEMBERS))
@given(**LAYERS)
@settings(max_examples=25, deadline=None)
def test_it_is_the_sum_in_float64(member, dtype, images, channels, height, width, kernel, stride, last, bias, seed):
    x = some((images, channels, height, width), seed).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    weight, offset = some((channels, 1, kernel, kernel), seed + 1), some((channels,), seed + 2) if bias else None
    y = depthwise.run(x, weight, offset, stride, member, 0.75)
    wanted = in_float64(x, weight, offset, stride, member, 0.75)
    terms = kernel * kernel * (1 + (x.double().abs().max() * (1 + weight.abs().max())).item())
    assert y.dtype == dtype and y.shape == wanted.shape
    assert (y.double() - wanted).abs().max() <= ERROR[dtype] * max(terms, 1) + ERROR[dtype] * wanted.abs().max()


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (2, 17, 9, 33), (1, 20, 14, 14), (1, 4, 3, 40)], ids=str)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_come_out_where_the_stock_form_has_them(member, shape, bad):
    layer = MultiplicationFreeDepthwise2d(shape[1], member=member, implementation="stock")
    x = some(shape, 1)
    x[0, 1, 2, 2] = bad
    x[-1, -1, 0, -1] = bad
    with torch.no_grad():
        wanted, y = layer(x), depthwise.run(x, layer.weight, None, 1, member, layer.scale)
        assert torch.allclose(y, wanted, atol=1e-5, equal_nan=True)
        assert bool(torch.isnan(wanted).any()) == (bad != bad)
        layer.weight[0, 0, 1, 2] = float("nan")
        # Stock convolutions skip taps on the padding; by the formula a zero times NaN is NaN there too.
        wanted = in_float64(x, layer.weight, None, 1, member, layer.scale)
        y = depthwise.run(x, layer.weight, None, 1, member, layer.scale)
    assert torch.isnan(wanted[0, 0]).any() and torch.allclose(y.double(), wanted, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("member", sorted(depthwise.MEMBERS))
@pytest.mark.parametrize("shape", [(3, 50, 7, 7), (2, 37, 28, 28), (1, 5, 64, 64)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_any_number_of_threads_gives_the_same_bits(member, shape, dtype):
    x, weight = some(shape, 3).to(dtype), some((shape[1], 1, 3, 3), 4)
    found = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        found.append(depthwise.run(x, weight, None, 1, member))
    assert all(torch.equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (1, 2, 9, 33), (1, 2, 6, 16)], ids=str)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_seen_wherever_it_stands(shape, bad):
    weight = some((shape[1], 1, 3, 3), 1)
    for row in range(shape[2]):
        for column in range(shape[3]):
            x = some(shape, 2)
            x[0, -1, row, column] = bad
            y, wanted = depthwise.run(x, weight, None, 1, "min"), in_float64(x, weight, None, 1, "min")
            assert torch.allclose(y.double(), wanted, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("width", [64, 40, 17])
def test_outputs_past_the_caches_are_the_same(monkeypatch, width):
    x, weight = some((2, 6, 16, width), 5), some((6, 1, 3, 3), 6)
    wanted = depthwise.run(x, weight, None, 1, "min")
    depthwise._geometry.cache_clear()
    monkeypatch.setattr(depthwise, "past_cache_bytes", lambda: 0)
    try:
        assert torch.equal(depthwise.run(x, weight, None, 1, "min"), wanted)
    finally:
        depthwise._geometry.cache_clear()


def test_the_output_has_the_memory_order_of_the_input_and_views_are_taken():
    x = some((2, 8, 9, 11), 7)
    weight = some((8, 1, 3, 3), 8)
    y = depthwise.run(x, weight, None, 2, "sum")
    last = depthwise.run(x.contiguous(memory_format=torch.channels_last), weight, None, 2, "sum")
    assert y.is_contiguous() and last.is_contiguous(memory_format=torch.channels_last)
    view = some((2, 8, 11, 9), 7).transpose(2, 3)
    assert torch.equal(depthwise.run(view, weight, None, 1, "min"),
                       depthwise.run(view.contiguous(), weight, None, 1, "min"))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("stride,bias", [(1, False), (2, True)])
def test_gradients_are_those_of_the_stock_form(member, stride, bias):
    torch.manual_seed(2)
    fused = MultiplicationFreeDepthwise2d(6, 3, stride, bias, member, implementation="fused")
    stock = MultiplicationFreeDepthwise2d(6, 3, stride, bias, member, implementation="stock")
    stock.load_state_dict(fused.state_dict())
    x = torch.randn(2, 6, 9, 10)
    found = []
    for layer in (fused, stock):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.backward(torch.cos(torch.arange(y.numel(), dtype=torch.float32)).reshape(y.shape))
        found.append([y, leaf.grad] + [parameter.grad for parameter in layer.parameters()])
    assert fused.implementation_used == "fused" and stock.implementation_used == "stock"
    for got, wanted in zip(*found):
        assert torch.allclose(got, wanted, atol=2e-5)


def test_a_call_no_kernel_takes_runs_in_stock_operations_and_says_why():
    layer = MultiplicationFreeDepthwise2d(3, dtype=torch.float64)
    layer(torch.zeros(1, 3, 4, 4, dtype=torch.float64))
    assert layer.implementation_used == "stock" and "not float64" in layer.implementation_reason
    with pytest.raises(RuntimeError, match="use implementation='auto'"):
        MultiplicationFreeDepthwise2d(3, dtype=torch.float64, implementation="fused")(torch.zeros(
            1, 3, 4, 4, dtype=torch.float64))
    empty = MultiplicationFreeDepthwise2d(3)
    assert empty(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 4, 4) and empty.implementation_used == "stock"


@pytest.mark.skipif(DEPTHWISE.operator is None, reason="custom operators came with torch 2.4")
@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_the_operator_passes_torchs_own_check(member, last):
    x = torch.randn(2, 5, 6, 7)
    x = (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()
    arguments = (x, torch.randn(5, 1, 3, 3).requires_grad_(), torch.randn(5).requires_grad_(), 2, member, 0.5)
    assert set(torch.library.opcheck(DEPTHWISE.operator, arguments).values()) == {"SUCCESS"}
