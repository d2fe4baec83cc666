import pytest
import torch

from suites.networks import build
from suites.networks.build import NETWORKS

#: Every variant that a network has, at its real input size; the large ones are slow on two cores.
CASES = [("lenet", ["dense", "fwht", "bwht", "mf", "debut", "lhc"]),
         ("resnet20", ["dense", "fwht", "bwht", "ht", "debut", "lhc"]),
         ("pointnet", ["dense", "fwht", "bwht", "mf", "debut"])]
SLOW = [("mobilenet_v2", ["dense", "fwht", "bwht", "mf", "debut"]),
        ("mobilenet_v3_large", ["dense", "fwht", "bwht", "mf", "debut"]),
        ("resnet34", ["dense", "fwht", "bwht", "ht", "debut", "lhc"]),
        ("resnet50", ["dense", "fwht", "bwht", "ht", "debut", "lhc"]),
        ("resnet110", ["dense", "ht", "debut", "lhc"]),
        ("vgg16", ["dense", "fwht", "bwht", "ht", "mf", "debut", "lhc"]),
        ("vgg19", ["dense", "ht", "debut", "lhc"])]


def run_both_ways(name, variant):
    torch.manual_seed(0)
    network = build(name, variant=variant)
    spec = NETWORKS[name]
    # Two images: batch norms on vectors need more than one.
    x = torch.randn((2,) + spec.input_shape, requires_grad=True)
    y = network(x)
    assert y.shape == (2, spec.num_classes)
    torch.nn.functional.cross_entropy(y, torch.tensor([0, 1])).backward()
    assert torch.isfinite(y).all() and torch.isfinite(x.grad).all() and float(x.grad.abs().max()) > 0
    missing = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not missing
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())
    with torch.no_grad():
        assert network.eval()(x[:1]).shape == (1, spec.num_classes)


@pytest.mark.parametrize("name, variant", [(name, variant) for name, variants in CASES for variant in variants])
def test_networks_run_forward_and_backward_at_their_real_input(name, variant):
    run_both_ways(name, variant)


@pytest.mark.slow
@pytest.mark.parametrize("name, variant", [(name, variant) for name, variants in SLOW for variant in variants])
def test_large_networks_run_forward_and_backward_at_their_real_input(name, variant):
    run_both_ways(name, variant)


def test_every_network_and_variant_is_covered():
    assert {name for name, _ in CASES + SLOW} == set(NETWORKS)


def test_pointnet_ignores_the_order_of_the_points():
    network = build("pointnet").eval()
    x = torch.randn(1, 3, 64)
    assert torch.allclose(network(x), network(x[:, :, torch.randperm(64)]), atol=1e-4)
    with pytest.raises(ValueError, match=r"\(N, 3, points\)"):
        network(torch.zeros(1, 64, 3))


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
def test_large_resnets_take_small_images_with_the_small_stem(name):
    network = build(name, 10, stem="small").eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
