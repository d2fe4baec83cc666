"""All or nothing: a failure anywhere leaves the network exactly as it was, and names the layer."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from suites.networks import count_macs, count_parameters, plan, replace, rules, trace_input_shapes


def picture(network):
    """Everything about a network that surgery could disturb."""
    modules = [(name, id(layer), type(layer), layer.training, len(layer._forward_hooks),
                len(layer._forward_pre_hooks)) for name, layer in network.named_modules(remove_duplicate=False)]
    tensors = [(name, id(tensor), tensor.requires_grad) for name, tensor in network.named_parameters()]
    return modules, tensors, {name: tensor.clone() for name, tensor in network.state_dict().items()}


def assert_same(before, after):
    assert before[:2] == after[:2]
    assert list(before[2]) == list(after[2])
    assert all(torch.equal(tensor, after[2][name]) for name, tensor in before[2].items())


class Asks(nn.Module):
    """Asks a layer for what only a dense one has."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.second(self.first(x)) * self.second.in_features


def half_way(name, layer):
    """A rule that fails at the third linear layer."""
    if not isinstance(layer, nn.Linear):
        return None
    if name == "4":
        raise RuntimeError("out of clay")
    return nn.Linear(layer.in_features, layer.out_features)


def chain_of_linears():
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 8))


FAILURES = [
    (chain_of_linears, half_way, r"layer '4' \(Linear 8 -> 8\) cannot be replaced: out of clay"),
    (chain_of_linears, rules.bwht(block_size=3), r"layer '0' .*blocks of 3 do not fit"),
    (chain_of_linears, lambda name, layer: nn.Linear(8, 9) if name == "4" else None,
     r"layer '4' .*Linear gives \(4, 9\) where it gave \(4, 8\)"),
    (chain_of_linears, lambda name, layer: nn.Linear(8, 9) if name == "0" else None,
     r"layer '0' .*Linear gives \(4, 9\) where it gave \(4, 8\)"),
    (chain_of_linears, lambda name, layer: nn.Linear(9, 8) if name == "2" else None,
     r"layer '2' .*Linear fails on the example"),
    (Asks, rules.fwht(), r"layer 'second' .*asks it for 'in_features', which WalshHadamardLinear does not have"),
    (chain_of_linears, rules.fwht("*.x"), r"there is no layer '\*\.x'"),
    (chain_of_linears, rules.fwht(["0", "1"]), r"layer '1' \(BatchNorm1d\) is of no kind"),
    (chain_of_linears, lambda name, layer: None, "no layer was replaced"),
]


@pytest.mark.parametrize("make, rule, sentence", FAILURES)
@pytest.mark.parametrize("act", [replace, plan])
def test_a_failure_names_the_layer_and_leaves_the_network_exactly_as_it_was(make, rule, sentence, act):
    network = make().train()
    list(network.children())[1].eval()  # a mode of its own
    before = picture(network)
    with pytest.raises(ValueError, match=sentence):
        act(network, rule, torch.randn(4, 8))
    assert_same(before, picture(network))


def test_a_network_that_does_not_take_the_example_is_told_so():
    with pytest.raises(ValueError, match="Sequential does not run on the example"):
        replace(chain_of_linears(), rules.fwht(), torch.zeros(4, 9))
    with pytest.raises(ValueError, match=r"no layers inside this one to replace: wrap it, nn.Sequential\(layer\)"):
        replace(nn.Linear(8, 8), rules.fwht(), torch.zeros(4, 8))
    lazy = nn.Sequential(nn.LazyLinear(8))
    with pytest.raises(ValueError, match="'0.weight' has no size yet: run the network once"):
        replace(lazy, rules.fwht(), torch.zeros(4, 8))


@pytest.mark.parametrize("rule", [rules.fwht(), rules.debut(), rules.mf()])
def test_a_plan_is_what_replace_does_and_changes_nothing_not_even_random_numbers(rule):
    network = chain_of_linears().train()
    before, state = picture(network), torch.get_rng_state()
    planned = plan(network, rule, torch.zeros(4, 8))
    assert_same(before, picture(network))
    assert torch.equal(state, torch.get_rng_state())
    assert str(planned) == str(replace(network, rule, torch.zeros(4, 8)))
    assert not any(isinstance(layer, nn.Linear) for layer in network)


def test_a_list_of_chains_is_used_from_its_start_in_every_plan_and_network():
    from suites.layers.debut import generate_chain
    coarse, fine = generate_chain(64, 64, level=2), generate_chain(64, 64, level=4)
    rule, x = rules.debut(chains=[coarse, fine]), torch.zeros(2, 64)
    for _ in range(2):
        network = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64))
        plan(network, rule, x)
        replace(network, rule, x)
        assert [[list(factor) for factor in layer.chain] for layer in network] == [coarse, fine, fine]


def test_the_example_run_keeps_every_layers_own_mode_and_the_buffers():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x):
            self.seen += 1
            return x

    network = nn.Sequential(nn.Linear(8, 8), Counter(), nn.BatchNorm1d(8), nn.Linear(8, 8)).train()
    network[2].eval()
    x = torch.zeros(2, 8)
    for act in (lambda: trace_input_shapes(network, x), lambda: count_macs(network, x),
                lambda: plan(network, rules.fwht(), x), lambda: replace(network, rules.fwht("0"), x)):
        act()
        assert [layer.training for layer in network] == [True, True, False, True]
        assert float(network[1].seen) == 0 and int(network[2].num_batches_tracked) == 0


def test_the_second_surgery_finds_nothing_more_and_says_so():
    network = chain_of_linears()
    replace(network, rules.fwht(), torch.zeros(4, 8))
    before = picture(network)
    with pytest.raises(ValueError, match="no layer was replaced"):
        replace(network, rules.fwht(), torch.zeros(4, 8))
    assert_same(before, picture(network))


def test_inputs_may_be_several_or_named():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, left, right):
            return self.layer(left) + right

    pair = (torch.zeros(2, 8), torch.zeros(2, 8))
    for example in (pair, list(pair), {"left": pair[0], "right": pair[1]}):
        assert [row.name for row in replace(Two(), rules.fwht(), example)] == ["layer"]


@pytest.mark.parametrize("make, shape", [
    (lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3)), "1 x 3 x 224 x 224"),
    (lambda: nn.Sequential(nn.Conv2d(1, 8, 1), nn.Flatten(), nn.Linear(8 * 28 * 28, 4)), "1 x 1 x 28 x 28"),
    (chain_of_linears, "1 x 8"),
    (lambda: nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(16), nn.Linear(8, 8)), "1 x 16 x 8"),
    (lambda: nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8)), "1 x 16"),
    (lambda: nn.Sequential(nn.Conv1d(3, 8, 1), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 8)),
     "1 x 3 x 1024")])
def test_without_an_example_the_network_runs_on_the_first_usual_input_it_takes_and_the_table_names_it(make, shape):
    network = make()
    table = replace(network, rules.fwht())
    assert table.example == shape and "on an input of {};".format(shape) in str(table)
    assert not any(isinstance(layer, nn.Linear) for layer in network)


def test_a_network_that_takes_no_usual_input_needs_an_example():
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(9, 8))
    with pytest.raises(ValueError, match="Sequential runs on no usual input .*: pass an example of its input"):
        replace(network, rules.fwht("0"))
    with pytest.raises(ValueError, match="no layer that tells its input.*pass an example"):
        replace(nn.Sequential(nn.ReLU()), lambda name, layer: nn.Identity())


LAYERS = {"linear": lambda: nn.Linear(8, 8), "relu": nn.ReLU, "norm": lambda: nn.LayerNorm(8),
          "again": None, "nested": None, "dict": None}


class Branches(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleDict({"part{}".format(index): part for index, part in enumerate(parts)})
        self.copies = nn.ModuleList(list(self.parts.values())[:1])

    def forward(self, x):
        for part in list(self.parts.values()) + list(self.copies):
            x = part(x)
        return x


def nets(depth):
    leaf = st.sampled_from(["linear", "relu", "norm", "again"])
    if depth == 0:
        return leaf
    inner = st.lists(nets(depth - 1), min_size=1, max_size=3)
    return st.one_of(leaf, st.tuples(st.sampled_from(["nested", "dict"]), inner))


def grow(tree, shared):
    if isinstance(tree, tuple):
        parts = [grow(part, shared) for part in tree[1]]
        return nn.Sequential(*parts) if tree[0] == "nested" else Branches(parts)
    return shared if tree == "again" else LAYERS[tree]()


@given(tree=st.lists(nets(2), min_size=1, max_size=4), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_nest_of_layers_is_replaced_whole_counts_right_and_trains(tree, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(*[grow(part, nn.Linear(8, 8)) for part in tree], nn.Linear(8, 8))
    x = torch.randn(3, 8)
    parameters = count_parameters(network)
    dense = {id(layer) for layer in network.modules() if isinstance(layer, nn.Linear)}
    table = replace(network, rules.fwht(), x)
    assert len(table) == len(dense) and not table.refused
    assert not any(isinstance(layer, nn.Linear) for layer in network.modules())
    assert parameters - count_parameters(network) == table.parameters_before - table.parameters_after
    again = copy.deepcopy(network)
    again.load_state_dict(network.state_dict())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    y = network(x)
    assert torch.equal(again(x), y)
    y.pow(2).sum().backward()
    optimizer.step()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert torch.isfinite(network(x)).all()


def test_a_channels_last_network_stays_one():
    network = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1))
    network.to(memory_format=torch.channels_last)
    x = torch.randn(2, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    replace(network, rules.fwht(), x)
    replace(network, rules.lhc("2"), x)
    assert network[2].weight.is_contiguous(memory_format=torch.channels_last)
    middle = torch.randn(2, 8, 8, 8).contiguous(memory_format=torch.channels_last)
    assert network[1](middle).is_contiguous(memory_format=torch.channels_last)


class Remembering(nn.Module):
    """Puts a new buffer in the place of the old one in every call, as quantisation's observers do."""

    def __init__(self):
        super().__init__()
        self.register_buffer("largest", torch.zeros(()))
        self.register_buffer("last", None)
        self.inner = nn.Linear(8, 8)

    def forward(self, x):
        self.largest, self.last = torch.maximum(self.largest, x.abs().amax(0)), x
        return self.inner(x)


@pytest.mark.parametrize("act", [plan, replace])
def test_a_buffer_that_a_run_replaces_is_put_back(act):
    network = nn.Sequential(Remembering())
    before = network[0].largest
    act(network, rules.fwht(), torch.ones(3, 8))
    assert network[0].largest is before and before.shape == () and before == 0 and network[0].last is None


@pytest.mark.skipif(not hasattr(nn.utils, "parametrizations"), reason="this torch has no parametrizations")
def test_reading_a_weight_that_changes_when_it_is_read_changes_nothing():
    network = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    plan(network, rules.debut(sweeps=1), torch.ones(3, 8))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(layer.training for layer in network.modules())


@pytest.mark.skipif(not hasattr(nn, "LazyBatchNorm1d"), reason="this torch has no such layer")
def test_buffers_without_a_size_are_named_too():
    network = nn.Sequential(nn.LazyBatchNorm1d(affine=False), nn.Linear(8, 8))
    with pytest.raises(ValueError, match="'0.running_mean' has no size yet: run the network once"):
        replace(network, rules.fwht(), torch.ones(3, 8))
