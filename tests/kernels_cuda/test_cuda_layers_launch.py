"""The launchers of DeBut and multiplication-free layers, with the emulator in the place of device and driver."""

import ctypes
import re

import pytest
import torch
from debut_emulated import spec_of

from suites.kernels import debut as debut_door
from suites.kernels import depthwise as depthwise_door
from suites.kernels import mf as mf_door
from suites.kernels.cuda import debut_form, debut_launch, source, sums_form, sums_launch
from suites.layers import mf_fused
from suites.layers.debut import DebutConv2d, DebutLinear, published_chains
from suites.layers.debut.chain import chain_from_pairs
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def debut_device(debut_library, device_of, monkeypatch):
    """DeBut layers take the CUDA kernel for tensors of the CPU, on an emulated device."""
    monkeypatch.setattr(debut_launch, "_PLANS", {})
    monkeypatch.setattr(debut_launch, "_REASONS", {})
    monkeypatch.setattr(debut_door, "reason", debut_launch.why_not)
    # as prepare does for a tensor of a device
    monkeypatch.setattr(debut_door, "prepare",
                        lambda x, factors, bias, spec: lambda x: debut_launch.run(x, factors, bias, spec))
    return device_of(debut_library, "debut")


@pytest.fixture
def depthwise_device(depthwise_library, device_of, monkeypatch):
    monkeypatch.setattr(sums_launch, "_DEPTHWISE", {})
    monkeypatch.setattr(depthwise_door, "reason_of_type", sums_launch.why_not)
    bound = mf_fused.DEPTHWISE
    monkeypatch.setattr(bound, "rule", bound.rule._replace(kernel=sums_launch.depthwise))
    return device_of(depthwise_library, "depthwise")


@pytest.fixture
def mf_device(mf_library, device_of, monkeypatch):
    monkeypatch.setattr(sums_launch, "_MF", {})
    monkeypatch.setattr(mf_door, "reason_of_type", sums_launch.why_not)
    bound = mf_fused.DENSE
    monkeypatch.setattr(bound, "rule", bound.rule._replace(kernel=sums_launch.dense))
    return device_of(mf_library, "mf")


def same(y, expected, tolerance=2e-5):
    y, expected = y.detach(), expected.detach()
    return y.shape == expected.shape and float((y - expected).abs().max()) <= tolerance * float(expected.abs().max())


@pytest.mark.parametrize("last", [False, True])
def test_a_convolution_takes_the_kernel_by_itself_and_gives_what_the_blocks_give(debut_device, last):
    torch.manual_seed(1)
    layer = DebutConv2d(8, 16, 3, published_chains("lenet_mnist_paper")[0], padding=1, stride=2)
    x = gaussian(1, 2, 8, 9, 7)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    with torch.no_grad():
        y = layer(x)
        assert layer.implementation_used == "fused" and debut_device.launches[-1][0] == "debut_forward"
        layer.implementation = "blocks"
        assert same(y, layer(x)) and y.is_contiguous()


@pytest.mark.parametrize("shape", [(400,), (3, 400), (2, 3, 400)])
def test_a_linear_layer_takes_vectors_rows_and_stacks_of_rows(debut_device, shape):
    torch.manual_seed(1)
    layer = DebutLinear(400, 120, published_chains("lenet_mnist_paper")[1])
    with torch.no_grad():
        y = layer(gaussian(2, *shape))
        assert layer.implementation_used == "fused"
        layer.implementation = "blocks"
        assert same(y, layer(gaussian(2, *shape)))


def test_a_chain_that_breaks_the_rule_on_t_takes_the_kernel_too(debut_device):
    torch.manual_seed(1)
    chain = published_chains("pointnet_modelnet40_small")[6]
    layer = DebutLinear(256, 9, chain, strict=False)
    with torch.no_grad():
        y = layer(gaussian(2, 5, 256))
        assert layer.implementation_used == "fused"
        layer.implementation = "blocks"
        assert same(y, layer(gaussian(2, 5, 256)))


def test_a_second_call_plans_builds_and_packs_nothing_and_a_changed_weight_is_packed_anew(debut_device):
    layer = DebutLinear(400, 128, published_chains("lenet_mnist_paper")[1])
    x = gaussian(2, 3, 400)
    with torch.no_grad():
        first = layer(x)
        kept = len(debut_launch.PACKED)
        assert torch.equal(first, layer(x)) and debut_device.builds == 1 and len(debut_launch.PACKED) == kept
        layer.factors[1].mul_(2.0)
        assert not torch.equal(first, layer(x)) and debut_device.builds == 1


def test_a_training_step_has_the_gradients_of_the_blocks(debut_device):
    torch.manual_seed(1)
    layer = DebutConv2d(8, 16, 3, published_chains("lenet_mnist_paper")[0], padding=1)
    found = []
    for form in ("fused", "blocks"):
        layer.implementation = form
        layer.zero_grad()
        x = gaussian(1, 2, 8, 5, 5).requires_grad_()
        (layer(x) ** 2).sum().backward()
        found.append([x.grad] + [parameter.grad.clone() for parameter in layer.parameters()])
    assert debut_device.launches and all(same(one, other, 1e-4) for one, other in zip(*found))


def test_strides_are_compiled_in_until_there_are_too_many_kernels(debut_device):
    debut_device.fixes = False
    spec = spec_of(chain_from_pairs([(2, 3), (2, 2)]), 6, 4)
    plan = debut_launch.make_plan(gaussian(1, 5, 6), False, spec)
    assert plan.kernel.handle[1]["DEBUT_FIXED"] == 0
    with torch.no_grad():
        layer = DebutLinear(6, 4, chain_from_pairs([(2, 3), (2, 2)]))
        y = layer(gaussian(1, 5, 6))
        layer.implementation = "blocks"
        assert same(y, layer(gaussian(1, 5, 6)))


SMALL = spec_of(chain_from_pairs([(2, 3), (2, 2)]), 6, 4)


@pytest.mark.parametrize("x, spec, words", [
    (gaussian(1, 2, 6).double(), SMALL, "float32, float16 and bfloat16, not float64"),
    (gaussian(1, 0, 6), SMALL, "an empty tensor"),
    (gaussian(1, 2, 6, 3, 3), SMALL._replace(kernel=(9, 9)), "at most 64 taps"),
    (gaussian(1, 2, 4), spec_of(chain_from_pairs([(2, 1), (30000, 2), (3, 2)]), 4, 4), "of shared memory"),
    (gaussian(1, 1, 6).expand(2 ** 30, 6), SMALL, "more elements")])
def test_what_the_kernel_does_not_take_is_declined_in_a_sentence(debut_device, x, spec, words):
    assert words in debut_launch.why_not(x, spec)


def test_an_empty_batch_goes_through_stock_operations(debut_device, depthwise_device, mf_device):
    with torch.no_grad():
        assert DebutLinear(6, 4, chain_from_pairs([(2, 3), (2, 2)]))(gaussian(1, 0, 6)).shape == (0, 4)
        assert MultiplicationFreeDepthwise2d(3, member="min")(gaussian(1, 0, 3, 5, 5)).shape == (0, 3, 5, 5)
        assert MultiplicationFreeLinear(6, 4, member="min")(gaussian(1, 0, 6)).shape == (0, 4)
    assert not debut_device.launches and not depthwise_device.launches and not mf_device.launches


@pytest.mark.parametrize("member", ["sum", "min", "match-min"])
@pytest.mark.parametrize("last", [False, True])
def test_a_depthwise_layer_takes_the_kernel_by_itself_and_keeps_the_order_of_memory(depthwise_device, member, last):
    torch.manual_seed(1)
    layer = MultiplicationFreeDepthwise2d(5, 3, 2, bias=True, member=member)
    x = gaussian(1, 2, 5, 9, 7)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    y = layer(x)
    assert layer.implementation_used == "fused" and depthwise_device.launches[-1][0] == "depthwise_forward"
    assert y.is_contiguous(memory_format=torch.channels_last) == last
    layer.implementation = "stock"
    assert same(y, layer(x))


@pytest.mark.parametrize("member", ["sum", "min", "match-min"])
@pytest.mark.parametrize("shape", [(20,), (7, 20), (2, 70, 20)])
def test_a_dense_layer_takes_the_kernel_by_itself(mf_device, member, shape):
    torch.manual_seed(1)
    layer = MultiplicationFreeLinear(20, 70, member=member)
    y = layer(gaussian(2, *shape))
    assert layer.implementation_used == "fused" and mf_device.launches[-1][0] == "mf_forward"
    layer.implementation = "stock"
    assert same(y, layer(gaussian(2, *shape)))


def test_members_train_with_the_gradients_of_stock_operations(depthwise_device):
    torch.manual_seed(1)
    layer, found = MultiplicationFreeDepthwise2d(4, member="min"), []
    for form in ("fused", "stock"):
        layer.implementation = form
        layer.zero_grad()
        x = gaussian(1, 2, 4, 6, 6).requires_grad_()
        (layer(x) ** 2).sum().backward()
        found.append([x.grad, layer.weight.grad.clone()])
    assert depthwise_device.launches and all(same(one, other) for one, other in zip(*found))


def test_a_second_depthwise_call_builds_nothing(depthwise_device):
    layer, x = MultiplicationFreeDepthwise2d(4, member="min"), gaussian(1, 2, 4, 6, 6)
    assert torch.equal(layer(x), layer(x)) and depthwise_device.builds == 1


@pytest.mark.parametrize("program, names", [
    ("debut", {"DEBUT_MOST_OUTPUTS": debut_form.MOST_OUTPUTS, "DEBUT_MOST_WIDE": debut_form.MOST_WIDE}),
    ("depthwise", {"DEPTHWISE_WRITTEN_OUT": sums_form.WRITTEN_OUT, "DEPTHWISE_MOST_ROWS": sums_form.ROWS[0]}),
    ("mf", {"MF_SIDE": sums_form.SIDE, "MF_DEPTH": sums_form.DEPTH, "MF_MOST_ROWS": sums_form.ROWS[0]})])
def test_the_planner_and_the_source_have_the_same_limits(program, names):
    text = source.read(program)
    for name, value in names.items():
        assert re.findall(r"#define {} (\d+)\n".format(name), text) == [str(value)]
    if program == "debut":
        assert len(re.findall(r"^    DEBUT_RUN\(\d\)$", text, re.M)) == debut_form.MOST_STEPS


def test_the_arguments_have_the_size_that_the_source_gives_them(debut_library, depthwise_library, mf_library):
    for library, params in ((debut_library, debut_launch.Params), (depthwise_library, sums_form.DepthwiseParams),
                            (mf_library, sums_form.MfParams)):
        library.emulator_params_bytes.restype = ctypes.c_size_t
        assert library.emulator_params_bytes() == ctypes.sizeof(params)
