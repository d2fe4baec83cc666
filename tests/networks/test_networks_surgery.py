import pytest
import torch
from torch import nn

from suites.layers.debut import DebutConv2d, DebutLinear, generate_chain, published_chains
from suites.layers.lhc import LhcConv2d
from suites.layers.wht1d import WalshHadamard1d
from suites.layers.wht2d import WalshHadamard2d
from suites.networks import build, count_parameters, replace, rules, trace_input_shapes

IMAGE = torch.zeros(1, 3, 8, 8)


def user_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 1), nn.ReLU(),
                         nn.Conv2d(24, 24, 3, padding=1, groups=24),
                         nn.Sequential(nn.Conv2d(24, 24, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                       nn.Linear(24, 10)))


def test_two_lines_replace_layers_of_a_users_own_network():
    network = user_network()
    table = replace(network, rules.fwht("2"), IMAGE)
    assert isinstance(network[2], WalshHadamard1d)
    assert network(torch.randn(2, 3, 8, 8)).shape == (2, 10)
    row, = table
    assert (row.name, row.before) == ("2", "Conv2d 16 -> 24, 1x1")
    assert row.after == "WalshHadamard1d 16 -> 24"
    assert (row.parameters_before, row.parameters_after) == (16 * 24 + 24, 32)


def test_the_table_adds_up_and_prints_aligned():
    network = build("mobilenet_v2", 10)
    before = count_parameters(network)
    table = replace(network, rules.fwht("blocks.1[2-6].*"), torch.zeros(1, 3, 64, 64))
    assert len(table) == 10
    assert before - count_parameters(network) == table.parameters_before - table.parameters_after
    lines = str(table).splitlines()
    assert lines.pop().startswith("multiply-adds on an input of 1 x 3 x 64 x 64")
    assert len(lines) == 12 and lines[0].split() == [
        "layer", "was", "becomes", "parameters", "before", "after", "multiply-adds", "before", "after"]
    assert lines[-1].split() == ["total", "{:,}".format(table.parameters_before), "{:,}".format(
        table.parameters_after), "{:,}".format(table.macs_before), "{:,}".format(table.macs_after)]
    assert len({len(line) for line in lines}) == 1
    assert all(ord(letter) < 128 for letter in str(table))


def test_the_table_notes_a_chain_that_cannot_reach_every_entry():
    notes = [row.note for row in build("pointnet", variant="debut").surgery if row.note]
    assert notes == ["chain breaks its rule: 25 % of the product reachable"]


def test_every_rule_makes_its_layer_and_the_network_still_runs():
    x = torch.randn(2, 3, 8, 8)
    shapes = trace_input_shapes(user_network(), x)
    made = {}
    for name, rule in (("fwht", rules.fwht(shapes=shapes)), ("bwht", rules.bwht(block_size=8, shapes=shapes)),
                       ("ht", rules.ht(shapes)), ("mf", rules.mf()), ("lhc", rules.lhc()),
                       ("debut", rules.debut(["5.*"]))):
        network = user_network()
        table = replace(network, rule, x)
        made[name] = sorted((row.name, row.after.split()[0]) for row in table)
        assert network(x).shape == (2, 10)
        network(x).sum().backward()
    assert made == {
        "fwht": [("2", "WalshHadamard1d"), ("5.0", "WalshHadamard2d"), ("5.3", "WalshHadamardLinear")],
        "bwht": [("2", "BlockWalshHadamard1d"), ("5.0", "WalshHadamard2d"), ("5.3", "BlockWalshHadamardLinear")],
        "ht": [("0", "HTPerceptron"), ("5.0", "HTPerceptron")],
        "mf": [("4", "MultiplicationFreeDepthwise2d"), ("5.3", "MultiplicationFreeLinear")],
        "lhc": [("0", "LhcConv2d"), ("5.0", "LhcConv2d")],
        "debut": [("5.0", "DebutConv2d"), ("5.3", "DebutLinear")]}


def test_shapes_and_strides_survive_the_2d_and_ht_rules():
    for side in (8, 7):
        for rule in (rules.fwht, rules.ht):
            network = nn.Sequential(nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1))
            x = torch.randn(1, 4, side, side)
            wanted = network(x).shape
            replace(network, rule(shapes=trace_input_shapes(network, x)), x)
            assert network(x).shape == wanted
    with pytest.raises(ValueError, match="layer '0' needs the size of its plane"):
        replace(nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1)), rules.ht({}), torch.zeros(1, 4, 8, 8))


def test_squeeze_and_excite_becomes_a_2d_layer():
    network = build("mobilenet_v3_large", variant="bwht", replace_last=2, block_size=16, replace_gates=True)
    assert isinstance(network.blocks[14].gate, WalshHadamard2d) and not isinstance(
        network.blocks[12].gate, WalshHadamard2d)
    assert network.blocks[14].gate.plane == (7, 7)
    assert network.surgery[-1].parameters_after == 2 * 8 * 8
    with pytest.raises(ValueError, match="no squeeze-and-excite"):
        build("mobilenet_v2", variant="fwht", replace_gates=True)


def test_a_layer_takes_the_chain_of_its_size_and_an_ordered_list_is_used_in_order():
    coarse, fine = generate_chain(512, 4608, level=4), generate_chain(512, 4608, level=8)
    network = build("vgg16", 10, variant="debut", chains=[coarse, fine])
    layers = [layer for layer in network.modules() if isinstance(layer, DebutConv2d)]
    found = [[list(factor) for factor in layer.chain] for layer in layers]
    assert found == [coarse, fine, fine, fine, fine]


def test_least_squares_sweeps_start_from_the_weights_and_the_table_tells_the_error():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(32, 32))
    table = replace(network, rules.debut(sweeps=3), torch.zeros(1, 32))
    assert isinstance(network[0], DebutLinear)
    assert table[0].note == "fitted to a relative error of {:.3g}".format(network[0].als_errors[-1])


def test_device_dtype_and_mode_are_taken_over_and_shared_layers_stay_shared():
    shared = nn.Conv2d(8, 8, 1)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.Sequential(shared)).double().eval()
    network.again = shared
    table = replace(network, rules.fwht(), torch.zeros(1, 8, 4, 4, dtype=torch.float64))
    assert len(table) == 1
    assert network[0] is network[2] is network[3][0] is network.again
    assert network[0].threshold.dtype == torch.float64 and not network[0].training


def test_any_function_can_be_a_rule():
    network = user_network()
    table = replace(network, lambda name, layer: nn.Identity() if isinstance(layer, nn.ReLU) else None,
                    IMAGE)
    assert [row.name for row in table] == ["1", "3"]


def test_nothing_replaced_is_an_error():
    with pytest.raises(ValueError, match="no layer was replaced"):
        replace(user_network(), rules.lhc("5.[123]"), IMAGE)


def test_tracing_leaves_the_network_as_it_was():
    network = build("resnet20")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    shapes = trace_input_shapes(network.train(), torch.zeros(1, 3, 32, 32))
    assert shapes["blocks.8.conv2"] == (1, 64, 8, 8)
    assert network.training and not any(module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_published_chain_lists_match_the_layers_of_their_networks():
    replaced = {"lenet_mnist": 3, "vgg16_cifar10": 6, "resnet50_imagenet": 9}
    for key, name in (("lenet_mnist", "lenet"), ("vgg16_cifar10", "vgg16"), ("resnet50_imagenet", "resnet50")):
        assert len(build(name, variant="debut", chains=published_chains(key)).surgery) == replaced[key]
    assert len(build("resnet110", variant="debut").surgery) == 112
    assert sum(isinstance(layer, LhcConv2d) for layer in build("resnet20", variant="lhc").modules()) == 18
