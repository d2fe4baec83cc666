"""Replaced networks train: the kernels' gradients are those of stock torch, through whole networks."""

import copy

import pytest
import torch
import torch.nn.functional as F

from suites.builders.networks import calibrate
from suites.networks import build

#: Network, variant and the form of stock operations that its structured layers also have; inputs are small.
CASES = [("resnet110", {"variant": "debut", "num_classes": 100}, "blocks", (3, 8, 8)),
         ("vgg16", {"variant": "debut", "num_classes": 100}, "blocks", (3, 32, 32)),
         ("vgg16", {"variant": "debut"}, "blocks", (3, 32, 32)),
         ("pointnet", {"variant": "debut"}, "blocks", (3, 32)),
         ("lenet", {"variant": "debut"}, "blocks", (1, 28, 28)),
         ("resnet20", {"variant": "ht"}, "matrix", (3, 16, 16)),
         ("resnet20", {"variant": "fwht"}, "matrix", (3, 16, 16)),
         ("mobilenet_v2", {"variant": "fwht", "replace_last": 2}, "two-stage", (3, 64, 64)),
         ("mobilenet_v2", {"variant": "bwht", "replace_last": 2}, "butterfly", (3, 64, 64))]


def gradients(network, x, labels):
    """The gradient at the input and at every parameter, by name."""
    leaf = x.clone().requires_grad_()
    network.zero_grad()
    F.cross_entropy(network(leaf), labels).backward()
    return dict({"": leaf.grad}, **{name: one.grad for name, one in network.named_parameters()})


@pytest.fixture(autouse=True)
def smooth(monkeypatch):
    """Activations without a kink: an input a rounding away from it would pass its gradient in one form alone."""
    def silu(x, inplace=False):
        return F.silu(x)

    monkeypatch.setattr(F, "relu", silu)
    monkeypatch.setattr(F, "relu6", silu)


@pytest.mark.parametrize("name, options, stock, shape", CASES)
def test_gradients_of_a_replaced_network_are_those_of_its_stock_form(name, options, stock, shape):
    torch.manual_seed(0)
    network = build(name, input_shape=shape, **options)
    calibrate(network, torch.randn((8,) + shape))
    network.eval()  # statistics of a small batch would blow up what differs by rounding
    plain = copy.deepcopy(network)
    changed = [layer for layer in plain.modules() if hasattr(layer, "implementation")]
    for layer in changed:
        layer.implementation = stock
    x, labels = torch.randn((4,) + shape), torch.tensor([0, 1, 2, 3])
    allowed = 1e-3 if options["variant"] == "debut" else 1e-2  # a threshold has a kink of its own
    found, wanted = gradients(network, x, labels), gradients(plain, x, labels)
    assert changed and {layer.implementation_used for layer in changed} == {stock}
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        assert float(value.abs().max()) > 0, key
        assert float((found[key] - value).norm() / value.norm()) < allowed, key
