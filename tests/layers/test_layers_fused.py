import pytest
import torch

from suites.layers import BlockWalshHadamard1d, WalshHadamard1d, WalshHadamard2d, implementations
from suites.layers.fused import fused_problem

PROBLEM = fused_problem(torch.zeros(1, 64, 4, 4), {})

MAKERS = {
    "1-D": lambda form: WalshHadamard1d(48, implementation=form),
    "1-D to wider": lambda form: WalshHadamard1d(48, 80, implementation=form),
    "1-D to narrower": lambda form: WalshHadamard1d(48, 20, implementation=form),
    "1-D with coefficient 0 kept": lambda form: WalshHadamard1d(48, keep_first=True, implementation=form),
    "1-D in sequency order": lambda form: WalshHadamard1d(48, 48, True, "sequency", form),
    "2-D": lambda form: WalshHadamard2d(7, implementation=form),
    "2-D in sequency order with stride": lambda form: WalshHadamard2d(7, 2, "sequency", form),
    "block": lambda form: BlockWalshHadamard1d(48, 48, 16, implementation=form),
    "block expansion": lambda form: BlockWalshHadamard1d(48, 144, 16, 2, form),
    "block projection": lambda form: BlockWalshHadamard1d(48, 10, 16, implementation=form),
}


def test_a_form_asked_for_by_name_never_asks_about_the_kernels():
    def never():
        raise AssertionError("asked")

    assert implementations.choose("matrix", "two-stage", never) == ("matrix", None)


def test_auto_falls_back_with_the_reason_and_fused_by_name_refuses_with_it():
    def missing():
        return "there is no compiler."

    assert implementations.choose("auto", "two-stage", missing) == (
        "two-stage", "two-stage of stock torch operations: there is no compiler.")
    with pytest.raises(RuntimeError, match="cannot run: there is no compiler; use implementation='auto'"):
        implementations.choose("fused", "two-stage", missing)


def test_float64_says_why_it_does_not_run_fused():
    layer = WalshHadamard1d(512, dtype=torch.float64)
    layer(torch.zeros(1, 512, 8, 8, dtype=torch.float64))
    assert layer.implementation_used == "two-stage"
    assert layer.implementation_reason.startswith("two-stage of stock torch operations: ")


def test_the_choice_follows_the_kind_of_input():
    layer = WalshHadamard1d(512)
    layer(torch.zeros(1, 512, 8, 8))
    first = layer.implementation_used
    layer.double()(torch.zeros(1, 512, 8, 8, dtype=torch.float64))
    assert layer.implementation_used == "two-stage"
    layer.float()(torch.zeros(1, 512, 8, 8))
    assert layer.implementation_used == first


@pytest.mark.skipif(PROBLEM is not None, reason="no fused kernel here: {}".format(PROBLEM))
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_the_fused_form_gives_the_plain_forms_output_and_gradients(name, memory_format):
    x = torch.randn(2, 48, 7, 7, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=memory_format)
    fused, plain = MAKERS[name]("fused"), MAKERS[name]("butterfly")
    outputs = []
    for layer in (fused, plain):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.backward(torch.cos(y.detach()))
        outputs.append([y.detach(), leaf.grad] + [parameter.grad for parameter in layer.parameters()])
        with torch.no_grad():
            assert torch.allclose(layer(x), y, atol=1e-5)
    assert fused.implementation_used == "fused"
    for have, want in zip(*outputs):
        assert (have - want).abs().max() <= 2e-5 * max(1.0, want.abs().max().item())
    assert outputs[0][0].stride() == outputs[1][0].stride()


@pytest.mark.skipif(PROBLEM is not None, reason="no fused kernel here: {}".format(PROBLEM))
def test_auto_takes_the_fused_form_where_there_is_one():
    layer = WalshHadamard1d(64)
    layer(torch.zeros(1, 64, 4, 4))
    assert (layer.implementation_used, layer.implementation_reason) == ("fused", None)


def test_a_plane_the_kernel_pads_otherwise_is_left_to_plain_torch():
    layer = WalshHadamard2d((4, 9))
    layer(torch.zeros(1, 2, 4, 9))
    assert layer.implementation_used != "fused"
    assert "pads each side" in layer.implementation_reason
