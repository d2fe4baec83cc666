import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from suites.layers.bwht1d import BlockWalshHadamard1d
from suites.layers.wht1d import WalshHadamard1d
from suites.networks import count_macs, replace, rules
from suites.networks.last_axis import BlockWalshHadamardLinear, WalshHadamardLinear

KINDS = (WalshHadamardLinear, BlockWalshHadamardLinear)


@pytest.mark.parametrize("rule", [rules.fwht, rules.bwht])
@pytest.mark.parametrize("shape", [(16,), (5, 16), (2, 7, 16), (2, 16, 16), (3, 2, 4, 16), (0, 7, 16)])
def test_in_the_place_of_a_linear_layer_the_features_are_the_last_axis(rule, shape):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 16))
    x = torch.randn(shape)
    replace(network, rule(), x)
    y = network(x)
    assert y.shape == x.shape
    # Each token alone gives what it gives in company: nothing mixes along the other axes.
    for index in range(x.reshape(-1, 16).shape[0]):
        assert torch.allclose(y.reshape(-1, 16)[index], network(x.reshape(-1, 16)[index]), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(tokens=st.integers(1, 9), fin=st.sampled_from([4, 8, 16]), fout=st.sampled_from([4, 8, 16, 32]),
       turned=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_it_equals_the_layer_on_rows_and_so_does_its_gradient(kind, tokens, fin, fout, turned, seed):
    torch.manual_seed(seed)
    layer = kind(fin, fout, dtype=torch.float64)
    rows = {WalshHadamardLinear: WalshHadamard1d, BlockWalshHadamardLinear: BlockWalshHadamard1d}[kind].forward
    x = torch.randn(2, fin, tokens, dtype=torch.float64).transpose(1, 2) if turned else torch.randn(
        2, tokens, fin, dtype=torch.float64)
    x = x.detach().requires_grad_()
    flat = x.reshape(-1, fin)
    wanted = rows(layer, flat).reshape(2, tokens, fout)
    assert torch.equal(layer(x), wanted)
    g = torch.randn_like(wanted)
    assert torch.equal(torch.autograd.grad(layer(x), x, g)[0], torch.autograd.grad(wanted, x, g)[0])


def test_it_is_the_1d_layer_with_the_same_parameters_and_count():
    layer = WalshHadamardLinear(24, 10)
    assert isinstance(layer, WalshHadamard1d)
    assert list(layer.state_dict()) == ["threshold"] and layer.threshold.numel() == 32
    layer.implementation = "butterfly"
    assert count_macs(layer, torch.zeros(3, 7, 24)) == 21 * 2 * 5 * 32
    restored = WalshHadamardLinear(24, 10)
    restored.load_state_dict(copy.deepcopy(layer).state_dict())
    with pytest.raises(ValueError, match="24 features needs them in the last dimension"):
        layer(torch.zeros(2, 24, 7))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_goes_through(dtype):
    network = nn.Sequential(nn.Linear(16, 8)).to(dtype)
    replace(network, rules.fwht(), torch.zeros(2, 3, 16, dtype=dtype))
    assert network(torch.ones(2, 3, 16, dtype=dtype)).dtype == dtype
