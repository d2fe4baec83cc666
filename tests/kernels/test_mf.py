"""The multiplication-free dense kernel against sums over all pairs in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import mf
from suites.layers import MultiplicationFreeLinear
from suites.layers.mf_fused import DENSE

pytestmark = pytest.mark.sampled

ERROR = {torch.float32: 4e-6, torch.bfloat16: 2 ** -8, torch.float16: 2 ** -11}
MEMBERS = sorted(mf.MEMBERS)


@pytest.fixture(scope="module", autouse=True)
def library():
    if mf.library().reason is not None:
        pytest.skip("no multiplication-free dense kernel here: {}".format(mf.library().reason))


def some(shape, seed):
    made = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=made) * (torch.rand(shape, generator=made) >= 0.1)


def in_float64(x, weight, bias, member, scale):
    x, w = x.double().unsqueeze(-2), weight.double()
    least = torch.max(torch.min(x, w.abs()), -w.abs()) * torch.sign(w)
    terms = {"sum": x * torch.sign(w) + torch.sign(x) * w, "min": least, "match-min": torch.relu(least)}[member]
    y = scale * terms.sum(-1)
    return y if bias is None else y + bias.double()


@pytest.mark.parametrize("dtype", sorted(ERROR, key=str), ids=str)
@pytest.mark.parametrize("member", MEMBERS)
@given(rows=st.integers(1, 20), inputs=st.integers(1, 70), outputs=st.integers(1, 70), bias=st.booleans(),
       seed=st.integers(0, 10 ** 6))
@settings(max_examples=25, deadline=None)
def test_it_is_the_sum_over_all_pairs_in_float64(member, dtype, rows, inputs, outputs, bias, seed):
    x, weight = some((rows, inputs), seed).to(dtype), some((outputs, inputs), seed + 1)
    offset = some((outputs,), seed + 2) if bias else None
    y, wanted = mf.run(x, weight, offset, member, 0.75), in_float64(x, weight, offset, member, 0.75)
    size = inputs * (x.double().abs().max() + weight.abs().max()).item() + 1
    assert y.dtype == dtype and y.shape == wanted.shape
    assert (y.double() - wanted).abs().max() <= 1e-6 * size + ERROR[dtype] * (1 + wanted.abs().max())


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_come_out_where_the_formula_has_them(member, bad):
    x, weight = some((11, 40), 1), some((35, 40), 2)
    x[9, 3] = bad
    weight[5, 7] = float("nan")
    y, wanted = mf.run(x, weight, None, member), in_float64(x, weight, None, member, 1.0)
    assert torch.isnan(wanted).any() and torch.allclose(y.double(), wanted, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("member", MEMBERS)
def test_any_number_of_threads_gives_the_same_bits(member):
    x, weight, found = some((37, 90), 3), some((200, 90), 4), []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        found.append(mf.run(x, weight, None, member))
    assert all(torch.equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 3, 6)], ids=str)
def test_gradients_are_those_of_the_stock_form(member, shape):
    torch.manual_seed(2)
    fused = MultiplicationFreeLinear(6, 5, member=member, implementation="fused")
    stock = MultiplicationFreeLinear(6, 5, member=member, implementation="stock")
    stock.load_state_dict(fused.state_dict())
    x, found = torch.randn(shape), []
    for layer in (fused, stock):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.backward(torch.cos(torch.arange(y.numel(), dtype=torch.float32)).reshape(y.shape))
        found.append([y, leaf.grad, layer.weight.grad, layer.bias.grad])
    assert fused.implementation_used == "fused" and stock.implementation_used == "stock"
    for got, wanted in zip(*found):
        assert torch.allclose(got, wanted, atol=2e-5)


def test_a_changed_weight_is_seen():
    layer, x = MultiplicationFreeLinear(6, 5, member="min"), some((3, 6), 5)
    with torch.no_grad():
        for table in (layer.weight, layer.bias):
            table.mul_(1.5).add_(0.1)
            wanted = in_float64(x, layer.weight, layer.bias, "min", layer.scale)
            assert torch.allclose(layer(x).double(), wanted, atol=1e-5)


@pytest.mark.skipif(DENSE.operator is None, reason="custom operators came with torch 2.4")
@pytest.mark.parametrize("member", MEMBERS)
def test_the_operator_passes_torchs_own_check(member):
    arguments = (torch.randn(3, 6).requires_grad_(), torch.randn(5, 6).requires_grad_(),
                 torch.randn(5).requires_grad_(), member, 0.5)
    assert set(torch.library.opcheck(DENSE.operator, arguments).values()) == {"SUCCESS"}
