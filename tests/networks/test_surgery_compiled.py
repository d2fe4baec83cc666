"""Odd networks after surgery, under torch's compiler and its checks of gradients."""

import copy

import pytest
import torch
from odd_networks import ODD

from suites.networks import replace, rules

NAMES = [name for name in ("called twice", "a sequence of its own", "a hook of its own", "weight norm", "attention",
                           "checkpointed") if name in ODD]
RULES = {"fwht": rules.fwht, "bwht": rules.bwht, "debut": rules.debut, "mf": lambda: rules.mf(member="min")}
needs_compiler = pytest.mark.skipif(not hasattr(torch, "compile"), reason="this torch has no compiler")


@pytest.fixture(autouse=True)
def fresh_compiler():
    if hasattr(torch, "compile"):
        torch._dynamo.reset()
    yield


def operated(name, rule):
    torch.manual_seed(0)
    network = ODD[name].make()
    replace(network, RULES[rule](), torch.zeros(3, 8))
    return network


def rows(count, seed=0):
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))


@needs_compiler
@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.parametrize("name, rule", [
    pytest.param(name, rule, marks=() if rule == "fwht" or name == "called twice" else pytest.mark.slow)
    for name in NAMES for rule in sorted(RULES)])
def test_a_compiled_network_is_one_graph_with_its_outputs_and_gradients(name, rule, dynamic):
    network = operated(name, rule)
    eager = copy.deepcopy(network)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    for count in (4, 7):
        x = rows(count).requires_grad_()
        want, got = eager(x), compiled(x)
        assert torch.allclose(got, want, atol=1e-5)
        wanted = torch.autograd.grad(want.pow(2).sum(), [x] + list(eager.parameters()))
        found = torch.autograd.grad(got.pow(2).sum(), [x] + list(network.parameters()))
        assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(found, wanted))


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name, rule", [("a sequence of its own", "fwht"), ("attention", "mf"),
                                        ("called twice", "debut")])
def test_torchs_own_compiler_takes_it(name, rule):
    network = operated(name, rule)
    eager, x = copy.deepcopy(network), rows(5)
    got = torch.compile(network, fullgraph=True)(x)
    assert torch.allclose(got, eager(x), atol=1e-5)
    got.sum().backward()


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_the_numerical_ones(name, rule):
    network = operated(name, rule).double()
    x = rows(2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: network(x), [x] + list(network.parameters()))
