import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from suites.layers import hadamard_matrix, walsh_hadamard

FORMS = ("matrix", "two-stage", "butterfly")


def random(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def relative_error(got, wanted):
    return ((got.double() - wanted.double()).abs().max() / wanted.double().pow(2).mean().sqrt()).item()


@pytest.mark.sampled
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [2 ** power for power in range(13)])
def test_it_is_the_product_with_scipys_hadamard_matrix_at_every_power_of_two_to_4096(size, form):
    x = random(3, size)
    wanted = x @ torch.from_numpy(hadamard(size).astype("float64"))
    assert relative_error(walsh_hadamard(x, norm="backward", implementation=form), wanted) < 1e-12
    single = walsh_hadamard(x.float(), norm="backward", implementation=form)
    assert single.dtype == torch.float32
    assert relative_error(single, wanted) < 1e-5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 4, 8, 64, 1024])
def test_sequency_order_puts_k_sign_changes_in_coefficient_k(size, form):
    rows = walsh_hadamard(torch.eye(size, dtype=torch.float64), 0, "sequency", "backward", form)
    assert rows.abs().eq(1).all()
    changes = (rows[:, 1:] != rows[:, :-1]).sum(1)
    assert changes.tolist() == list(range(size))
    assert torch.equal(rows, hadamard_matrix(size, "sequency", torch.float64))


@pytest.mark.parametrize("order", ["natural", "sequency"])
@pytest.mark.parametrize("norm, inverse", [("ortho", "ortho"), ("forward", "backward"), ("backward", "forward")])
def test_each_norm_has_the_inverse_its_documentation_names(norm, inverse, order):
    x = random(4, 32, 5)
    back = walsh_hadamard(walsh_hadamard(x, 1, order, norm), 1, order, inverse)
    assert relative_error(back, x) < 1e-12


def test_norms_scale_as_a_forward_transform_of_torch_fft():
    x = random(16)
    for norm in ("backward", "ortho", "forward"):
        # Coefficient 0 of both transforms is the scaled sum.
        dc = torch.fft.fft(x, norm=norm)[0].real
        assert abs(walsh_hadamard(x, norm=norm)[0] - dc) < 1e-12


@given(power=st.integers(0, 8), form=st.sampled_from(FORMS), order=st.sampled_from(["natural", "sequency"]),
       seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_it_is_linear_keeps_the_energy_and_undoes_itself(power, form, order, seed):
    x, y = random(3, 2 ** power, seed=seed), random(3, 2 ** power, seed=seed + 1)

    def transform(values):
        return walsh_hadamard(values, order=order, implementation=form)

    assert torch.allclose(transform(2 * x - 3 * y), 2 * transform(x) - 3 * transform(y), atol=1e-12)
    assert torch.allclose(transform(x).pow(2).sum(-1), x.pow(2).sum(-1), atol=1e-10)
    assert torch.allclose(transform(transform(x)), x, atol=1e-12)


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), power=st.integers(0, 5), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_dimension_of_any_stride_order_gives_the_same_numbers(shape, power, data):
    dim = data.draw(st.integers(0, len(shape) - 1))
    shape[dim] = 2 ** power
    axes = data.draw(st.permutations(range(len(shape))))
    x = random(*shape).permute(*axes).contiguous().permute(*[axes.index(a) for a in range(len(shape))])
    matrix = torch.from_numpy(hadamard(2 ** power).astype("float64"))
    wanted = torch.tensordot(x, matrix, dims=([dim], [0])).movedim(-1, dim)
    for form in ("auto",) + FORMS:
        for way in (dim, dim - len(shape)):
            got = walsh_hadamard(x, way, norm="backward", implementation=form)
            assert torch.allclose(got, wanted, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_channels_last_stays_channels_last_and_slices_are_accepted(form):
    x = random(2, 16, 6, 6).to(memory_format=torch.channels_last)
    got = walsh_hadamard(x, 1, implementation=form)
    assert got.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(got, walsh_hadamard(x.contiguous(), 1, implementation=form))
    part = x[:, :8, ::2]
    assert torch.allclose(walsh_hadamard(part, 1, implementation=form),
                          walsh_hadamard(part.contiguous(), 1, implementation=form))
    wide = x[:, :1].expand(-1, 16, -1, -1)
    assert torch.allclose(walsh_hadamard(wide, 1, implementation=form),
                          walsh_hadamard(wide.contiguous(), 1, implementation=form))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["natural", "sequency"])
@pytest.mark.parametrize("inner", [1, 3])
def test_first_and_second_gradients_are_the_numerical_ones(form, order, inner):
    x = random(2, 8, inner).requires_grad_()

    def transform(values):
        return walsh_hadamard(values, 1, order, "ortho", form)

    assert torch.autograd.gradcheck(transform, (x,))
    assert torch.autograd.gradgradcheck(lambda values: transform(values) ** 2, (x,))


def test_the_input_is_never_written():
    x = random(2, 64, 9)
    before = x.clone()
    for form in FORMS:
        walsh_hadamard(x, 1, implementation=form)
    assert torch.equal(x, before)


def test_an_integer_length_that_is_no_power_of_two_is_told_the_next_one():
    with pytest.raises(ValueError, match=r"power of two along dim 1, got 96: pad it with zeros to 128"):
        walsh_hadamard(torch.zeros(2, 96), 1)
    with pytest.raises(ValueError, match="got 0"):
        walsh_hadamard(torch.zeros(2, 0))


def test_wrong_arguments_are_named_with_the_remedy():
    x = torch.zeros(4, 8)
    with pytest.raises(ValueError, match="dim 2 does not exist in a tensor of 2 dimensions: use one from -2 to 1"):
        walsh_hadamard(x, 2)
    with pytest.raises(ValueError, match="got a scalar"):
        walsh_hadamard(torch.tensor(1.0))
    with pytest.raises(ValueError, match="unknown order 'walsh': use one of natural, sequency"):
        walsh_hadamard(x, order="walsh")
    with pytest.raises(ValueError, match="unknown norm 'orthogonal'"):
        walsh_hadamard(x, norm="orthogonal")
    with pytest.raises(ValueError, match="did you mean 'butterfly'"):
        walsh_hadamard(x, implementation="buterfly")
    with pytest.raises(TypeError, match=r"got int64: convert it, for instance with x.float\(\)"):
        walsh_hadamard(torch.zeros(4, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match="next is 16"):
        hadamard_matrix(12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype, allowed", [(torch.bfloat16, 0.12), (torch.float16, 0.05)])
def test_two_byte_types_keep_their_type_and_their_precision(form, dtype, allowed):
    # Old CPU builds accumulate products in the type itself, hence the room.
    x = random(4, 256, 16, dtype=dtype)
    try:
        torch.ones(1, 2, 2, dtype=dtype).bmm(torch.ones(1, 2, 2, dtype=dtype))
        torch.ones(1, dtype=dtype) - 1
    except RuntimeError:
        with pytest.raises(RuntimeError):
            walsh_hadamard(x, 1, implementation=form)
        return
    got = walsh_hadamard(x, 1, implementation=form)
    assert got.dtype == dtype
    assert relative_error(got, walsh_hadamard(x.double(), 1)) < allowed


def test_matrices_made_in_inference_mode_serve_training_afterwards():
    with torch.inference_mode():
        walsh_hadamard(torch.zeros(2, 32, dtype=torch.float64) + 1, implementation="matrix")
    x = random(2, 32).requires_grad_()
    walsh_hadamard(x, implementation="matrix").sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("form", FORMS)
def test_it_is_not_the_identity_that_the_released_fast_transform_was(form):
    # The released code contracts the same axis twice, so its two 32-point stages cancel.
    x = random(2, 1024)
    matrix = torch.from_numpy(hadamard(32).astype("float64"))
    twice = torch.einsum("nab,bc,cd->nad", x.reshape(2, 32, 32), matrix, matrix).reshape(2, 1024) / 32
    assert torch.allclose(twice, x)
    ours = walsh_hadamard(x, implementation=form)
    assert (ours - x).abs().max() > 1
    assert relative_error(ours, x @ torch.from_numpy(hadamard(1024) / 32.0)) < 1e-12
