import json
import os

import pytest
import torch
from kernels_dense import dense_layer, tables

from suites.kernels import cpu_call, fused_layer, operator, status, why_not_fused
from suites.kernels.geometry import Spec, collapse, dense_like, plan_geometry, sequency

HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")
needs_operators = pytest.mark.skipif(not HAS_OPERATORS, reason="custom operators came with torch 2.4")


@needs_operators
@pytest.mark.parametrize("shape,spec", [((2, 32, 5, 5), Spec()), ((2, 3, 7, 7), Spec((2, 3))),
                                        ((2, 40, 4, 4), Spec(out_channels=20)),
                                        ((2, 32, 3, 3), Spec(block=8))], ids=str)
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("scaled", [False, True], ids=["no scale", "scale"])
def test_the_operator_passes_torchs_own_check(kernels, shape, spec, last, scaled):
    from suites.kernels.geometry import padded

    first, second = padded(shape, spec)
    threshold, scale = tables(first * second, scaled)
    x = torch.randn(shape)
    x = (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()
    found = torch.library.opcheck(operator.LAYER, (x, threshold, scale) + operator.pack(spec))
    assert set(found.values()) == {"SUCCESS"}


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
