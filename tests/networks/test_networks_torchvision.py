"""Surgery and counting on networks from elsewhere: torchvision's (extra ``test-networks``)."""

import copy
import sys

import pytest
import torch
from foreign import models
from torch import nn

from suites.networks import (
    Refused,
    count_macs,
    count_parameters,
    macs_by_layer,
    plan,
    replace,
    rules,
    trace_input_shapes,
)
from suites.networks.macs import ELSEWHERE

NAMES = ["mobilenet_v2", "mobilenet_v3_large", "resnet18", "efficientnet_b0", "convnext_tiny", "vit_b_16"]
FAST = ["mobilenet_v3_large"]
OUT_PROJECTIONS = {"encoder.layers.encoder_layer_{}.self_attention.out_proj".format(index) for index in range(12)}
#: Side of the test images: vision transformers know no other.
SIDES = {"vit_b_16": 224}


def network_and_images(name, batch=2):
    torch.manual_seed(0)
    return getattr(models(), name)(num_classes=10), torch.randn(batch, 3, SIDES.get(name, 64), SIDES.get(name, 64))


def slow_but(fast):
    return [pytest.param(name, marks=() if name in fast else pytest.mark.slow) for name in NAMES]


def flops_by_torch(network, images):
    """Return torch's own count, attention by the form whose products it can see on any device."""
    flop_counter = pytest.importorskip("torch.utils.flop_counter")
    attention = pytest.importorskip("torch.nn.attention")
    with attention.sdpa_kernel(attention.SDPBackend.MATH), flop_counter.FlopCounterMode(display=False) as counter:
        network.eval()(images)
    return counter.get_total_flops()


@pytest.mark.parametrize("name", slow_but(FAST + ["resnet18"]))
def test_multiply_adds_of_dense_networks_are_half_of_torchs_flops(name):
    network, images = network_and_images(name)
    assert 2 * count_macs(network, images) == flops_by_torch(network, images)
    assert ELSEWHERE not in dict(macs_by_layer(network, images))


def replaceable(network):
    """The layers that fwht is for, told from the network alone."""
    return {name for name, layer in network.named_modules() if isinstance(layer, nn.Linear) or isinstance(
        layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1 and layer.stride == (1, 1)}


@pytest.mark.parametrize("rule", [rules.fwht, rules.bwht], ids=["fwht", "bwht"])
@pytest.mark.parametrize("name", slow_but(FAST))
def test_a_foreign_network_is_replaced_whole_runs_trains_and_tells_the_truth(name, rule):
    network, images = network_and_images(name)
    wanted = replaceable(network)
    dense, parameters, macs = copy.deepcopy(network), count_parameters(network), count_macs(network, images)
    planned = plan(network, rule(), images)
    assert str(network) == str(dense)
    table = replace(network, rule(), images)
    assert str(table) == str(planned)

    left = {refusal.name: refusal.reason for refusal in table.refused}
    assert left == (dict.fromkeys(OUT_PROJECTIONS, Refused.NEVER_CALLED) if name == "vit_b_16" else {})
    assert {row.name for row in table} == wanted - set(left)
    layers = dict(network.named_modules())
    assert all(not isinstance(layers[row.name], (nn.Linear, nn.Conv2d)) for row in table)

    # What the table says is what the network has: parameters, and multiply-adds in the same run.
    assert parameters - count_parameters(network) == table.parameters_before - table.parameters_after > 0
    assert macs - count_macs(network, images) == table.macs_before - table.macs_after
    rows = {row.name: row for row in table}
    for layer, count in macs_by_layer(dense, images):
        assert layer not in rows or rows[layer].macs_before == count
    for row in table:
        assert row.name in str(table) and "{:,}".format(row.macs_after) in str(table)

    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    network.train()
    loss = nn.functional.cross_entropy(network(images), torch.tensor([0, 1]))
    loss.backward()
    assert not [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())
    optimizer.step()
    with torch.no_grad():
        assert torch.isfinite(network.eval()(images)).all()


@pytest.mark.parametrize("name", slow_but(["resnet18"])[2:3])
def test_3x3_convolutions_that_keep_their_channels_become_2d_layers(name):
    network, images = network_and_images(name)
    table = replace(network, rules.fwht("layer*", shapes=trace_input_shapes(network, images)), images)
    assert len(table) == 13 and all(row.after.startswith("WalshHadamard2d") for row in table)
    network(images).sum().backward()


@pytest.mark.slow
def test_convnext_mixes_the_channels_of_a_pixel_and_not_its_rows():
    """Its linear layers see (N, H, W, C)."""
    network, _ = network_and_images("convnext_tiny")
    images = torch.randn(1, 3, 64, 64)
    replace(network, rules.fwht("features.1.0.block.3"), images)
    layer = network.features[1][0].block[3]
    x = torch.randn(1, 16, 16, 96)
    assert torch.allclose(layer(x)[0, 3, 5], layer(x[0, 3, 5]), atol=1e-5)


def test_where_torchvision_is_missing_the_tests_skip_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(pytest.skip.Exception, match="needs torchvision .extra test-networks."):
        models()
