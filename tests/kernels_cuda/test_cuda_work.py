"""From shapes and strides to the kernel's argument."""

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels.cuda import geometry, work
from suites.kernels.cuda.params import Params, divisor, norm_factors, params
from suites.kernels.cuda.work import Options, Tensor


def dense(*shape):
    strides, step = [0] * len(shape), 1
    for dim in reversed(range(len(shape))):
        strides[dim], step = step, step * shape[dim]
    return Tensor(shape, tuple(strides))


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.integers(1, 1 << 20), st.integers(1, (1 << 31) - 1)),
       st.one_of(st.integers(0, 1 << 20), st.integers(0, (1 << 31) - 1)))
def test_the_divisor_divides_exactly(value, number):
    by = divisor(value)
    assert ((number * by.factor >> 32) + number) >> by.shift == number // value
    assert by.factor < 1 << 32 and (number * by.factor >> 32) + number < 1 << 32


def test_the_argument_has_the_size_the_device_source_gives_it(emulator_library):
    emulator_library.emulator_params_bytes.restype = ctypes.c_size_t
    assert emulator_library.emulator_params_bytes() == ctypes.sizeof(Params)


@pytest.mark.parametrize("norm", ["ortho", "forward", "backward"])
def test_the_two_factors_undo_the_length(norm):
    first, second = norm_factors(64, norm)
    assert first * second == pytest.approx(1 / 64)


def test_a_batch_of_images_is_one_run_of_pixels():
    x = dense(10, 64, 7, 7)
    job = work.describe(x, [x], Options((1,), (64,)))
    assert (job.strided, job.split, job.units, job.inner) == (True, 0, 490, 49)
    assert job.layouts[0].step == 49 and not job.crop_in


def test_whole_blocks_need_no_second_index_and_ragged_ones_do():
    whole, ragged = dense(10, 96, 4, 4), dense(10, 80, 4, 4)
    assert work.describe(whole, [whole], Options((1,), (32,))).split == 0
    job = work.describe(ragged, [ragged], Options((1,), (32,)))
    assert (job.split, job.outer1, job.crop_in, job.crop_out) == (1, 3, True, True)


def test_forward_skips_blocks_no_output_needs_but_backward_fills_their_gradient():
    x, y = dense(2, 96, 4, 4), dense(2, 32, 4, 4)
    options = Options((1,), (32,), out_channels=32)
    assert work.describe(x, [y], options).units == 2 * 16
    assert work.describe(x, [y, x], options).units == 2 * 3 * 16


def test_a_full_plane_is_one_axis_and_a_ragged_one_is_cropped():
    full, ragged = dense(2, 3, 8, 8), dense(2, 3, 7, 5)
    assert not work.describe(full, [full], Options((2, 3), (8, 8))).plane
    job = work.describe(ragged, [ragged], Options((2, 3), (8, 8)))
    assert (job.plane, job.crop_in, job.log2_points, job.units) == (True, True, 6, 6)


@pytest.mark.parametrize("shape, options, words", [
    ((2, 8192, 4, 4), Options((1,), (8192,)), "use blocks"),
    ((2, 1, 4, 4), Options((1,), (1,)), "outside the kernel's 2 to 4096"),
    ((2, 24, 4, 4), Options((1,), (24,)), "no power of two"),
    ((2, 3, 9, 4), Options((2, 3), (8, 4)), "does not fit"),
    ((0, 3, 4, 4), Options((1,), (4,)), "empty"),
    ((1 << 16, 4, 1 << 15, 1), Options((1,), (4,)), "more than the"),
])
def test_what_the_kernel_cannot_do_is_said_in_words(shape, options, words):
    x = dense(*shape)
    with pytest.raises(work.UnfitError, match=words):
        work.describe(x, [x], options)


def test_small_problems_get_narrower_tiles_on_devices_with_many_multiprocessors():
    x = dense(1, 256, 14, 14)
    job = work.describe(x, [x], Options((1,), (256,)))
    one, many = geometry.choose(job, False, 90, 1), geometry.choose(job, False, 90, 132)
    assert one.pixels == 32 and many.pixels == 8
    assert many.threads % 32 == 0


def test_the_argument_keeps_what_the_work_says():
    x = dense(3, 80, 5, 5)
    job = work.describe(x, [x], Options((1,), (32,), norm="backward"))
    made = params(job, Options((1,), (32,), norm="backward"), 7)
    assert (made.units, made.inner.value, made.outer1.value, made.length_in) == (3 * 3 * 25, 25, 3, 80)
    assert (made.x_view.outer0, made.x_view.outer1, made.x_view.step) == (80 * 25, 32 * 25, 25)
    assert (made.alpha, made.beta, made.partial_rows) == (1.0, 1 / 32, 7)


def test_fixed_strides_become_macros_and_loose_ones_do_not():
    x = dense(3, 64, 5, 5)
    options = Options((1,), (64,))
    job = work.describe(x, [x], options)
    form = geometry.choose(job, False, 53, 1)
    fixed = geometry.macros(job, options, False, "float16", form, False)
    loose = geometry.macros(job, options, False, "float16", form, False, fixed=False)
    assert fixed["WHT_X_STEP"] == 25 and fixed["WHT_FIXED"] == 1
    assert loose["WHT_FIXED"] == 0 and loose["WHT_X_STEP"] == 0
    assert fixed["GPU_DTYPE"] == 1 and fixed["WHT_SMOOTH"] == 1
