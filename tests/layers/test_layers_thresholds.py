import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers import smooth_threshold, soft_threshold
from suites.layers.thresholds import smooth_threshold_inplace

BOTH = [(smooth_threshold, torch.tanh), (soft_threshold, torch.sign)]


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("function, sign", BOTH)
@given(seed=st.integers(0, 99), level=st.floats(-1, 2))
@settings(max_examples=30, deadline=None)
def test_it_is_the_papers_formula(function, sign, seed, level):
    x = 2 * random(3, 4, 5, seed=seed)
    wanted = sign(x) * torch.relu(x.abs() - level)
    assert torch.allclose(function(x, level), wanted, atol=1e-12)
    per_channel = level * random(4, 1, seed=seed + 1)
    wanted = sign(x) * torch.relu(x.abs() - per_channel)
    assert torch.allclose(function(x, per_channel), wanted, atol=1e-12)
    assert torch.allclose(function(x, per_channel.requires_grad_()), wanted, atol=1e-12)


@pytest.mark.parametrize("function, sign", BOTH)
@pytest.mark.parametrize("shape", [(), (4, 1), (3, 1, 1), (3, 4, 5)])
def test_first_and_second_gradients_are_the_numerical_ones(function, sign, shape):
    x = random(3, 4, 5).requires_grad_()
    level = (random(*shape, seed=7).abs() * 0.4 + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(function, (x, level))
    assert torch.autograd.gradgradcheck(function, (x, level))


@pytest.mark.parametrize("function, sign", BOTH)
def test_gradients_are_those_of_the_plain_formula_even_at_the_kinks(function, sign):
    x = torch.tensor([-1.0, -0.5, 0.0, 0.25, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    for level in (0.5, 0.0):
        t = torch.tensor(level, dtype=torch.float64, requires_grad=True)
        plain = torch.autograd.grad((sign(x) * torch.relu(x.abs() - t)).sum(), (x, t))
        ours = torch.autograd.grad(function(x, t).sum(), (x, t))
        assert torch.allclose(ours[0], plain[0]) and torch.allclose(ours[1], plain[1])


def test_only_the_inputs_are_kept_for_the_backward_pass():
    x = random(100, 100).requires_grad_()
    t = torch.full((100,), 0.1, dtype=torch.float64, requires_grad=True)
    y = smooth_threshold(x, t)
    assert [kept.data_ptr() for kept in y.grad_fn.saved_tensors] == [x.data_ptr(), t.data_ptr()]


def test_the_form_that_uses_up_its_input_gives_the_same_numbers():
    x, t = random(6, 7), random(7).abs()
    assert torch.equal(smooth_threshold_inplace(x.clone(), t), smooth_threshold(x, t))


@pytest.mark.parametrize("function, sign", BOTH)
def test_a_threshold_of_the_wrong_shape_is_refused_with_the_remedy(function, sign):
    with pytest.raises(ValueError, match=r"shape \(3,\) does not broadcast .* give it the shape \(C, 1, 1\)"):
        function(torch.zeros(2, 3, 4, 4), torch.zeros(3))
    with pytest.raises(ValueError, match="would enlarge x"):
        function(torch.zeros(3), torch.zeros(2, 3))
