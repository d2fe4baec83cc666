import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernels_dense import dense_layer, double, table_length, tables

from suites.kernels import fused_layer, why_not_fused
from suites.kernels.geometry import Spec
from suites.kernels.plain import plain_layer

pytestmark = pytest.mark.sampled

OPTIONS = [
    {}, {"nonlinearity": "soft", "threshold_mode": "abs"}, {"threshold_mode": "abs"}, {"threshold_mode": "clamp"},
    {"residual": True}, {"keep_first": True}, {"norm": "forward"}, {"norm": "backward"}, {"order": "sequency"},
    {"order": "sequency", "residual": True, "keep_first": True, "norm": "backward", "threshold_mode": "clamp"},
]
#: In two bytes: half a unit in the last place of 4.
TOLERANCES = {torch.float32: 2e-6, torch.bfloat16: 1.7e-2, torch.float16: 2.1e-3}
#: Largest error of the kernels' tanh (nonlinear.h).
TANH_ERROR = 5e-7


def rounding(length, norm):
    """Return what float32 may lose of an output of size 1 in a layer of this length.

    Each of the 2 log2(length) stages rounds every value once, at random. Where the forward transform is not
    orthonormal, most coefficients lie where tanh is flat, and all of them have its error there with one sign: it adds
    up to the same part of the output. Orthonormal ones do not, and keep to the promise in TOLERANCES.
    """
    if norm == "ortho":
        return 0.0
    return (2 * math.log2(length)) ** 0.5 * 2.0 ** -24 + TANH_ERROR


def check(x, scaled=False, slack=1.0, **options):
    threshold, scale = tables(table_length(x.shape, **options), scaled)
    assert why_not_fused(x, **options) is None
    with torch.no_grad():
        y = fused_layer(x, threshold, scale, **options)
    want = dense_layer(double(x), double(threshold), double(scale), **options)
    assert y.dtype == x.dtype and y.shape == want.shape
    size = max(1.0, want.abs().max().item() / 4)
    if scaled:
        size *= 2.0  # scales up to 3 multiply what the threshold sees, and its rounding with it
    derived = rounding(table_length(x.shape, **options), options.get("norm", "ortho")) * want.abs().max().item()
    assert (y.double() - want).abs().max().item() <= max(TOLERANCES[x.dtype] * size, derived) * slack
    return y


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("length", [2 ** k for k in range(1, 13)])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_every_length_along_the_channels_is_the_dense_layer(kernels, length, last):
    x = noise(2, length, 3, 7)
    check(x.contiguous(memory_format=torch.channels_last) if last else x)


@pytest.mark.parametrize("side", [2, 3, 4, 5, 7, 8, 11, 14, 16, 28, 31, 32, 56, 64])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_every_plane_is_padded_transformed_and_cropped_inside(kernels, side, last):
    x = noise(1, 3, side, side)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, dims=(2, 3))


@pytest.mark.parametrize("shape", [(3, 5, 1, 2), (3, 5, 2, 1), (1, 2, 13, 64), (2, 3, 64, 5), (2, 3, 40, 30)])
def test_planes_need_not_be_square(kernels, shape):
    check(noise(*shape), dims=(2, 3))


@pytest.mark.parametrize("pixels", list(range(1, 36)) + [49, 127, 128, 129, 196])
def test_every_tail_of_pixels_is_done(kernels, pixels):
    check(noise(2, 32, pixels))


@pytest.mark.parametrize("pixels", [1, 7, 16, 40])
def test_a_single_channel_is_padded(kernels, pixels):
    check(noise(2, 1, pixels), out_channels=2)
    check(noise(2, 1, pixels), out_channels=8)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 8, 9, 17, 33])
@pytest.mark.parametrize("length", [4, 8, 16, 64, 128, 256])
def test_odd_numbers_of_rows_are_done(kernels, rows, length):
    check(noise(rows, length))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("scaled", [False, True], ids=["no scale", "scale"])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_every_option_is_the_dense_layer(kernels, options, scaled, last):
    x = noise(2, 96, 5, 6)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    check(x, scaled, **options)
    check(x, scaled, block=32, **options)
    check(x[:, :6], scaled, dims=(2, 3), **options)


@pytest.mark.parametrize("into", [1, 31, 64, 100, 128, 300])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_out_channels_crops_and_pads(kernels, into, last):
    x = noise(2, 100, 4, 5)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, out_channels=into)


@pytest.mark.parametrize("channels", [33, 40, 64, 70])
def test_a_last_block_may_be_part_filled(kernels, channels):
    check(noise(2, channels, 5, 5), block=32)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("options", [{}, {"dims": (2, 3)}, {"block": 16}, {"residual": True}], ids=str)
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_two_byte_types_are_float32_inside(kernels, dtype, options, last):
    x = noise(2, 80, 9, 9).to(dtype)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, **options)


@pytest.mark.parametrize("dtype,digits", [(torch.bfloat16, 8), (torch.float16, 11)], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("length", [2 ** k for k in range(1, 13)])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_two_byte_types_lose_one_rounding_at_every_length(kernels, dtype, digits, length, last):
    x, (threshold, _) = noise(3, length, 4, 16).to(dtype), tables(length, False)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    got = fused_layer(x, threshold)
    want = dense_layer(double(x), double(threshold))
    half_a_unit = 2.0 ** (torch.floor(torch.log2(want.abs())) - digits)
    assert ((got.double() - want).abs() - half_a_unit).max().item() <= 2e-6


def test_every_float16_is_read_and_written_as_torch_does(kernels):
    # A length-2 transform of (a, a) with huge negative thresholds off: coefficient 0 kept, coefficient 1 zero.
    bits = torch.arange(0, 65536, dtype=torch.int32).to(torch.int16)
    a = bits.view(torch.float16) if hasattr(torch.Tensor, "view") else None
    a = a[torch.isfinite(a.float()) & (a.float().abs() < 2e4)]
    x = torch.stack((a, a), 1)
    y = fused_layer(x, torch.zeros(2), keep_first=True, norm="forward")
    assert torch.equal(y[:, 0], a) and torch.equal(y[:, 1], a)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_results_in_two_byte_types_are_rounded_to_nearest_even(kernels, dtype):
    x = torch.cat((noise(4000, 2), noise(4000, 2) * 1e-5, noise(4000, 2) * 8e3)).to(dtype)
    y = fused_layer(x, torch.full((2,), -1e-3), keep_first=True, norm="backward", nonlinearity="soft")
    threshold = torch.full((2,), -1e-3)
    exact = fused_layer(x.float(), threshold, keep_first=True, norm="backward", nonlinearity="soft")
    assert torch.equal(y, exact.to(dtype))


def test_strided_and_misaligned_inputs_are_the_dense_layer(kernels):
    base = noise(3, 70, 12, 13)
    for view in (base[:, 1:65], base[1:, ::2], base[:, :, 1:], base[:, :, :, 1:], base.transpose(2, 3),
                 base[:, :, 3:7, 2:9], base.flatten()[1:1 + 2 * 64 * 9].view(2, 64, 9),
                 base[:1].expand(4, -1, -1, -1)):
        check(view)
        if view.dim() == 4:
            check(view, dims=(2, 3))


def test_large_outputs_go_past_the_cache_and_are_the_same(kernels):
    import suites.kernels.cpu_call as cpu_call
    from suites.kernels import planned
    from suites.kernels.tuning import Tuning

    x = noise(2, 64, 16, 16)
    threshold, _ = tables(64, False)
    here = fused_layer(x, threshold)
    for spec in (Spec(), Spec((2, 3))):
        table = tables(64 if spec.dims == (1,) else 256, False)[0]
        plan = planned.Planned(cpu_call.loaded().handle, tuple(x.shape), x.stride(), x.dtype, spec,
                               lambda geometry: Tuning(0, 0))
        y = torch.empty_like(x)
        handle = cpu_call.loaded().handle
        assert handle.wht_forward(plan.pointer, x.data_ptr(), y.data_ptr(), table.data_ptr(), None, 2) == 0
        assert torch.equal(y, here if spec.dims == (1,) else fused_layer(x, table, dims=(2, 3)))


@pytest.mark.parametrize("shape,dims", [((1, 2, 128, 128), (2, 3)), ((1, 16384, 3), (1,))], ids=str)
@pytest.mark.parametrize("norm", ["forward", "backward"])
def test_factors_too_small_for_powers_in_float32_are_no_trouble(kernels, shape, dims, norm):
    x, spec = noise(*shape), Spec(dims=dims, norm=norm)
    threshold = tables(16384, False)[0]
    y = fused_layer(x, threshold, dims=dims, norm=norm)
    want = plain_layer(double(x), double(threshold), None, spec)
    assert (y.double() - want).abs().max() <= rounding(16384, norm) * want.abs().max()


def test_the_whole_layer_is_within_2e6_of_float64_at_the_papers_width(kernels):
    check(noise(1, 1024, 32, 32))


def test_tanh_is_within_1e6(kernels):
    # Length 2, coefficient 1 dropped by an infinite threshold: y = S(a) for the input (a, a) and T = -1 minus |a|.
    a = torch.cat((torch.linspace(-12, 12, 400001), noise(100000)))
    y = fused_layer(torch.stack((a, a), 1), torch.tensor([0.0, 1e30]), norm="forward")[:, 0]
    want = torch.tanh(a.double()) * a.double().abs()
    assert ((y.double() - want).abs() / a.double().abs().clamp(min=1)).max().item() <= 1e-6


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dims", [(1,), (2, 3)], ids=str)
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
def test_nan_and_infinity_spread_over_their_own_transform_alone(kernels, bad, dims, nonlinearity):
    x = noise(2, 64, 8, 8)
    x[1, 5, 2, 3] = bad
    threshold, _ = tables(64, False)
    y = fused_layer(x, threshold, dims=dims, nonlinearity=nonlinearity)
    touched = torch.zeros_like(x, dtype=torch.bool)
    if dims == (1,):
        touched[1, :, 2, 3] = True
    else:
        touched[1, 5] = True
    assert torch.isfinite(y[~touched]).all()
    assert not torch.isfinite(y[touched]).any()


@pytest.mark.parametrize("shape,dims", [((2, 16, 5), (1,)), ((3, 64), (1,)), ((2, 3, 8, 8), (2, 3))], ids=str)
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
def test_a_coefficient_of_zero_has_no_sign_and_stays_zero(kernels, shape, dims, nonlinearity):
    # A negative threshold lets it through.
    options = {"dims": dims, "nonlinearity": nonlinearity}
    threshold = torch.full((table_length(shape, **options),), -0.5)
    assert not fused_layer(torch.zeros(shape), threshold, **options).any()


def test_huge_values_do_not_overflow_inside(kernels):
    x = noise(2, 64, 4) * 1e36
    y = fused_layer(x, torch.rand(64))
    assert (y / x - 1).abs().median() < 1e-5


def test_out_receives_the_result_even_where_it_is_the_input(kernels):
    x = noise(2, 64, 5, 5)
    threshold, _ = tables(64, False)
    want = fused_layer(x, threshold, residual=True)
    given = torch.empty_like(x)
    assert fused_layer(x, threshold, residual=True, out=given) is given and torch.equal(given, want)
    assert torch.equal(fused_layer(x, threshold, residual=True, out=x), want)
    with pytest.raises(ValueError, match="out is"):
        fused_layer(want, threshold, out=torch.empty(3))


def test_empty_batches_give_empty_results(kernels):
    assert fused_layer(torch.empty(0, 64, 5, 5), torch.rand(64)).shape == (0, 64, 5, 5)


def test_meaningless_options_are_refused_in_a_sentence():
    x = noise(1, 8, 2, 2)
    for options in ({"norm": "l2"}, {"order": "dyadic"}, {"dims": (3,)}, {"block": 3}, {"nonlinearity": "relu"},
                    {"threshold_mode": "max"}, {"dims": (2, 3), "block": 4}, {"out_channels": 0},
                    {"residual": True, "out_channels": 4}):
        with pytest.raises(ValueError):
            fused_layer(x, torch.rand(8), **options)
    with pytest.raises(ValueError, match="threshold has 7 values: this layer has 8"):
        fused_layer(x, torch.rand(7))
    with pytest.raises(ValueError, match="scale has 3 values"):
        fused_layer(x, torch.rand(8), torch.rand(3))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_shape_layout_and_option_is_the_dense_layer(kernels, data):
    draw = data.draw
    plane = draw(st.booleans())
    shape = tuple(draw(st.integers(1, most)) for most in ((2, 5, 20, 20) if plane else (3, 150, 6, 7)))
    options = {"nonlinearity": draw(st.sampled_from(["smooth", "soft"])), "residual": draw(st.booleans()),
               "threshold_mode": draw(st.sampled_from(["abs", "clamp"])), "keep_first": draw(st.booleans()),
               "norm": draw(st.sampled_from(["ortho", "forward", "backward"])),
               "order": draw(st.sampled_from(["natural", "sequency"]))}
    if plane:
        options["dims"] = (2, 3)
    elif draw(st.booleans()):
        options["block"] = draw(st.sampled_from([2, 8, 16, 64]))
    elif draw(st.booleans()):
        options.update(out_channels=draw(st.integers(1, 200)), residual=False)
    if table_length(shape, **options) < 2:
        return
    cut = draw(st.tuples(*[st.integers(0, 2)] * 4))
    whole = noise(*[a + b for a, b in zip(shape, cut)])
    if draw(st.booleans()):
        whole = whole.contiguous(memory_format=torch.channels_last)
    x = whole[cut[0]:, cut[1]:, cut[2]:, cut[3]:].to(draw(st.sampled_from([torch.float32, torch.bfloat16])))
    # Without ortho, or scaled, the coefficients, and with them the rounding, are larger than the result.
    scaled = draw(st.booleans())
    check(x, scaled, slack=1 if options["norm"] == "ortho" and not scaled else 4, **options)


@pytest.mark.parametrize("side", [12, 14, 28, 30, 56])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_padded_plane_has_the_same_bits_whatever_lies_around_it(kernels, side, dtype):
    # What follows a row in memory is read along with it, and must not count.
    planes, options = noise(4, 3, side, side).to(dtype), {"dims": (2, 3)}
    threshold, _ = tables(table_length(planes.shape, **options), False)
    together = fused_layer(planes, threshold, **options)
    for image in range(4):
        alone = fused_layer(planes[image:image + 1].clone(), threshold, **options)
        assert torch.equal(together[image:image + 1], alone)
    spoilt = planes.clone()
    spoilt[1::2] = float("nan")
    assert torch.equal(fused_layer(spoilt, threshold, **options)[::2], together[::2])
    wide = torch.full((4, 3, side, side + 5), float("nan"), dtype=dtype)
    wide[..., 2:side + 2] = planes
    assert torch.equal(fused_layer(wide[..., 2:side + 2], threshold, **options), together)
