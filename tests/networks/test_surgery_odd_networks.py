"""Networks that nobody here would have written: what is told replaced is used, what is used otherwise is left."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_networks import HELD, ODD
from torch import nn

from suites.networks import plan, replace, rules
from suites.networks.uses import CAN_SEE, Places

needs_operators = pytest.mark.skipif(not CAN_SEE, reason="this torch does not show a run's operators")
ALL = dict(ODD, **(HELD if CAN_SEE else {}))
RULES = {"fwht": rules.fwht, "mf": rules.mf, "debut": rules.debut}


def rows(seed=0):
    return torch.randn(5, 8, generator=torch.Generator().manual_seed(seed))


def made(name):
    torch.manual_seed(0)
    return ALL[name].make()


def picture(network):
    """Everything about a network that surgery could disturb."""
    modules = [(name, id(layer), type(layer), layer.training, list(layer._forward_hooks.values()),
                list(layer._forward_pre_hooks.values())) for name, layer in network.named_modules(
                    remove_duplicate=False)]
    tensors = [(name, id(tensor), tensor.requires_grad, tensor._version, tensor.clone())
               for name, tensor in list(network.named_parameters()) + list(network.named_buffers())]
    return modules, tensors, torch.get_rng_state()


def assert_same(before, after):
    assert before[0] == after[0] and torch.equal(before[2], after[2])
    assert len(before[1]) == len(after[1])
    for one, other in zip(before[1], after[1]):
        assert one[:3] == other[:3] and torch.equal(one[4], other[4])


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("name", sorted(ALL))
def test_what_is_told_replaced_is_used_and_the_dense_weights_are_not(name, rule):
    network, odd = made(name), ALL[name]
    before = dict(network.named_modules())
    table = replace(network, RULES[rule](), rows())
    assert {refusal.name: refusal.reason for refusal in table.refused} == odd.left
    assert [row.name for row in table] == odd.taken
    dense = {short: before[short] for short in odd.taken}
    # Without their weights the old layers could not be used unseen.
    wanted = network.eval()(rows(1))
    for layer in dense.values():
        for tensor in layer.parameters():
            tensor.data.fill_(float("nan"))
    assert torch.equal(network(rows(1)), wanted) and torch.isfinite(wanted).all()
    network.train()(rows(1)).sum().backward()
    for short in odd.taken:
        new = dict(network.named_modules(remove_duplicate=False))[short]
        assert new is not dense[short]
        assert all(tensor.grad is not None for tensor in new.parameters())


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_plan_leaves_an_odd_network_as_it_was(name):
    network = made(name).train()
    before = picture(network)
    plan(network, rules.fwht(), rows())
    assert_same(before, picture(network))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_failure_half_way_leaves_an_odd_network_as_it_was(name):
    """The last layer that would be replaced gets one of another width."""
    network, last = made(name).train(), ALL[name].taken[-1]

    def rule(layer_name, layer):
        if layer_name not in ALL[name].taken:
            return None
        return nn.Linear(8, 9 if layer_name == last else 8)

    before = picture(network)
    with torch.random.fork_rng(), pytest.raises(ValueError):
        replace(network, rule, rows())
    assert_same(before, picture(network))


STRETCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=9)


@given(known=STRETCHES, asked=st.tuples(st.integers(0, 40), st.integers(1, 9)))
@settings(deadline=None)
def test_tensors_are_found_by_any_stretch_of_memory_they_have_in_common(known, asked):
    memory = torch.zeros(50)
    wanted = [key for key, (start, size) in enumerate(known)
              if set(range(start, start + size)) & set(range(asked[0], sum(asked)))]
    places = Places({key: memory[start:start + size] for key, (start, size) in enumerate(known)})
    assert sorted(places.of(memory[asked[0]:sum(asked)])) == wanted
    assert not places.of(torch.zeros(50))


@needs_operators
def test_a_held_weight_named_in_full_is_an_error_with_the_reason():
    with pytest.raises(ValueError, match=r"layer first \(Linear 8 -> 8\).*also used outside its own forward.*weight"):
        replace(made("a weight in a list"), rules.fwht(["first", "last"]), rows())


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_a_network_whose_gradients_are_exchanged_is_operated_on_before(tmp_path):
    try:
        torch.distributed.init_process_group("gloo", init_method=(tmp_path / "store").as_uri(), rank=0, world_size=1)
    except RuntimeError as error:
        pytest.skip("no process group here: {}".format(error))
    try:
        network = nn.Sequential(nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(8, 8))))
        with pytest.raises(ValueError, match="^DistributedDataParallel '0' exchanges .*: replace layers first, then"):
            replace(network, rules.fwht(), rows())
        replace(network[0].module, rules.fwht(), rows())
    finally:
        torch.distributed.destroy_process_group()


@needs_operators
def test_a_new_layer_may_use_the_old_ones_weights():
    class Halved(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.weight = nn.Parameter(layer.weight.detach()[:4])  # the same memory

        def forward(self, x):
            return nn.functional.linear(x, self.weight).repeat(1, 2)

    network = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    assert [row.name for row in replace(network, lambda name, layer: Halved(layer) if name == "0" else None,
                                        rows())] == ["0"]


def test_copies_of_an_operated_network_are_the_network():
    for name in sorted(ODD):
        network = made(name)
        replace(network, rules.fwht(), rows())
        assert torch.equal(copy.deepcopy(network).eval()(rows(1)), network.eval()(rows(1)))
