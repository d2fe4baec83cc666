import pytest
import torch

from harness.plan import Target, check_comparison
from suites import load_suite
from suites.kernels import builders

SUITE = load_suite("kernels")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_comparison_has_the_best_convolution_for_its_baseline_and_the_fused_layer_for_a_rival(device):
    for comparison in SUITE.comparisons(Target(device)):
        check_comparison(comparison)
        assert comparison.baseline.implementation == "best"
        assert "fused" in [rival.implementation for rival in comparison.rivals]


def test_quick_leaves_out_the_large_tensors_and_the_compiler():
    every = SUITE.comparisons(Target())
    few = SUITE.quick(every)
    assert 0 < len(few) < len(every)
    assert not [r for c in few for r in c.rivals if r.implementation.startswith("compiled")]


@pytest.mark.parametrize("kernel,groups", [(1, 1), (3, 1), (3, 8)])
def test_the_best_convolution_is_the_convolution_and_says_what_runs_it(kernel, groups):
    case = SUITE.comparisons(Target())[0].baseline._replace(
        shape=(2, 8, 5, 5), options=(("groups", groups), ("kernel", kernel)))
    x = torch.randn(2, 8, 5, 5)
    subject = builders.convolution(case, x)
    assert torch.allclose(subject.call().double(), subject.reference(x.double()), atol=1e-5)
    assert "(" in subject.implementation and subject.parameters and subject.macs


@pytest.mark.slow
@pytest.mark.parametrize("block", [None, 8])
@pytest.mark.parametrize("form", ["compiled two-stage", "compiled butterfly"])
def test_the_compiled_layer_is_the_layer(block, form):
    case = SUITE.comparisons(Target())[0].baseline._replace(
        layer="WHT", implementation=form, shape=(2, 16, 5, 5), options=(("block_size", block),) if block else ())
    x = torch.randn(2, 16, 5, 5)
    subject = builders.compiled_wht1d(case, x)
    assert torch.allclose(subject.call().double(), subject.reference(x.double()), atol=1e-5)
    if not hasattr(torch, "compile"):
        assert subject.reason.startswith("torch.compile came with torch 2")
