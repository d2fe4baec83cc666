"""Many gradients at once through a layer that ran eagerly: ``is_grads_batched``, ``jacobian``, ``vmap``."""

import inspect

import pytest
import torch
from every_layer import NAMES, SHAPE, breadth, make, noise

from suites.layers import multiplication_free, smooth_threshold, soft_threshold

HAS_BATCHED = "is_grads_batched" in inspect.signature(torch.autograd.grad).parameters
HAS_EXPORT = hasattr(torch, "export") and hasattr(torch.library, "custom_op")
needs_func = pytest.mark.skipif(not hasattr(torch, "func"), reason="torch.func came with torch 2")
needs_export = pytest.mark.skipif(not HAS_EXPORT, reason="custom operators came with torch 2.4")
FUSED = [name for name in NAMES if "fused" in name and "LHC" not in name]


def ran(layer, x):
    """Return the output of an eager call, what has a gradient, and three gradients of the output."""
    x = x.requires_grad_()
    y = layer(x)
    if not y.requires_grad:
        pytest.skip("for inference only")
    return y, [x] + [parameter for parameter in layer.parameters() if parameter.requires_grad], noise(3, *y.shape)


def each(y, leaves, gradients):
    found = [torch.autograd.grad(y, leaves, gradient, retain_graph=True) for gradient in gradients]
    return [torch.stack(one) for one in zip(*found)]


def assert_close(got, wanted):
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted):
        assert one.shape == other.shape and torch.allclose(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not HAS_BATCHED, reason="batched gradients came with torch 1.11")
@pytest.mark.parametrize("name", breadth(NAMES))
def test_batched_gradients_are_those_of_one_after_the_other(name):
    y, leaves, gradients = ran(make(name), noise())
    wanted = each(y, leaves, gradients)
    assert_close(torch.autograd.grad(y, leaves, gradients, retain_graph=True, is_grads_batched=True), wanted)
    assert_close(torch.autograd.grad(y, leaves, gradients[:1], is_grads_batched=True), [one[:1] for one in wanted])


@needs_func
@pytest.mark.parametrize("name", breadth(NAMES))
def test_vmap_around_a_backward_pass_is_a_loop_around_it(name):
    y, leaves, gradients = ran(make(name), noise())

    def back(gradient):
        return torch.autograd.grad(y, leaves, gradient, retain_graph=True)

    assert_close(torch.func.vmap(back)(gradients), each(y, leaves, gradients))
    # Along another axis, and one vmap within another.
    assert_close(torch.func.vmap(back, 1)(gradients.transpose(0, 1)), each(y, leaves, gradients))
    nested = torch.func.vmap(torch.func.vmap(back))(torch.stack((gradients, -gradients)))
    assert_close([one[1] for one in nested], [-one for one in each(y, leaves, gradients)])


@pytest.mark.parametrize("name", breadth(name for name in NAMES if name.startswith(("1-D", "2-D", "block, ", "HT"))))
def test_the_vectorised_jacobian_is_the_plain_one(name):
    layer, x = make(name), noise()[:1]

    def few(x):
        return layer(x)[:, :3, :1, :2]

    wanted = torch.autograd.functional.jacobian(few, x)
    assert torch.allclose(torch.autograd.functional.jacobian(few, x, vectorize=True), wanted, atol=1e-5)


@pytest.mark.skipif(not HAS_BATCHED, reason="batched gradients came with torch 1.11")
def test_batched_gradients_can_be_differentiated_again():
    layer, x = make("1-D, auto").double(), noise(1, 16, 2).double().requires_grad_()
    y = layer(x)
    gradients = noise(3, *y.shape).double().requires_grad_()
    found, = torch.autograd.grad(y, x, gradients, create_graph=True, is_grads_batched=True)
    wanted = torch.stack([torch.autograd.grad(y, x, one, create_graph=True)[0] for one in gradients])
    assert torch.allclose(found, wanted)
    assert_close(torch.autograd.grad(found.pow(2).sum(), (x, gradients)),
                 torch.autograd.grad(wanted.pow(2).sum(), (x, gradients)))


@pytest.mark.skipif(not HAS_BATCHED, reason="batched gradients came with torch 1.11")
@pytest.mark.parametrize("function", [lambda x, w: smooth_threshold(x, w), lambda x, w: soft_threshold(x, w)] + [
    lambda x, w, member=member: multiplication_free(x, w, member) for member in ("sum", "min", "match-min")])
def test_functions_take_batched_gradients_too(function):
    x, w = noise(4, 5).requires_grad_(), noise(5, seed=1).abs().requires_grad_()
    y, gradients = function(x, w), noise(3, 4, 5, seed=2)
    wanted = each(y, [x, w], gradients)
    assert_close(torch.autograd.grad(y, [x, w], gradients, is_grads_batched=True), wanted)


@needs_export
@pytest.mark.parametrize("name", FUSED)
def test_an_exported_layers_operator_and_its_gradient_are_mapped(name):
    layer, x = make(name), noise(3, *SHAPE)
    run = torch.export.export(layer, (x[0],)).module()
    with torch.no_grad():
        wanted = torch.stack([layer(one) for one in x])
        assert torch.allclose(torch.func.vmap(run)(x), wanted, atol=1e-5)
    y, leaves, several = ran(run, noise())
    wanted = each(y, leaves, several)
    assert_close(torch.autograd.grad(y, leaves, several, retain_graph=True, is_grads_batched=True), wanted)
    assert_close(torch.func.vmap(lambda one: torch.autograd.grad(y, leaves, one, retain_graph=True))(several), wanted)
