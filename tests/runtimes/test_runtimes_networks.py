"""MobileNet-V2, dense and replaced, is the same network in every engine."""

import numpy as np
import pytest
import torch
from engines_here import call, case, engine_or_skip, error

from suites.builders import networks
from suites.builders.described import layer
from suites.builders.networks import calibrate, dense_form
from suites.networks import build
from suites.runtimes import find_engine, names
from suites.runtimes.networks import describe_network

SHAPE = (2, 3, 64, 64)


SOME = {"variant": "fwht", "replace_last": 5, "replace_head": True}


@pytest.fixture(scope="module", params=[{}, {"variant": "fwht"}, SOME], ids=["dense", "fwht", "last 5 and head"])
def network(request):
    torch.manual_seed(0)
    made = build("mobilenet_v2", num_classes=10, **request.param)
    calibrate(made, torch.randn(8, *SHAPE[1:]))
    return made.eval()


@pytest.mark.parametrize("engine_name", [name for name in names() if name != "tensorrt"])
def test_the_scores_are_those_of_the_float64_network(network, engine_name):
    engine = engine_or_skip(engine_name)
    graph = describe_network("mobilenet_v2", network, SHAPE)
    x = np.random.RandomState(0).standard_normal(SHAPE).astype(np.float32)
    with torch.no_grad():
        reference = dense_form(network)(torch.from_numpy(x).double()).numpy()[:, :, None, None]
    for form in [one for one in engine.forms(graph) if one in ("stock", "builtin")]:
        assert error(call(engine, graph, form, x)[0], reference) < 1e-3, form


def test_a_case_names_a_network_by_its_options():
    found = layer(case("network", (1, 3, 32, 32), "MobileNet-V2", network="mobilenet_v2", variant="fwht"))
    x = np.random.RandomState(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    with torch.no_grad():
        reference = found.reference(torch.from_numpy(x).double()).numpy()
    assert found.macs > 1e6 and found.parameters > 5e5
    assert error(call(find_engine("torch"), found.graph, "stock", x)[0], reference) < 1e-3


@pytest.mark.parametrize("chosen", [{}, SOME], ids=["dense", "last 5 and head"])
def test_torch_and_an_engine_hold_the_same_network_for_the_same_case(chosen):
    """The options of a case say all of it: classes, what is replaced, and the weights that its name draws."""
    one = case("network", (1, 3, 32, 32), "MobileNet-V2", network="mobilenet_v2", num_classes=10, **chosen)
    described = layer(one)
    x = torch.from_numpy(np.random.RandomState(0).standard_normal(one.shape).astype(np.float32))
    beside = networks.network(one._replace(implementation="torch best", builder="", options=tuple(
        pair for pair in one.options if pair[0] != "graph") + (("engine", "torch"), ("form", "default"))), x)
    assert described.parameters == beside.parameters and described.macs == beside.macs
    with torch.no_grad():
        assert torch.allclose(described.reference(x.double())[:, :, 0, 0], beside.reference(x.double()), rtol=1e-9)
    assert described.tolerance == beside.tolerance == networks.TOLERANCE


def test_a_network_without_a_description_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="no description of a ResNet.* is known: use mobilenet_v2"):
        describe_network("resnet20", build("resnet20"), (1, 3, 32, 32))
    with pytest.raises(ValueError, match="no description of a gated block|activation"):
        describe_network("mobilenet_v3", build("mobilenet_v3_large"), (1, 3, 32, 32))
