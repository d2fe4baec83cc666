import importlib.util

import pytest
import torch
from torch import nn

from suites.layers.debut import chain_weights, published_chains
from suites.layers.lhc import draw_masks, freeze
from suites.networks import build, replace, rules
from suites.networks.macs import ELSEWHERE, count_macs, macs_by_layer


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


def test_a_layer_used_twice_counts_twice_however_many_names_it_has():
    shared = nn.Linear(8, 8)
    network = nn.Sequential(shared, nn.Sequential(nn.ReLU(), shared))
    assert macs_by_layer(network, torch.zeros(3, 8)) == [("0", 192), ("0", 192)]


class OwnAttention(nn.Module):
    """Attention written by hand: products that belong to no layer, and a parameter that only adds."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 24)
        self.position = nn.Parameter(torch.zeros(5, 8))

    def forward(self, x):
        q, k, v = self.project(x + self.position).chunk(3, -1)
        return torch.softmax(q @ k.transpose(-1, -2), -1) @ v


class Doubled(nn.Linear):
    """A linear layer whose forward is more than its class says."""

    def forward(self, x):
        return super().forward(super().forward(x))


needs_counter = pytest.mark.skipif(importlib.util.find_spec("torch.utils.flop_counter") is None,
                                   reason="torch counts for itself from 2.1 on")


def flops(network, *inputs, **named):
    from torch.utils import flop_counter
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        with flop_counter.FlopCounterMode(display=False) as counter:
            network.eval()(*inputs, **named)
    return counter.get_total_flops()


@needs_counter
def test_products_outside_layers_are_counted_under_their_own_name():
    network, x = OwnAttention(), torch.randn(2, 5, 8)
    assert macs_by_layer(network, x) == [("project", 10 * 8 * 24), (ELSEWHERE, 2 * 2 * 5 * 5 * 8)]
    assert 2 * count_macs(network, x) == flops(network, x)
    assert 2 * count_macs(Doubled(8, 8), torch.zeros(3, 8)) == flops(Doubled(8, 8), torch.zeros(3, 8))


@needs_counter
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"kdim": 6, "vdim": 10}, {"bias": False}])
def test_attention_counts_projections_and_both_products_however_it_is_called(options):
    layer = nn.MultiheadAttention(8, 2, **options)
    given = {"query": torch.randn(5, 3, 8), "key": torch.randn(5, 3, options.get("kdim", 8)),
             "value": torch.randn(5, 3, options.get("vdim", 8))}
    assert 2 * count_macs(layer, tuple(given.values())) == 2 * count_macs(layer, given) == flops(layer, **given)


@needs_counter
def test_an_encoder_layer_counts_the_same_whether_or_not_torch_has_a_fast_path_for_it():
    network, x = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8)
    assert 2 * count_macs(network, x) == flops(network, x) > 0


@needs_counter
def test_while_counting_torch_takes_no_path_that_it_cannot_count():
    seen = []

    class Notes(nn.Module):
        def forward(self, x):
            seen.append(torch.backends.mha.get_fastpath_enabled())
            return x

    assert count_macs(Notes(), torch.zeros(1)) == 0
    assert seen == [False] and torch.backends.mha.get_fastpath_enabled()


@needs_counter
def test_scaled_dot_product_attention_is_counted_on_the_cpu_too():
    class Heads(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    assert count_macs(Heads(), torch.randn(2, 4, 7, 16)) == 2 * 4 * 2 * 7 * 7 * 16


@needs_counter
def test_a_recurrent_layer_is_counted_by_its_products():
    layer, x = nn.GRU(4, 4), torch.zeros(3, 1, 4)
    assert 2 * count_macs(layer, x) == flops(layer, x) > 0


def test_work_that_torch_has_no_formula_for_is_refused_inside_a_network_too():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.form = nn.Bilinear(4, 4, 4)

        def forward(self, x):
            return self.form(x, x)

    with pytest.raises(ValueError, match="no rule counts the work of Bilinear 'form'"):
        count_macs(Pairs(), torch.zeros(2, 4))
