import pytest
import torch
from torch import nn

from suites.layers.lhc import (
    DensityLoss,
    FrozenLhcConv2d,
    LhcConv2d,
    densities,
    draw_masks,
    freeze,
    lhc_layers,
    set_stage,
    warm_up,
)


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(LhcConv2d(8, 16, 3, padding=1, group_in=4, group_out=4), nn.ReLU(), nn.MaxPool2d(2),
                         LhcConv2d(16, 8, 3, padding=1, group_in=4, group_out=4))


def test_densities_weigh_layers_by_positions_and_by_weights():
    network = small_network()
    draw_masks(network[0], 0.5)
    draw_masks(network[3], 0.25)
    with pytest.raises(ValueError, match="run the network once"):
        densities(network)
    network(torch.randn(1, 8, 8, 8))
    compute, weights = (float(value.detach()) for value in densities(network))
    assert weights == pytest.approx((0.5 + 0.25) / 2)
    assert compute == pytest.approx((0.5 * 64 + 0.25 * 16) / 80)


def test_the_density_loss_follows_the_papers_formula_and_schedule():
    network = small_network()
    network(torch.randn(1, 8, 8, 8))
    compute, weights = (float(value.detach()) for value in densities(network))
    loss = DensityLoss(0.1, first_loss=2.0)
    unit = 2.0 / (0.01 + 0.99 * 0.9)
    assert loss.unit == pytest.approx(2.0 / 0.901)
    for epoch, factor in ((0, 0.0), (5, 1.0), (20, 4.0), (150, 4.0)):
        assert float(loss(network, epoch).detach()) == pytest.approx(
            factor * unit * (0.01 * compute + 0.99 * abs(0.1 - weights)))


def test_the_density_loss_drives_the_density_to_its_target():
    network = small_network()
    network(torch.randn(1, 8, 8, 8))
    start = float(densities(network)[1].detach())
    optimizer = torch.optim.SGD([layer.effects for layer in lhc_layers(network)], lr=2.0)
    loss = DensityLoss(0.1, first_loss=1.0)
    for _ in range(60):
        optimizer.zero_grad()
        loss(network, 20).backward()
        optimizer.step()
    end = float(densities(network)[1].detach())
    assert abs(end - 0.1) < 0.25 * abs(start - 0.1)


def test_accuracy_mode_switches_the_density_loss_off():
    network = small_network()
    network(torch.randn(1, 8, 8, 8))
    term = DensityLoss(-1, first_loss=1.0)(network, 20)
    term.backward()
    assert float(term.detach()) == 0.0
    assert all(float(layer.effects.grad.abs().max()) == 0.0 for layer in lhc_layers(network))
    with pytest.raises(ValueError, match="between 0 and 1"):
        DensityLoss(1.5, 1.0)


def test_during_warm_up_each_output_channel_uses_its_mask_with_the_epochs_share():
    layer = LhcConv2d(4, 2000, 3, padding=1)
    draw_masks(layer, 0.0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 5, 5)
    for epoch, share in ((0, 0.0), (5, 0.25), (10, 0.5), (20, 1.0), (33, 1.0)):
        layer.warm_up(epoch, generator=generator)
        masked = layer(x)[0, :, 2, 2] == layer.bias
        assert float(masked.float().mean()) == pytest.approx(share, abs=0.04)
        assert torch.equal(masked, layer.masked)
    first = layer.masked
    layer.warm_up(10, generator=generator)
    other = layer.masked
    layer.warm_up(10, generator=generator)
    assert first.all() and not torch.equal(other, layer.masked)


def test_warm_up_does_not_change_what_counts_as_density():
    network = small_network()
    network(torch.randn(1, 8, 8, 8))
    before = float(densities(network)[1].detach())
    warm_up(network, 3)
    assert float(densities(network)[1].detach()) == before


def test_the_fine_stage_trains_weights_only():
    network = small_network()
    set_stage(network, "fine")
    network(torch.randn(1, 8, 8, 8)).sum().backward()
    for layer in lhc_layers(network):
        assert layer.effects.grad is None and float(layer.weight.grad.abs().max()) > 0
    set_stage(network, "coarse")
    network(torch.randn(1, 8, 8, 8)).sum().backward()
    assert all(layer.effects.grad is not None for layer in lhc_layers(network))
    with pytest.raises(ValueError, match="did you mean 'fine'"):
        set_stage(network, "fin")


def test_freezing_a_network_replaces_every_layer_and_keeps_its_output():
    network = small_network()
    x = torch.randn(2, 8, 8, 8)
    wanted = network(x)
    assert freeze(network) == 2
    assert sum(isinstance(layer, FrozenLhcConv2d) for layer in network) == 2
    assert torch.allclose(network(x), wanted, atol=1e-5)
    with pytest.raises(ValueError, match="no LhcConv2d"):
        lhc_layers(network)
