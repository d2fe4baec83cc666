"""The depthwise and multiplication-free dense kernels, run thread by thread on the CPU, against float64."""

import cuda_emulator
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sums_emulated import dense, dense_reference, depthwise, depthwise_reference

from suites.kernels.cuda import source, sums_form

pytestmark = pytest.mark.sampled

#: Sums of float32 against float64 for N(0, 1) data: 81 taps at most, or 70 inputs.
TOLERANCE = 4e-6
MEMBERS = tuple(sums_form.MEMBERS)
EXAMPLES = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_edges(x):
    """Return ``x`` with zeros, ties and negative zeros among its values."""
    flat = x.reshape(-1)
    flat[::7], flat[3::11], flat[5::13] = 0.0, -0.0, 1.0
    return x


def close(y, expected, rounding=0.0):
    error = (y.double() - expected).abs()
    return y.shape == expected.shape and bool(
        (error <= TOLERANCE * max(1.0, float(expected.abs().max())) + rounding * expected.abs()).all())


@st.composite
def planes(draw):
    """A depthwise layer and an input, whole or with gaps in memory."""
    side, stride = draw(st.sampled_from((1, 3, 3, 5, 7, 9))), draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    x = with_edges(gaussian(draw(st.integers(0, 1000)), *shape[:3], 2 * shape[3])[..., ::2])
    layout = draw(st.sampled_from(("gaps", "dense", "last")))
    if layout != "gaps":
        x = x.contiguous(memory_format=torch.channels_last if layout == "last" else torch.contiguous_format)
    weight = with_edges(gaussian(draw(st.integers(0, 1000)), shape[1], 1, side, side))
    bias = gaussian(2, shape[1]) if draw(st.booleans()) else None
    return x, weight, bias, stride, draw(st.sampled_from(MEMBERS)), draw(st.sampled_from((1.0, 0.37)))


@EXAMPLES
@given(planes(), st.sampled_from((1, 4, 132)), st.booleans())
def test_any_depthwise_layer_is_right(depthwise_library, layer, multiprocessors, turned):
    y = depthwise(depthwise_library, *layer, multiprocessors=multiprocessors, reversed_order=turned)
    assert close(y, depthwise_reference(*layer))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("multiprocessors, rows", [(1, 4), (4, 2), (16, 1)])
def test_a_thread_makes_as_many_rows_as_leave_work_for_all(depthwise_library, member, multiprocessors, rows):
    x, weight = gaussian(1, 2, 16, 14, 14), gaussian(2, 16, 1, 3, 3)
    assert sums_form.depthwise_rows(sums_form.Depthwise(3, 1, member), x.shape, multiprocessors) == rows
    y = depthwise(depthwise_library, x, weight, None, 1, member, multiprocessors=multiprocessors)
    assert close(y, depthwise_reference(x, weight, None, 1, member))


@EXAMPLES
@given(st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 140)), st.sampled_from(MEMBERS[1:]),
       st.sampled_from((1, 4)), st.booleans(), st.booleans(), st.booleans())
def test_any_dense_layer_is_right(mf_library, sizes, member, per_thread, with_bias, gaps, turned):
    rows, inputs, outputs = sizes
    x = with_edges(gaussian(rows, rows, inputs + 3 * gaps)[:, :inputs])
    weight, bias = with_edges(gaussian(inputs, outputs, inputs)), gaussian(3, outputs) if with_bias else None
    y = dense(mf_library, x, weight, bias, member, 0.37, per_thread, turned)
    assert close(y, dense_reference(x, weight, bias, member, 0.37))


@pytest.mark.parametrize("dtype, step", [(torch.float16, 2.0 ** -11), (torch.bfloat16, 2.0 ** -8)])
@pytest.mark.parametrize("member", MEMBERS[1:])
def test_half_precision_rounds_once(depthwise_library, mf_library, dtype, step, member):
    x, weight = gaussian(1, 2, 5, 7, 6).to(dtype), gaussian(2, 5, 1, 3, 3).to(dtype).float()
    assert close(depthwise(depthwise_library, x, weight, None, 1, member),
                 depthwise_reference(x, weight, None, 1, member), step)
    x, weight = gaussian(1, 9, 33).to(dtype), gaussian(2, 17, 33).to(dtype).float()
    assert close(dense(mf_library, x, weight, None, member), dense_reference(x, weight, None, member), step)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["input", "weight"])
@pytest.mark.parametrize("member", MEMBERS)
def test_nan_and_infinity_come_through_as_in_stock_operations(depthwise_library, mf_library, bad, where, member):
    x, weight = gaussian(1, 1, 3, 6, 6), gaussian(2, 3, 1, 3, 3)
    (x[0, 1, 2, 3:4] if where == "input" else weight[1, 0, 1, 2:]).fill_(bad)
    y, expected = depthwise(depthwise_library, x, weight, None, 1, member), depthwise_reference(
        x, weight, None, 1, member)
    assert torch.allclose(y.double(), expected, atol=1e-5, equal_nan=True)
    if bad != bad:
        assert bool(torch.isnan(y[0, 1]).any()) and bool(torch.isfinite(y[0, 0]).all())
    if member == "product":
        return  # the dense kernel is for the members only
    x, weight = gaussian(1, 4, 20), gaussian(2, 5, 20)
    (x[1, 2:3] if where == "input" else weight[1, 2:3]).fill_(bad)
    y, expected = dense(mf_library, x, weight, None, member), dense_reference(x, weight, None, member)
    assert torch.allclose(y.double(), expected, atol=1e-5, equal_nan=True)


# Program, text that stands once in its source, what it becomes, and what must be noticed.
MUTATIONS = {
    "the end of the threads": ("depthwise", "if (unit >= args.units) return;", "", "outside its t|second time"),
    "the end of the rows": ("depthwise", "if (at.row + r >= args.out_height) continue;", "", "outside its t|second"),
    "the edge of the image": ("depthwise", "bool in_image = (unsigned)(top + y) < (unsigned)args.height;",
                              "bool in_image = true;", "outside its tensor"),
    "the barrier before the sums": ("mf", "GPU_BLOCK_BARRIER();\n        mf_sum(", "mf_sum(",
                                    "race|nobody has written"),
    "the barrier before the next inputs": ("mf", "if (begin > 0) GPU_BLOCK_BARRIER();", "", "race"),
    "the end of the inputs": ("mf", "args.rows && input < args.inputs", "args.rows", "outside its tensor"),
    "the end of the outputs": ("mf", "if (column >= args.outputs) continue;", "", "outside its t|second time"),
}


@pytest.mark.usefixtures("mf_library")
@pytest.mark.parametrize("broken", sorted(MUTATIONS))
def test_the_checks_find_a_kernel_without(broken, tmp_path):
    program, old, new, words = MUTATIONS[broken]
    text = source.read(program)
    assert text.count(old) == 1
    library = cuda_emulator.build(str(tmp_path), text.replace(old, new), program)
    with pytest.raises(AssertionError, match=words):
        for turned in (False, True):
            if program == "mf":
                dense(library, gaussian(1, 5, 40), gaussian(2, 70, 40), None, "min", reversed_order=turned)
            else:
                depthwise(library, gaussian(1, 1, 50, 5, 6), gaussian(2, 50, 1, 3, 3), None, 1, "min",
                          reversed_order=turned)


@pytest.mark.parametrize("per_thread", sums_form.ROWS)
def test_the_shared_memory_that_is_planned_is_what_the_kernel_has(mf_library, per_thread):
    x, weight = gaussian(1, 3, 5), gaussian(2, 2, 5)
    dense(mf_library, x, weight, None, "min", per_thread=per_thread)
    assert mf_library.emulator_words() * 4 == sums_form.mf_shared_bytes(per_thread)
