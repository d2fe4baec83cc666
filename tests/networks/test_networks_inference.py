"""The forms in which a trained network is run: the same outputs with less work around the layers."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from suites.builders.networks import calibrate, dense_form
from suites.layers.lhc import draw_masks, freeze
from suites.networks import build
from suites.networks.cheaper import HalvingMaxPool2d
from suites.networks.folding import fold_norms, traced, work_in_place
from suites.networks.inference import FORMS, forms_for, inference_form, input_format
from suites.networks.packing import PackedConvolution, can_pack

needs_packing = pytest.mark.skipif(not can_pack(), reason="this torch has no such calls")

#: Every kind of layer, and every activation and sum of the papers' networks, at small inputs.
NETWORKS = [
    ("resnet20", "dense", (3, 32, 32)), ("resnet20", "fwht", (3, 32, 32)), ("resnet20", "bwht", (3, 32, 32)),
    ("resnet20", "ht", (3, 32, 32)), ("resnet20", "debut", (3, 32, 32)), ("resnet20", "lhc", (3, 32, 32)),
    ("vgg16", "debut", (3, 32, 32)), ("pointnet", "dense", (3, 64)), ("pointnet", "debut", (3, 64)),
    ("lenet", "dense", (1, 28, 28)), ("lenet", "debut", (1, 28, 28)),
    ("mobilenet_v2", "dense", (3, 64, 64)), ("mobilenet_v2", "fwht", (3, 64, 64)),
    ("mobilenet_v3_large", "dense", (3, 64, 64)), ("mobilenet_v3_large", "bwht", (3, 64, 64))]


def trained(name, variant, shape):
    """A network whose batch norms have something to say: other factors than 1, other addends than 0."""
    torch.manual_seed(0)
    network = build(name, variant=variant, input_shape=shape)
    if variant == "lhc":
        draw_masks(network, 0.5)
        freeze(network)
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
    calibrate(network, torch.randn((8,) + shape))
    return network.eval()


def worst(found, wanted):
    return float((found.double() - wanted.double()).abs().max() / wanted.double().pow(2).mean().sqrt())


def norms(network):
    return sum(isinstance(layer, _BatchNorm) for layer in network.modules())


@pytest.mark.parametrize("name, variant, shape", NETWORKS)
def test_every_form_gives_what_the_float64_network_gives_and_leaves_its_input_alone(name, variant, shape):
    network = trained(name, variant, shape)
    x = torch.randn((2,) + shape)
    with torch.no_grad():
        wanted = dense_form(network)(x.double())
        forms = forms_for(network, x)
        assert forms[0] == "default" and "folded" in forms and set(forms) <= set(FORMS)
        for form in forms:
            given = x.contiguous(memory_format=input_format(network, x, form))
            before = given.clone()
            made = inference_form(copy.deepcopy(network), given, form)
            first, again = made(given), made(given)
            assert worst(first, wanted) < 1e-3, form
            assert torch.equal(first, again) and torch.equal(given, before), form


@pytest.mark.parametrize("name, variant, shape, left", [
    ("resnet20", "dense", (3, 32, 32), 0), ("resnet20", "debut", (3, 32, 32), 0), ("resnet20", "lhc", (3, 32, 32), 0),
    ("vgg16", "debut", (3, 32, 32), 0), ("pointnet", "debut", (3, 64), 0),
    ("resnet20", "ht", (3, 32, 32), 9),            # thresholds that all channels share take no factor
    ("mobilenet_v2", "fwht", (3, 64, 64), 10)])    # five blocks, two transforms each
def test_norms_behind_linear_layers_are_gone(name, variant, shape, left):
    made = inference_form(trained(name, variant, shape), torch.zeros((1,) + shape), "folded")
    assert norms(made) == left


@needs_packing
def test_packed_layers_hold_their_weights_once_and_take_in_activations_and_sums():
    network = trained("resnet20", "dense", (3, 32, 32))
    made = inference_form(network, torch.zeros(1, 3, 32, 32), "folded, oneDNN prepacked")
    packed = [layer for layer in made.modules() if isinstance(layer, PackedConvolution)]
    assert len(packed) == 21 and not list(made.parameters())
    assert sum(layer.adds for layer in packed) == 9
    assert sum(layer.activation.name == "relu" for layer in packed) == 19  # all but the two of the shortcuts
    assert not [node for node in made.graph.nodes if node.target in (torch.relu, torch.nn.functional.relu)]


@needs_packing
def test_a_layer_called_twice_keeps_its_norms_and_its_weights():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.one, self.two = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

        def forward(self, x):
            return self.two(self.conv(self.one(self.conv(x))))

    torch.manual_seed(1)
    network = Twice()
    calibrate(network, torch.randn(8, 4, 5, 5))
    network.eval()
    x = torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        wanted = network(x)
        made = inference_form(copy.deepcopy(network), x, "folded, oneDNN prepacked")
        assert norms(made) == 2
        assert worst(made(x), wanted) < 1e-5


def test_what_two_steps_read_is_not_overwritten():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            y = self.conv(x)
            return torch.relu(y) + torch.relu(x) + y

    network = Both().eval()
    x = torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        wanted, before = network(x), x.clone()
        made = traced(network)
        assert fold_norms(made) == 0
        assert work_in_place(made) == 1  # the second sum, into the first
        assert torch.equal(made(x), wanted) and torch.equal(x, before)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2), nn.MaxPool2d(2, ceil_mode=True),
                                  nn.MaxPool2d(2, 1)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_relu_before_a_maximum_comes_after_it_and_the_numbers_stay(pool, layout):
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), pool).eval()
    x = torch.randn(2, 3, 7, 9).contiguous(memory_format=layout)
    with torch.no_grad():
        wanted = network(x)
        made = inference_form(copy.deepcopy(network), x, "folded")
        assert torch.equal(made(x), wanted)
    steps = [node for node in made.graph.nodes if node.op.startswith("call")]
    assert steps[-1].target is torch.relu_
    halved = [layer for layer in made.modules() if isinstance(layer, HalvingMaxPool2d)]
    assert len(halved) == (pool.kernel_size == 2 and pool.stride == 2 and not pool.ceil_mode)


def test_not_a_number_stays_one_through_the_pooling():
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 2] = float("nan")
    assert torch.isnan(HalvingMaxPool2d()(x)).reshape(-1).tolist() == [False, True, False, False]


def test_norms_without_statistics_stay():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    assert norms(inference_form(network, torch.zeros(1, 3, 2, 2), "folded")) == 1


def test_norms_without_factors_are_folded_too():
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4, affine=False))
    calibrate(network, torch.randn(8, 3, 5, 5))
    x = torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        wanted = network.eval()(x)
        made = inference_form(network, x, "folded")
        assert norms(made) == 0 and worst(made(x), wanted) < 1e-5


def test_an_unknown_form_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown form 'fold' of a network: use one of default, "):
        inference_form(nn.ReLU(), torch.zeros(1), "fold")
