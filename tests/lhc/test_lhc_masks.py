import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers.lhc import LhcConv2d, free_mask, rigid_choice, rigid_shapes
from suites.layers.lhc.masks import spread

sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


def test_the_15_rigid_shapes_are_those_of_the_paper():
    shapes = rigid_shapes()
    assert shapes.flatten(1).sum(1).tolist() == [0, 1, 3, 3, 3, 3, 4, 4, 4, 4, 6, 6, 6, 6, 9]
    assert len({tuple(shape.flatten().tolist()) for shape in shapes}) == 15
    # A quarter turn of a shape is again one of them.
    known = {tuple(shape.flatten().tolist()) for shape in shapes}
    assert all(tuple(torch.rot90(shape, 1, (0, 1)).flatten().tolist()) in known for shape in shapes)
    assert all(shape[1, 1] == 1 for shape in shapes[1:])


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=12), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_the_free_mask_is_a_step_with_the_straight_through_gradient_of_the_paper(values, seed):
    effects = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    mask = free_mask(effects)
    assert mask.tolist() == [1.0 if value > 0 else 0.0 for value in effects.tolist()]
    upstream = torch.randn(len(values), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    mask.backward(upstream)
    wanted = [float(u) if abs(value) < 1 else 0.1 * float(u) for value, u in zip(effects.tolist(), upstream)]
    assert effects.grad.tolist() == pytest.approx(wanted)


@given(sizes, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_rigid_choice_is_one_hot_with_the_straight_through_gradient_of_the_paper(groups, seed):
    generator = torch.Generator().manual_seed(seed)
    effects = (2 * torch.randn(groups + (15,), dtype=torch.float64, generator=generator)).requires_grad_()
    choice = rigid_choice(effects)
    assert (choice.sum(-1) == 1).all()
    assert (choice.argmax(-1) == effects.argmax(-1)).all()
    upstream = torch.randn(groups + (15,), dtype=torch.float64, generator=generator)
    choice.backward(upstream)
    distance = (effects - effects.mean(-1, keepdim=True)).abs().detach()
    assert torch.equal(effects.grad, torch.where(distance < 1, upstream, 0.1 * upstream))


def test_equal_effects_choose_one_shape_and_do_not_add_up():
    assert rigid_choice(torch.zeros(2, 2, 15)).sum(-1).tolist() == [[1.0, 1.0], [1.0, 1.0]]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_neighbours_share_a_shape_and_the_last_group_is_cropped(out_channels, in_channels, group_out, group_in):
    groups = torch.randn(-(-out_channels // group_out), -(-in_channels // group_in), 3, 3)
    mask = spread(groups, group_out, group_in, out_channels, in_channels)
    assert mask.shape == (out_channels, in_channels, 3, 3)
    for out in range(out_channels):
        for channel in range(in_channels):
            assert torch.equal(mask[out, channel], groups[out // group_out, channel // group_in])


@pytest.mark.parametrize("shape", ["free", "rigid"])
def test_the_effects_of_a_layer_get_the_gradient_of_its_definition(shape):
    torch.manual_seed(0)
    layer = LhcConv2d(5, 4, 3, padding=1, shape=shape, group_in=2, group_out=3).double()
    with torch.no_grad():
        layer.effects.mul_(6)
    x = torch.randn(2, 5, 4, 4, dtype=torch.float64)
    y = layer(x)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    # The gradient of the kernel, gathered per group, is what the step function hands on.
    kernel = (layer.weight * layer.mask()).detach().requires_grad_()
    torch.nn.functional.conv2d(x, kernel, layer.bias, padding=1).backward(upstream)
    assert torch.allclose(layer.weight.grad, kernel.grad * layer.mask().detach())
    per_weight = kernel.grad * layer.weight.detach()
    per_group = torch.zeros(2, 3, 3, 3, dtype=torch.float64)
    for out in range(4):
        for channel in range(5):
            per_group[out // 3, channel // 2] += per_weight[out, channel]
    effects = layer.effects.detach()
    if shape == "free":
        wanted = torch.where(effects.abs() < 1, per_group, 0.1 * per_group)
    else:
        per_shape = per_group.reshape(2, 3, 9) @ rigid_shapes().double().reshape(15, 9).t()
        distance = (effects - effects.mean(-1, keepdim=True)).abs()
        wanted = torch.where(distance < 1, per_shape, 0.1 * per_shape)
    assert torch.allclose(layer.effects.grad, wanted)
    assert bool((effects.abs() >= 1).any())
