"""Every layer under torch.func, autocast, on meta, empty, copied, and refused the types it cannot take."""

import copy
import pickle

import pytest
import torch
from every_layer import NAMES, SHAPE, breadth, make, noise
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers import multiplication_free, smooth_threshold, soft_threshold

needs_func = pytest.mark.skipif(not hasattr(torch, "func"), reason="torch.func came with torch 2")
STOCK = [name for name in NAMES if "fused" not in name]
FUSED = [name for name in NAMES if "fused" in name]


@needs_func
@pytest.mark.parametrize("name", breadth(STOCK))
def test_vmap_and_grad_are_the_loop_and_the_backward(name):
    layer, x = make(name), noise(3, *SHAPE)
    parameters = dict(layer.named_parameters())

    def run(given, one):
        return torch.func.functional_call(layer, given, (one,))

    assert torch.allclose(torch.func.vmap(run, (None, 0))(parameters, x), torch.stack([layer(one) for one in x]),
                          atol=1e-5)
    y = layer(x[0])
    if y.requires_grad:
        gradients = torch.func.grad(lambda given: run(given, x[0]).pow(2).sum())(parameters)
        y.pow(2).sum().backward()
        for key, parameter in layer.named_parameters():
            assert torch.allclose(gradients[key], parameter.grad, atol=1e-3, rtol=1e-3)


@needs_func
@pytest.mark.parametrize("name", breadth(STOCK))
def test_jvp_is_the_product_with_the_gradients(name):
    layer, x, direction = make(name).double(), noise().double(), noise(seed=1).double()
    y, along = torch.func.jvp(layer, (x,), (direction,))
    leaf = x.clone().requires_grad_()
    out = layer(leaf)
    assert torch.allclose(y, out)
    if out.requires_grad:
        weights = noise(*out.shape, seed=2).double()
        gradient, = torch.autograd.grad(out, leaf, weights)
        assert torch.allclose((gradient * direction).sum(), (along * weights).sum())


@needs_func
@pytest.mark.parametrize("name", FUSED)
def test_a_fused_form_asked_for_by_name_says_that_it_is_not_transformed(name):
    with pytest.raises(RuntimeError, match="the fused kernel cannot run: torch.func and forward-mode"):
        torch.func.vmap(make(name))(noise(3, *SHAPE))


@pytest.mark.skipif(not hasattr(torch, "autocast"), reason="this torch has no autocast")
@pytest.mark.parametrize("name", breadth(NAMES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_autocast_gives_the_layer_near_enough_and_its_gradients(name, dtype):
    layer, x = make(name), noise()
    want = layer(x)
    leaf = x.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        try:
            y = layer(leaf)
        except RuntimeError as error:  # asked for by name, the kernels that want one type for all say so
            assert "fused" in name and dtype is not torch.float32 and "the fused kernel cannot run" in str(error)
            return
    assert (y.float() - want).abs().max() < 0.15 * want.abs().max()
    if y.requires_grad:
        y.float().sum().backward()
        assert leaf.grad.dtype == dtype and torch.isfinite(leaf.grad.float()).all()


@pytest.mark.skipif(not hasattr(torch, "func"), reason="before torch 2 many operators do not run on meta")
@pytest.mark.parametrize("name", breadth(STOCK))
def test_on_the_meta_device_a_layer_has_its_shape_and_leaves_nothing_behind(name):
    want = make(name)(noise())
    y = make(name).to("meta")(torch.empty(SHAPE, device="meta", requires_grad=True))
    assert y.device.type == "meta" and y.shape == want.shape and y.dtype == want.dtype
    assert make(name)(noise()).device.type == "cpu"


@pytest.mark.parametrize("name", NAMES)
def test_copies_and_pickles_are_the_layer(name):
    layer, x = make(name), noise()
    y = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), y)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), y)


@pytest.mark.parametrize("name", NAMES)
def test_types_without_a_meaning_are_refused_in_one_sentence(name):
    layer = make(name)
    for dtype in (torch.int64, torch.bool, torch.complex64):
        with pytest.raises(TypeError, match="needs a real floating-point tensor, got {}: convert it".format(
                str(dtype).replace("torch.", ""))):
            layer(torch.zeros(SHAPE, dtype=dtype))


def test_functions_refuse_them_too():
    x = torch.zeros(3, dtype=torch.int32)
    for call in (lambda: smooth_threshold(x, 0.5), lambda: soft_threshold(x, 0.5),
                 lambda: multiplication_free(x, x, "min")):
        with pytest.raises(TypeError, match="needs a real floating-point tensor, got int32"):
            call()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_gives_an_empty_output_and_gradients_of_zero(name):
    layer, x = make(name), torch.zeros((0,) + SHAPE[1:], requires_grad=True)
    y = layer(x)
    assert y.shape == (0,) + tuple(layer(noise()).shape[1:])
    if y.requires_grad:
        y.sum().backward()
        assert x.grad is None or x.grad.shape == x.shape
        assert all(p.grad is None or not p.grad.any() for p in layer.parameters())


@pytest.mark.parametrize("name", breadth(n for n in NAMES if n.startswith(("1-D", "block, ", "squeeze"))))
@given(shape=st.lists(st.integers(0, 3), min_size=3, max_size=3), last=st.booleans())
@settings(max_examples=15, deadline=None)
def test_empty_planes_go_forwards_and_backwards(name, shape, last):
    shape[shape[0] % 3] = 0
    x = torch.zeros(shape[0], 16, shape[1], shape[2])
    x = (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()
    y = make(name)(x)
    assert y.shape[0] == x.shape[0] and y.numel() == 0
    y.sum().backward()
    assert x.grad.shape == x.shape
