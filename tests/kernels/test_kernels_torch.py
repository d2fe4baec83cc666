import json
import os
import subprocess
import sys

import pytest
import torch
from kernels_dense import dense_layer, tables

from suites.kernels import cpu_call, fused_layer, operator, status, why_not_fused
from suites.kernels.geometry import Spec, collapse, dense_like, out_shape, padded, plan_geometry, sequency
from suites.kernels.plain import plain_layer

HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")
needs_operators = pytest.mark.skipif(not HAS_OPERATORS, reason="custom operators came with torch 2.4")


def configurations():
    """Yield (dtype, shape, spec, channels last, scaled): every option with both kinds of transform."""
    cases = [((2, 16, 3, 4), Spec()), ((2, 3, 4, 7), Spec((2, 3))), ((2, 24, 2, 3), Spec(out_channels=20)),
             ((2, 16, 3, 3), Spec(block=4)), ((2, 40, 2, 2), Spec(block=16, out_channels=20)), ((3, 8), Spec())]
    for number, (shape, spec) in enumerate(cases):
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
            for last in (False, True) if len(shape) == 4 else (False,):
                yield dtype, shape, spec, last, number % 2 == 0
    for options in ({"nonlinearity": "soft"}, {"threshold_mode": "abs"}, {"threshold_mode": "clamp"},
                    {"residual": True}, {"keep_first": True}, {"norm": "forward"}, {"norm": "backward"},
                    {"order": "sequency"}):
        for dims in ((1,), (2, 3)):
            for dtype in (torch.float32, torch.float64):
                yield dtype, (2, 8, 4, 3), Spec(dims)._replace(**options), False, dtype is torch.float64
    for shape in ((0, 8, 3, 3), (2, 8, 0, 3), (2, 1, 3, 3)):
        yield torch.float32, shape, Spec(), False, True


CONFIGURATIONS = list(configurations())


@needs_operators
@pytest.mark.parametrize("number", [n if n % 5 == 0 else pytest.param(n, marks=pytest.mark.slow)
                                    for n in range(len(CONFIGURATIONS))])
def test_the_operator_passes_torchs_own_check(kernels, number):
    dtype, shape, spec, last, scaled = CONFIGURATIONS[number]
    first, second = padded(shape, spec)
    leaves = [torch.randn(shape).to(dtype)] + [None if t is None else t.to(torch.float64 if dtype is torch.float64
                                                                          else torch.float32)
                                               for t in tables(first * second, scaled)]
    if last:
        leaves[0] = leaves[0].contiguous(memory_format=torch.channels_last)
    leaves = [None if leaf is None else leaf.requires_grad_() for leaf in leaves]
    found = torch.library.opcheck(operator.LAYER, tuple(leaves) + operator.pack(spec))
    assert set(found.values()) == {"SUCCESS"}


@needs_operators
@pytest.mark.parametrize("spec", [
    Spec(), Spec((2, 3), order="sequency", residual=True), Spec(out_channels=3),
    Spec(keep_first=True, threshold_mode="abs", norm="forward"),
    Spec(nonlinearity="soft", threshold_mode="clamp", block=4, out_channels=6)], ids=str)
def test_the_operators_gradients_are_the_numerical_ones_to_the_second(spec):
    generator = torch.Generator().manual_seed(1)
    shape = (2, 6, 2, 2) if spec.block is None else (2, 8, 2, 2)
    first, second = padded(shape, spec)
    leaves = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_(),
              (torch.rand(first * second, generator=generator, dtype=torch.float64) * 0.1 + 0.01).requires_grad_(),
              torch.randn(first * second, generator=generator, dtype=torch.float64).requires_grad_()]

    def run(*tensors):
        return operator.LAYER(*(tensors + operator.pack(spec)))

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


def test_the_kernels_second_gradient_is_that_of_plain_torch(kernels):
    x, (threshold, scale) = torch.randn(2, 16, 3), tables(16, True)
    found = []
    for run in (lambda t: fused_layer(t, threshold, scale), lambda t: plain_layer(t, threshold, scale, Spec())):
        leaf = x.clone().requires_grad_()
        gradient, = torch.autograd.grad(run(leaf).pow(2).sum(), leaf, create_graph=True)
        found.append(torch.autograd.grad(gradient.pow(2).sum(), leaf)[0])
    assert torch.allclose(found[0], found[1], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("shape,spec", [((2, 48, 0), Spec()), ((0, 48, 3), Spec()), ((2, 48, 0, 3), Spec(block=16)),
                                        ((2, 3, 0, 4), Spec((2, 3))), ((2, 48, 0), Spec(out_channels=70))], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_an_empty_tensor_has_an_empty_output_and_gradients_of_zero(kernels, shape, spec, dtype):
    first, second = padded(shape, spec)
    leaves = [torch.zeros(shape, dtype=dtype)] + [torch.rand(first * second) for _ in range(2)]
    with torch.no_grad():
        assert fused_layer(*leaves, **spec._asdict()).shape == out_shape(shape, spec)
    leaves = [leaf.requires_grad_() for leaf in leaves]
    fused_layer(*leaves, **spec._asdict()).sum().backward()
    assert leaves[0].grad.shape == leaves[0].shape
    assert not any(leaf.grad.any() for leaf in leaves)


COLD = """
import torch
from suites.kernels import fused_layer
x, threshold = torch.randn(2, 16, 3), torch.rand(16)
y = torch.compile(fused_layer, fullgraph=True, backend="eager")(x, threshold)
assert torch.equal(y, fused_layer(x, threshold))
from suites.layers import WalshHadamard1d
layer = WalshHadamard1d(16)
y = torch.compile(layer, fullgraph=True, backend="eager")(x)
assert torch.equal(y, layer(x))
"""


@needs_operators
@pytest.mark.slow
def test_a_process_that_never_ran_the_layer_compiles_it():
    subprocess.run([sys.executable, "-c", COLD], check=True)


@pytest.mark.skipif(not hasattr(torch, "func"), reason="torch.func came with torch 2")
def test_torch_func_transforms_the_fused_layer_in_plain_torch(kernels):
    x, (threshold, scale) = torch.randn(3, 2, 16, 3), tables(16, True)
    want = torch.stack([fused_layer(one, threshold, scale) for one in x])
    assert torch.allclose(torch.func.vmap(lambda one: fused_layer(one, threshold, scale))(x), want, atol=1e-5)
    leaf = threshold.clone().requires_grad_()
    fused_layer(x[0], leaf, scale).sum().backward()
    gradient = torch.func.grad(lambda t: fused_layer(x[0], t, scale).sum())(threshold)
    assert torch.allclose(gradient, leaf.grad, atol=1e-4)
    y, along = torch.func.jvp(lambda one: fused_layer(one, threshold, scale), (x[0],), (x[1],))
    assert torch.allclose(y, want[0], atol=1e-5)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x[0], x[1])
        tangent = torch.autograd.forward_ad.unpack_dual(fused_layer(dual, threshold, scale)).tangent
    assert torch.equal(tangent, along)


@needs_operators
def test_the_operator_itself_is_batched_by_vmap(kernels):
    if not hasattr(operator.LAYER, "register_vmap"):
        pytest.skip("this torch's operators take no rule for vmap")
    x, thresholds = torch.randn(3, 2, 16, 3), torch.rand(3, 16)
    options = operator.pack(Spec())
    one = torch.func.vmap(lambda a: operator.LAYER(a, thresholds[0], None, *options), 2, 2)(x.movedim(0, 2))
    assert torch.equal(one.movedim(2, 0), torch.stack([fused_layer(a, thresholds[0]) for a in x]))
    both = torch.func.vmap(lambda a, t: operator.LAYER(a, t, None, *options))(x, thresholds)
    assert torch.equal(both, torch.stack([fused_layer(a, t) for a, t in zip(x, thresholds)]))


@needs_operators
@pytest.mark.slow
def test_a_compiled_graph_holds_the_layer_whole_and_gives_the_same_bits(kernels):
    def model(x, threshold, scale):
        planes = fused_layer(x, threshold.reshape(8, 8), dims=(2, 3))
        return fused_layer(x, threshold, scale, residual=True) * 2 + planes

    leaves = [torch.randn(2, 64, 8, 8).requires_grad_()] + [t.requires_grad_() for t in tables(64, True)]
    eager = model(*leaves)
    eager.sum().backward()
    want = [leaf.grad.clone() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    compiled = torch.compile(model, fullgraph=True)(*leaves)
    compiled.sum().backward()
    assert torch.equal(compiled, eager)
    assert all(torch.allclose(leaf.grad, g, atol=1e-6) for leaf, g in zip(leaves, want))


def test_float64_runs_in_plain_torch_and_passes_gradcheck():
    x = torch.randn(2, 6, 3, dtype=torch.float64).requires_grad_()
    threshold = (torch.rand(8, dtype=torch.float64) * 0.1).requires_grad_()
    scale = torch.randn(8, dtype=torch.float64).requires_grad_()
    assert why_not_fused(x) == "the CPU kernels do float32, bfloat16 and float16, not float64"
    assert torch.autograd.gradcheck(lambda *t: fused_layer(*t, keep_first=True), (x, threshold, scale))


@pytest.mark.parametrize("options", [{}, {"block": 4}, {"out_channels": 3}, {"out_channels": 17},
                                     {"order": "sequency"},
                                     {"residual": True, "threshold_mode": "abs", "nonlinearity": "soft"}], ids=str)
def test_plain_torch_is_the_dense_layer(options):
    x = torch.randn(2, 12, 3, 5, dtype=torch.float64)
    length = options.get("block") or (32 if options.get("out_channels") == 17 else 16)
    threshold, scale = [t.double() for t in tables(length, True)]
    assert torch.allclose(fused_layer(x, threshold, scale, **options), dense_layer(x, threshold, scale, **options))


def test_parameters_and_views_go_to_the_kernel_as_tensors_do(kernels):
    x = torch.randn(2, 16, 4, 4)
    threshold = torch.nn.Parameter(torch.rand(4, 4))
    with torch.no_grad():
        assert torch.equal(fused_layer(x, threshold, dims=(2, 3)), fused_layer(x, threshold.flatten(), dims=(2, 3)))
        wide = torch.rand(16, 2)
        assert torch.equal(fused_layer(x, wide[:, 0]), fused_layer(x, wide[:, 0].contiguous()))
        assert torch.equal(fused_layer(x, wide[:, 0].double()), fused_layer(x, wide[:, 0].double().float()))


def test_inference_mode_is_served(kernels):
    x, (threshold, _) = torch.randn(2, 16, 4, 4), tables(16, False)
    with torch.inference_mode():
        y = fused_layer(x, threshold)
    assert torch.equal(y, fused_layer(x, threshold))


def test_the_gradient_keeps_only_the_input_and_the_tables(kernels):
    x, (threshold, scale) = torch.randn(2, 64, 8, 8).requires_grad_(), tables(64, True)
    y = fused_layer(x, threshold, scale)
    assert [t.data_ptr() for t in y.grad_fn.saved_tensors] == [t.data_ptr() for t in (x, threshold, scale)]


def test_the_output_keeps_the_inputs_memory_order(kernels):
    x = torch.randn(2, 16, 4, 6)
    last = x.contiguous(memory_format=torch.channels_last)
    threshold = torch.rand(16)
    assert fused_layer(x, threshold).is_contiguous()
    for given in (last, last.clone().requires_grad_()):
        assert fused_layer(given, threshold).is_contiguous(memory_format=torch.channels_last)


def test_what_has_no_kernel_says_so_in_a_sentence(kernels):
    assert "length 1" in why_not_fused(torch.randn(2, 1, 5, 5))
    assert "131072" in why_not_fused(torch.randn(1, 70000))
    assert why_not_fused(torch.randn(2, 8, 5, 5)) is None
    # Nothing but the length 1 transform is left of it, and it still has an answer.
    x = torch.randn(2, 1, 5)
    assert torch.allclose(fused_layer(x, torch.tensor([0.1])), torch.tanh(x) * torch.relu(x.abs() - 0.1))


def test_status_is_fit_for_a_record(kernels):
    found = status()
    text = json.dumps(found)
    home = os.path.expanduser("~")
    assert home == "/" or home + "/" not in text
    assert found["cpu"]["available"] and found["cpu"]["reason"] is None
    assert found["cpu"]["vector_bytes"] in (16, 32, 64)
    assert set(found) == {"cpu", "cuda", "operator"} and "available" in found["cuda"]


def test_plans_are_kept_but_not_without_bound(kernels):
    from suites.kernels.planned import Plans
    from suites.kernels.tuning import DEFAULT

    plans = Plans(cpu_call.loaded().handle, lambda geometry, threads: DEFAULT, most=3)
    made = [plans.get(torch.empty(2, 16, n), Spec()) for n in range(1, 6)]
    assert plans.get(torch.empty(2, 16, 5), Spec()) is made[4]
    assert plans.get(torch.empty(2, 16, 1), Spec()) is not made[0]


def test_sequency_counts_sign_changes():
    assert sequency(1) == [0] and sequency(4) == [0, 3, 1, 2] and sequency(8) == [0, 7, 3, 4, 1, 6, 2, 5]


def test_dimensions_that_lie_evenly_are_merged():
    assert collapse((2, 3, 4), (12, 4, 1), (12, 4, 1), (0, 1, 2)) == [(24, 1, 1)]
    assert collapse((2, 3, 4), (24, 4, 1), (12, 4, 1), (0, 1, 2)) == [(2, 24, 12), (12, 1, 1)]
    assert collapse((2, 1, 4), (4, 99, 1), (4, 7, 1), (0, 1, 2)) == [(8, 1, 1)]


def test_the_plan_follows_the_memory_order():
    shape = (2, 8, 3, 3)
    contiguous, last = (72, 9, 3, 1), (72, 1, 24, 8)
    assert dense_like(shape, contiguous) == contiguous and dense_like(shape, last) == last
    kinds = [plan_geometry(shape, strides, strides, Spec(dims), 0).kind
             for dims in ((1,), (2, 3)) for strides in (contiguous, last)]
    assert kinds == [0, 1, 1, 0]
    assert isinstance(plan_geometry(shape, (72, 18, 6, 2), contiguous, Spec(), 0), str)
