"""Graphs made without a tensor: each layer is one step of a symbolic trace, and TorchScript is refused."""

import warnings

import pytest
import torch
from every_layer import NAMES, make, noise
from torch import fx, nn

from suites.kernels.int8_plan import Scale
from suites.layers.int8_wht1d import QuantisedWalshHadamard1d
from suites.networks.last_axis import BlockWalshHadamardLinear, WalshHadamardLinear


class Around(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.inner = nn.ModuleDict({"layer": layer})

    def forward(self, x):
        return torch.relu(self.inner["layer"](x + 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_symbolic_trace_takes_the_layer_as_one_step(name):
    network, x = Around(make(name)), noise()
    found = fx.symbolic_trace(network)
    assert [node.target for node in found.graph.nodes if node.op == "call_module"] == ["inner.layer"]
    assert found.inner.layer is network.inner["layer"] and torch.equal(found(x), network(x))


@pytest.mark.parametrize("layer, x", [
    (WalshHadamardLinear(16, 12), noise(2, 3, 16)), (BlockWalshHadamardLinear(16, 16, block_size=4), noise(3, 16)),
    (QuantisedWalshHadamard1d(16, Scale(0.1, 0), Scale(0.1, 0)).requires_grad_(False),
     torch.ones(1, 16, 2, dtype=torch.int8))], ids=lambda value: type(value).__name__)
def test_so_are_layers_for_other_inputs(layer, x):
    network = nn.Sequential(layer)
    found = fx.symbolic_trace(network)
    assert [node.op for node in found.graph.nodes] == ["placeholder", "call_module", "output"]
    assert torch.equal(found(x), network(x))


@pytest.mark.parametrize("name", ["1-D, auto", "DeBut linear, auto", "LHC, free", "squeeze-excite"])
def test_a_lone_layer_has_no_graph_of_its_own(name):
    with pytest.raises(ValueError, match=r"a graph of \w+ alone would be a call of itself: wrap it, nn.Sequential"):
        fx.symbolic_trace(make(name))


@pytest.mark.parametrize("name", NAMES)
def test_torchscript_is_refused_in_one_sentence(name):
    network = nn.Sequential(make(name))
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match=(
            r"^torch.jit.script cannot compile {}, which chooses its form in Python: use torch.jit.trace or "
            r"torch.export on the network$".format(type(network[0]).__name__))):
        warnings.simplefilter("ignore")
        torch.jit.script(network)
