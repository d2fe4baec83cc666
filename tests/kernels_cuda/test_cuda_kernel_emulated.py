"""The CUDA source, run thread by thread on the CPU, against dense float64."""

import ctypes

import cuda_emulator
import pytest
import torch
from cuda_reference import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suites.kernels.cuda import work
from suites.kernels.cuda.work import Options

pytestmark = pytest.mark.sampled

# A layer in float32 with orthonormal transforms of N(0, 1) data.
TOLERANCE = 2e-6
DEVICES = ((53, 1), (75, 40), (90, 132))


def gaussian(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator)


def tables(points, seed, scaled):
    threshold = gaussian(seed + 1, points) * 0.5
    return threshold, gaussian(seed + 2, points) if scaled else None


def last(x):
    """Return x with its channels last in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def gradient_for(x, options, seed):
    """Return a gradient for the layer's output, in the order of memory of x."""
    y = cuda_emulator.output_like(x, options)
    return y.copy_(gaussian(seed, *y.shape))


def check_forward(emulator, x, threshold, scale, options, tolerance=TOLERANCE):
    y = emulator.forward(x, threshold, scale, options)
    expected = reference(x, threshold, scale, options).y
    assert y.shape == expected.shape
    assert float((y.double() - expected).abs().max()) <= tolerance * max(1.0, float(expected.abs().max()))


def check_backward(emulator, x, gradient, threshold, scale, options, tolerance=TOLERANCE):
    found = emulator.backward(x, gradient, threshold, scale, options)
    expected = reference(x, threshold, scale, options, gradient)
    pairs = [(found.x, expected.grad_x), (found.threshold, expected.grad_threshold)]
    if scale is not None:
        pairs.append((found.scale, expected.grad_scale))
    for have, want in pairs:
        assert float((have.double() - want).abs().max()) <= tolerance * max(1.0, float(want.abs().max()))


@pytest.mark.parametrize("points", [2 ** n for n in range(1, 13)])
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("device", DEVICES)
def test_every_length_in_both_layouts_is_right(emulator_library, points, layout, device):
    x = gaussian(points, 2, points, 3, 3 if points < 1024 else 1)
    x = last(x) if layout == "channels last" else x
    threshold, scale = tables(points, points, True)
    emulator = cuda_emulator.Emulator(emulator_library, *device)
    check_forward(emulator, x, threshold, None, Options((1,), (points,)))
    options = Options((1,), (points,))
    check_backward(emulator, x, gradient_for(x, options, 5), threshold, scale, options)


@st.composite
def layers(draw):
    """A layer, its input and the device it is planned for."""
    nonlinearity = draw(st.sampled_from(["smooth", "soft"]))
    common = {"nonlinearity": nonlinearity, "threshold_mode": draw(st.sampled_from(["raw", "abs", "clamp"])),
              "keep_first": draw(st.booleans()), "norm": draw(st.sampled_from(["ortho", "forward", "backward"]))}
    batch, seed = draw(st.integers(1, 3)), draw(st.integers(0, 1000))
    if draw(st.booleans()):
        height, width = draw(st.integers(1, 17)), draw(st.integers(1, 17))
        sizes = tuple(1 << (side - 1).bit_length() for side in (height, width))
        if sizes == (1, 1):
            sizes = (2, 2)
        shape = (batch, draw(st.integers(1, 9)), height, width)
        options = Options((2, 3), sizes, residual=draw(st.booleans()), **common)
    else:
        size = 1 << draw(st.integers(1, 8))
        channels = draw(st.integers(1, 2 * size + 3))
        if draw(st.booleans()):
            size = 1 << max(channels - 1, 1).bit_length()
        shape = (batch, channels, draw(st.integers(1, 6)), draw(st.integers(1, 7)))
        out_channels = draw(st.one_of(st.none(), st.integers(1, 2 * size)))
        residual = out_channels is None and draw(st.booleans())
        options = Options((1,), (size,), residual=residual, out_channels=out_channels, **common)
    x = gaussian(seed, *shape)
    if draw(st.booleans()):
        x = last(x)
    return x, options, draw(st.booleans()), draw(st.sampled_from(DEVICES)), draw(st.booleans()), draw(st.booleans())


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(layers())
def test_any_layer_forward_and_backward_is_right(emulator_library, case):
    x, options, scaled, device, turned, fixed = case
    threshold, scale = tables(options.points, 3, scaled)
    emulator = cuda_emulator.Emulator(emulator_library, *device, reversed_order=turned, fixed=fixed)
    # Without the root of the length in the first transform its values, and so the errors, are that much larger.
    tolerance = TOLERANCE * (options.points ** 0.5 if options.norm == "backward" else 1)
    check_forward(emulator, x, threshold, scale, options, tolerance)
    check_backward(emulator, x, gradient_for(x, options, 9), threshold, scale, options, tolerance)


@pytest.mark.parametrize("dtype, step", [(torch.float16, 2.0 ** -11), (torch.bfloat16, 2.0 ** -8)])
@pytest.mark.parametrize("points", [32, 96, 1024])
def test_half_precision_in_and_out_rounds_once(emulator_library, dtype, step, points):
    x = gaussian(1, 2, points, 3, 5).to(dtype)
    options = Options((1,), (1 << (points - 1).bit_length(),))
    threshold, _ = tables(options.points, 4, False)
    emulator = cuda_emulator.Emulator(emulator_library, 53)
    for values in (x, last(x)):
        y = emulator.forward(values, threshold, None, options).double()
        expected = reference(values, threshold, None, options).y
        assert bool(((y - expected).abs() <= expected.abs() * step + TOLERANCE).all())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["input", "threshold", "scale"])
def test_nan_and_infinity_reach_the_output(emulator_library, bad, where):
    x, (threshold, scale) = gaussian(1, 1, 64, 2, 2), tables(64, 5, True)
    {"input": x[0, 3, 1, 1:], "threshold": threshold[7:8], "scale": scale[9:10]}[where].fill_(bad)
    options = Options((1,), (64,))
    y = cuda_emulator.Emulator(emulator_library, 53).forward(x, threshold, scale, options)
    expected = reference(x, threshold, scale, options).y
    assert torch.equal(torch.isnan(y), torch.isnan(expected))
    if where == "input":
        assert bool(torch.isfinite(y[0, :, 0, 0]).all()) and bool(torch.isnan(y[0, :, 1, 1]).any())
    if where != "threshold" or bad != bad:
        assert not bool(torch.isfinite(y).all())


def test_tanh_is_within_a_millionth_whatever_the_gpu_rounds(emulator_library):
    x = torch.cat((torch.linspace(-12, 12, 400001), torch.tensor([0.0, 1e-30, -1e-30, 88.0, -88.0, 1e30, -1e30])))
    y = torch.empty_like(x)
    for of_exp2 in (-2.0 ** -22, 2.0 ** -22):
        for of_reciprocal in (-2.0 ** -23, 2.0 ** -23):
            emulator_library.emulator_approximate(ctypes.c_double(of_exp2), ctypes.c_double(of_reciprocal))
            emulator_library.emulator_tanh(ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(y.data_ptr()),
                                           ctypes.c_size_t(x.numel()))
            assert float((y.double() - torch.tanh(x.double())).abs().max()) < 1e-6
    emulator_library.emulator_approximate(ctypes.c_double(0), ctypes.c_double(0))


def test_gradients_are_the_same_bits_in_any_order_of_threads(emulator_library):
    x, gradient = gaussian(1, 3, 128, 5, 5), gaussian(2, 3, 128, 5, 5)
    threshold, scale = tables(128, 6, True)
    options = Options((1,), (128,))
    first, second = (cuda_emulator.Emulator(emulator_library, 53, reversed_order=turned).backward(
        x, gradient, threshold, scale, options) for turned in (False, True))
    assert all(torch.equal(one, other) for one, other in zip(first, second))


@pytest.mark.parametrize("view", ["cropped plane", "every other image", "sliced channels", "expanded batch"])
def test_tensors_with_gaps_are_read_in_place(emulator_library, view):
    whole = gaussian(3, 4, 40, 9, 9)
    x = {"cropped plane": whole[:, :, 1:, 2:], "every other image": whole[::2], "sliced channels": whole[:, 3:35],
         "expanded batch": whole[:1].expand(4, 40, 9, 9)}[view]
    threshold, _ = tables(256, 7, False)
    emulator = cuda_emulator.Emulator(emulator_library, 53)
    check_forward(emulator, x, threshold, None, Options((2, 3), (16, 16)))
    check_forward(emulator, x, threshold[:64], None, Options((1,), (64,)))


def test_tensors_no_kernel_can_read_in_place_are_declined(emulator_library):
    emulator = cuda_emulator.Emulator(emulator_library, 53)
    x = gaussian(3, 2, 32, 4, 8)
    for bad, options in ((x[..., ::2], Options((1,), (32,))), (x.transpose(2, 3), Options((2, 3), (8, 4))),
                         (x[:, :30, 1:, :5].transpose(0, 2), Options((1,), (16,)))):
        with pytest.raises(work.UnfitError) as unfit:
            emulator.forward(bad, torch.zeros(options.points), None, options)
        assert unfit.value.layout
