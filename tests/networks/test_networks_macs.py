import pytest
import torch
from torch import nn

from suites.layers.debut import chain_weights, published_chains
from suites.layers.lhc import draw_masks, freeze
from suites.networks import build, replace, rules
from suites.networks.macs import count_macs, macs_by_layer


@pytest.mark.parametrize("name, shape, macs", [
    ("vgg16", (1, 3, 32, 32), 313201664 - 512 * 10 + 512 * 512 + 512 * 10),
    ("resnet50", (1, 3, 224, 224), 4089184256),
    ("mobilenet_v2", (1, 3, 224, 224), 300774272 - 1280 * 1000 + 1280 * 10 + 0),
    ("lenet", (1, 1, 28, 28), 26 * 26 * 72 + 11 * 11 * 1152 + 51200 + 8192 + 640)])
def test_dense_networks_have_their_known_operation_counts(name, shape, macs):
    assert count_macs(build(name), torch.zeros(shape)) == macs


def test_published_operation_count_of_the_heterogeneous_vgg():
    network = build("vgg16", 10, variant="lhc")
    counts = dict(macs_by_layer(network, torch.zeros(1, 3, 32, 32)))
    assert sum(counts.values()) == 313201664
    kernels = sum(count for name, count in counts.items() if name.startswith("features.conv") and name[13:] != "1")
    assert kernels == 311427072
    draw_masks(network, 0.1)
    freeze(network)
    left = count_macs(network, torch.zeros(1, 3, 32, 32)) - (sum(counts.values()) - kernels)
    assert left == pytest.approx(0.1 * kernels, rel=0.02)


def test_a_chain_costs_its_weights_at_every_position():
    chain = published_chains("vgg16_cifar10")[1]
    counts = dict(macs_by_layer(build("vgg16", variant="debut", replace_last=1), torch.zeros(2, 3, 32, 32)))
    assert counts["features.conv13"] == 2 * 4 * chain_weights(chain)


def test_the_batch_multiplies_the_count():
    for variant in ("dense", "fwht", "bwht", "ht", "debut", "lhc"):
        network = build("resnet20", variant=variant)
        assert count_macs(network, torch.zeros(3, 3, 32, 32)) == 3 * count_macs(network, torch.zeros(1, 3, 32, 32))


def test_butterflies_count_their_additions():
    network = nn.Sequential(nn.Conv2d(64, 64, 1))
    replace(network, rules.fwht(), torch.zeros(1, 64, 4, 4))
    network[0].implementation = "butterfly"
    assert count_macs(network, torch.zeros(1, 64, 4, 4)) == 16 * 2 * 6 * 64
    network[0].implementation = "matrix"
    assert count_macs(network, torch.zeros(1, 64, 4, 4)) == 16 * 2 * 64 * 64


def test_an_unknown_layer_with_weights_is_refused_rather_than_left_out():
    with pytest.raises(ValueError, match="no rule counts the work of Bilinear ''"):
        count_macs(nn.Bilinear(2, 2, 2), (torch.zeros(1, 2), torch.zeros(1, 2)))


def test_counting_leaves_the_network_as_it_was():
    network = build("resnet20").train()
    count_macs(network, torch.zeros(1, 3, 32, 32))
    assert network.training and not any(module._forward_hooks for module in network.modules())
