"""DeBut and multiplication-free layers on a real device: every test here needs one."""

import pytest
import torch
from debut_emulated import reference, spec_of, weights_of
from sums_emulated import dense_reference, depthwise_reference

from suites.kernels import debut as debut_door
from suites.kernels import depthwise as depthwise_door
from suites.kernels import mf as mf_door
from suites.kernels.cuda import debut_form, debut_launch, sums_form
from suites.layers.debut import DebutConv2d, published_chains
from suites.layers.debut.chain import chain_from_pairs
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear

pytestmark = [pytest.mark.cuda,
              pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]

TOLERANCE = 2e-6
ROUNDING = {torch.float32: 0.0, torch.float16: 2.0 ** -10, torch.bfloat16: 2.0 ** -7}
CHAIN = chain_from_pairs([(2, 9), (2, 2), (2, 2), (5, 2), (2, 2), (3, 1), (3, 2)])
SPEC = spec_of(CHAIN, 32, 717, kernel=(3, 3), padding=(1, 1))


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def close(y, expected, tolerance=TOLERANCE):
    error = (y.cpu().double() - expected).abs()
    return y.shape == expected.shape and bool(
        (error <= tolerance * max(1.0, float(expected.abs().max())) + ROUNDING[y.dtype] * expected.abs()).all())


def check(x, spec):
    """Hold the DeBut kernel on ``x`` to float64."""
    factors, bias = [factor.to(x.dtype) for factor in weights_of(spec)], gaussian(5, spec.out_features)
    on_device = x.cuda()
    assert debut_door.reason(on_device, spec) is None, debut_door.reason(on_device, spec)
    y = debut_door.run(on_device, [factor.cuda() for factor in factors], bias.cuda(), spec)
    assert close(y, reference(x, factors, bias, spec), TOLERANCE * len(spec.shapes))


@pytest.mark.parametrize("network", sorted(published_chains()))
def test_every_published_chain_is_right(network):
    for chain in published_chains(network):
        check(gaussian(1, 37, chain[0][1]), spec_of(chain, chain[0][1], chain[-1][0]))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("options", [{"stride": (2, 3)}, {"padding": (0, 2)}, {"tap_order": True}], ids=str)
def test_every_option_of_a_chain_is_right(last, options):
    x = gaussian(1, 3, 32, 13, 9)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, SPEC._replace(**options))


@pytest.mark.parametrize("dtype", sorted(ROUNDING, key=str), ids=str)
def test_a_chain_is_right_in_every_type(dtype):
    check(gaussian(1, 3, 32, 13, 9).to(dtype), SPEC)


def test_forms_of_the_sweep_give_the_same_layer():
    x, factors = gaussian(1, 2, 32, 7, 7).cuda(), [factor.cuda() for factor in weights_of(SPEC)]
    expected = reference(x.cpu(), [factor.cpu() for factor in factors], None, SPEC)
    for form in list(debut_form.candidates(SPEC.shapes))[::4]:  # a build each
        y = debut_launch.run_plan(debut_launch.make_plan(x, False, SPEC, form), x, factors, None, SPEC)
        assert close(y, expected, TOLERANCE * len(SPEC.shapes)), form


def check_depthwise(x, side, stride, member):
    weight, bias = gaussian(2, x.shape[1], 1, side, side), gaussian(3, x.shape[1])
    y = depthwise_door.run(x.cuda(), weight.cuda(), bias.cuda(), stride, member, 0.4)
    assert close(y, depthwise_reference(x, weight, bias, stride, member, 0.4), 4e-6)


@pytest.mark.parametrize("side, stride", [(3, 1), (3, 2), (5, 1), (9, 1)])
@pytest.mark.parametrize("last", [False, True])
def test_every_option_of_a_depthwise_layer_is_right(side, stride, last):
    x = gaussian(1, 3, 20, 13, 9)
    check_depthwise(x.contiguous(memory_format=torch.channels_last) if last else x, side, stride, "min")


@pytest.mark.parametrize("dtype", sorted(ROUNDING, key=str), ids=str)
@pytest.mark.parametrize("member", sorted(sums_form.MEMBERS))
def test_a_depthwise_layer_is_right_with_every_member_in_every_type(dtype, member):
    check_depthwise(gaussian(1, 3, 20, 13, 9).to(dtype), 3, 1, member)


@pytest.mark.parametrize("dtype", sorted(ROUNDING, key=str), ids=str)
@pytest.mark.parametrize("member", ["sum", "min", "match-min"])
@pytest.mark.parametrize("rows", [1, 17, 300])
def test_a_dense_layer_is_right_with_every_member_in_every_type(dtype, member, rows):
    x, weight, bias = gaussian(1, rows, 70).to(dtype), gaussian(2, 130, 70), gaussian(3, 130)
    y = mf_door.run(x.cuda(), weight.cuda(), bias.cuda(), member, 0.4)
    assert close(y, dense_reference(x, weight, bias, member, 0.4), 4e-6)


def test_layers_give_the_same_bits_twice():
    torch.manual_seed(1)
    for layer, x in ((DebutConv2d(32, 717, 3, CHAIN, padding=1), gaussian(1, 8, 32, 14, 14)),
                     (MultiplicationFreeDepthwise2d(64, member="min"), gaussian(1, 8, 32, 14, 14)),
                     (MultiplicationFreeLinear(200, 300, member="min"), gaussian(1, 500, 200))):
        layer, x = layer.cuda(), x.cuda()
        with torch.no_grad():
            first = layer(x)
            assert layer.implementation_used == "fused", layer.implementation_reason
            for _ in range(5):
                assert torch.equal(first, layer(x))


def test_layers_train_as_by_stock_operations():
    torch.manual_seed(1)
    for layer, plain in ((DebutConv2d(32, 717, 3, CHAIN, padding=1), "blocks"),
                         (MultiplicationFreeDepthwise2d(32, member="min"), "stock")):
        layer, found = layer.cuda(), []
        for form in ("fused", plain):
            layer.implementation = form
            layer.zero_grad()
            x = gaussian(1, 2, 32, 6, 6).cuda().requires_grad_()
            (layer(x) ** 2).sum().backward()
            found.append([x.grad] + [parameter.grad.clone() for parameter in layer.parameters()])
        for one, other in zip(*found):
            assert float((one - other).abs().max()) <= 1e-4 * float(other.abs().max())


def test_a_compiled_layer_holds_the_kernel():
    if not hasattr(torch, "compile"):
        pytest.skip("torch.compile came with torch 2")
    torch.manual_seed(1)
    layer, x = MultiplicationFreeDepthwise2d(16, member="min").cuda(), gaussian(1, 2, 16, 9, 9).cuda()
    with torch.no_grad():
        assert torch.allclose(torch.compile(layer, fullgraph=True)(x), layer(x), atol=1e-5)
