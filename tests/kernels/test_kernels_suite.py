import pytest
import torch

from harness.plan import Target, check_comparison
from suites import load_suite
from suites.builders import transforms

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
    assert not [r for c in few for r in c.rivals if dict(r.options).get("compile")]


@pytest.mark.slow
@pytest.mark.parametrize("block", [None, 8])
@pytest.mark.parametrize("form", ["two-stage", "butterfly"])
def test_the_compiled_layer_is_the_layer(block, form):
    case = SUITE.comparisons(Target())[0].baseline._replace(
        layer="WHT", implementation=form + " compiled", shape=(2, 16, 5, 5),
        options=(("compile", True), ("form", form)) + ((("block_size", block),) if block else ()))
    x = torch.randn(2, 16, 5, 5)
    build = transforms.block_wht1d if block else transforms.wht1d
    if not hasattr(torch, "compile"):
        with pytest.raises(RuntimeError, match="came with torch 2"):
            build(case, x)
        return
    subject = build(case, x)
    assert subject.implementation == form + ", compiled"
    assert torch.allclose(subject.call().double(), subject.reference(x.double()), atol=1e-5)
