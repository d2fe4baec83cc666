import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernels_dense import dense_layer, double, table_length, tables

from suites.kernels import fused_layer

pytestmark = pytest.mark.sampled

CASES = [
    ((2, 64, 5, 5), {}), ((2, 1024, 2, 3), {}), ((3, 96, 7, 7), {}), ((2, 96, 6, 6), {"block": 32}), ((5, 37), {}),
    ((2, 40, 5, 5), {"block": 16, "out_channels": 20}), ((2, 40, 5, 5), {"out_channels": 70}),
    ((2, 3, 7, 7), {"dims": (2, 3)}), ((2, 3, 16, 9), {"dims": (2, 3)}), ((1, 2, 32, 32), {"dims": (2, 3)}),
    ((3, 5, 2, 2), {"dims": (2, 3)}), ((2, 8, 56, 56), {"dims": (2, 3)}),
]
OPTIONS = [
    {}, {"nonlinearity": "soft", "threshold_mode": "clamp"}, {"threshold_mode": "abs"}, {"threshold_mode": "clamp"},
    {"residual": True}, {"keep_first": True}, {"norm": "forward"}, {"norm": "backward"}, {"order": "sequency"},
    {"order": "sequency", "residual": True, "keep_first": True, "norm": "backward", "threshold_mode": "abs"},
]


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def gradients(layer, x, threshold, scale, weights, options):
    leaves = [None if t is None else t.detach().clone().requires_grad_() for t in (x, threshold, scale)]
    (layer(*leaves, **options) * weights).sum().backward()
    return [leaf.grad for leaf in leaves if leaf is not None]


def check(x, scaled, **options):
    threshold, scale = tables(table_length(x.shape, **options), scaled)
    shape = fused_layer(x, threshold, scale, **options).shape
    weights = noise(*shape)
    got = gradients(fused_layer, x, threshold, scale, weights, options)
    want = gradients(dense_layer, double(x), double(threshold), double(scale), weights.double(), options)
    for name, a, b in zip(("x", "threshold", "scale"), got, want):
        error = (a.double() - b).abs()
        # A coefficient within rounding of its threshold jumps, and takes its whole transform with it: rare.
        wrong = (error > 2e-5 * max(1.0, b.abs().max().item())).double().mean().item()
        assert wrong <= 0.02, "{}: {:.3f} of the gradient of {} is off, most {:.2e}".format(
            options, wrong, name, error.max().item())


@pytest.mark.parametrize("shape,where", CASES, ids=str)
@pytest.mark.parametrize("scaled", [False, True], ids=["no scale", "scale"])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_gradients_are_those_of_the_dense_layer(kernels, shape, where, scaled, last):
    x = noise(*shape)
    check(x.contiguous(memory_format=torch.channels_last) if last and x.dim() == 4 else x, scaled, **where)


@pytest.mark.slow
@pytest.mark.parametrize("shape,where", [((10, 1024, 32, 32), {}), ((10, 1024, 32, 32), {"dims": (2, 3)}),
                                         ((8, 64, 56, 56), {}), ((8, 64, 56, 56), {"dims": (2, 3)})], ids=str)
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_gradients_at_the_papers_shapes_are_those_of_the_dense_layer(kernels, shape, where, last):
    x = noise(*shape)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, True, **where)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dims", [(1,), (2, 3)], ids=str)
def test_every_option_has_the_dense_layers_gradients(kernels, options, dims):
    check(noise(2, 24, 8, 11), True, dims=dims, **options)
    check(noise(2, 24, 8, 11).contiguous(memory_format=torch.channels_last), False, dims=dims, **options)


@pytest.mark.parametrize("dims", [(1,), (2, 3)], ids=str)
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
def test_gradients_are_the_slopes_of_the_output(kernels, dims, nonlinearity):
    # Central differences in float64 of the same formula, at coefficients well away from their thresholds.
    x = noise(1, 8, 4, 2) * 3
    length = table_length(x.shape, dims=dims)
    threshold = torch.full((length,), 0.01)
    weights = noise(1, 8, 4, 2)
    got = gradients(fused_layer, x, threshold, None, weights, {"dims": dims, "nonlinearity": nonlinearity})

    def value(at, table):
        return (dense_layer(at, table, dims=dims, nonlinearity=nonlinearity) * weights.double()).sum()

    step = 1e-6
    for which, gradient in enumerate(got):
        tensors = [x.double(), threshold.double()]
        flat = tensors[which].reshape(-1)
        for i in range(0, flat.numel(), 5):
            shift = torch.zeros_like(flat)
            shift[i] = step
            ends = [value(*[t + s * shift.reshape(t.shape) if j == which else t for j, t in enumerate(tensors)])
                    for s in (1, -1)]
            slope = ((ends[0] - ends[1]) / (2 * step)).item()
            assert abs(gradient.reshape(-1)[i].item() - slope) <= 1e-4 * max(1.0, abs(slope))


def test_a_threshold_at_zero_in_abs_mode_has_no_gradient(kernels):
    threshold = torch.zeros(16, requires_grad=True)
    fused_layer(noise(2, 16, 5), threshold, threshold_mode="abs").sum().backward()
    assert torch.equal(threshold.grad, torch.zeros(16))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape,where", [((2, 96, 6, 6), {}), ((2, 20, 12, 14), {"dims": (2, 3)}), ((9, 16), {}),
                                         ((5, 1024), {}), ((5, 700), {})], ids=str)
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
@pytest.mark.parametrize("last", [False, True], ids=["contiguous", "channels_last"])
def test_gradients_in_two_byte_types_are_near_float32s(kernels, dtype, shape, where, nonlinearity, last):
    x, (threshold, scale) = noise(*shape).to(dtype), tables(table_length(shape, **where), True)
    x = x.contiguous(memory_format=torch.channels_last) if last and x.dim() == 4 else x
    weights, options = noise(*shape).to(dtype), dict(where, nonlinearity=nonlinearity)
    got = gradients(fused_layer, x, threshold, scale, weights, options)
    want = gradients(fused_layer, x.float(), threshold, scale, weights.float(), options)
    assert got[0].dtype == dtype and got[1].dtype == torch.float32
    for a, b in zip(got, want):
        assert (a.float() - b).abs().max().item() <= 0.01 * b.abs().max().item()


@pytest.mark.parametrize("length", [2 ** k for k in range(1, 12)])
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
def test_rows_of_every_length_have_the_dense_layers_gradients(kernels, length, nonlinearity):
    for keep_first in (False, True):
        check(noise(7, length), True, nonlinearity=nonlinearity, keep_first=keep_first)


def test_expanded_and_transposed_gradients_are_taken(kernels):
    x, (threshold, _) = noise(2, 32, 4, 6).requires_grad_(), tables(32, False)
    fused_layer(x, threshold).sum().backward()
    first, x.grad = x.grad, None
    fused_layer(x, threshold).transpose(2, 3).contiguous().sum().backward()
    assert torch.equal(first, x.grad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
def test_a_nan_or_infinity_in_x_shows_in_the_gradient(kernels, bad, nonlinearity):
    x, (threshold, _) = noise(2, 32, 5), tables(32, False)
    x[1, 3, 2] = bad
    x.requires_grad_()
    fused_layer(x, threshold, nonlinearity=nonlinearity).sum().backward()
    assert not torch.isfinite(x.grad[1, :, 2]).any() and torch.isfinite(x.grad[0]).all()


@pytest.mark.parametrize("shape,dims", [((2, 16, 5), (1,)), ((3, 64), (1,)), ((2, 3, 8, 8), (2, 3))], ids=str)
def test_far_from_zero_the_slope_is_one(kernels, shape, dims):
    # There tanh is flat, however far the threshold is.
    x, options = noise(*shape) * 1e5, {"dims": dims, "norm": "backward"}
    threshold, weights = tables(table_length(shape, **options), False)[0], noise(*shape)
    got = gradients(fused_layer, x, threshold, None, weights, options)[0]
    want = gradients(dense_layer, double(x), double(threshold), None, weights.double(), options)[0]
    assert (got.double() - want).abs().max().item() <= 2e-5 * want.abs().max().item()


@pytest.mark.parametrize("shape,dims", [((2, 16, 5), (1,)), ((3, 64), (1,)), ((2, 3, 8, 8), (2, 3))], ids=str)
def test_a_coefficient_of_zero_has_no_sign_and_so_no_slope(kernels, shape, dims):
    # A negative threshold lets it through.
    options = {"dims": dims, "nonlinearity": "soft"}
    threshold = torch.full((table_length(shape, **options),), -0.5)
    found = gradients(fused_layer, torch.zeros(shape), threshold, None, noise(*shape), options)
    assert not any(one.any() for one in found)


def test_a_clamped_threshold_at_zero_has_no_gradient(kernels):
    threshold = torch.zeros(16, requires_grad=True)
    fused_layer(noise(2, 16, 5), threshold, threshold_mode="clamp").sum().backward()
    assert torch.equal(threshold.grad, torch.zeros(16))


@pytest.mark.parametrize("pixels", [1, 3, 17, 37])
def test_what_lies_beside_the_input_does_not_count(kernels, pixels):
    x, threshold = noise(2, 32, pixels), tables(32, False)[0]
    wide = torch.full((2, 32, pixels + 40), float("nan"))
    beside = wide[:, :, 20:20 + pixels]
    beside.copy_(x)
    weights = noise(2, 32, pixels)
    for a, b in zip(gradients(fused_layer, beside, threshold, None, weights, {}),
                    gradients(fused_layer, x, threshold, None, weights, {})):
        assert torch.equal(a, b)


@pytest.mark.parametrize("huge", ["x", "gradient"])
def test_huge_values_do_not_overflow_in_the_lanes_of_others(kernels, huge):
    # Fewer pixels than a vector has lanes: the others hold what follows in memory, of which nothing may count.
    x, weights, (threshold, scale) = torch.zeros(2, 16, 5), torch.full((2, 16, 5), 1e-3), tables(16, True)
    of = x if huge == "x" else weights
    of[0, 3, 0] = of[1, 0, 0] = 2e38
    for one in gradients(fused_layer, x, threshold, scale, weights, {})[1:]:
        assert torch.isfinite(one).all()


@pytest.mark.parametrize("left", [1e3, float("nan")])
def test_what_an_earlier_call_left_in_memory_does_not_count(kernels, left):
    # Rows shorter than a vector share one; its last lanes belong to no row.
    x, weights, (threshold, scale) = noise(3, 4), noise(3, 4), tables(4, True)
    spoilt = torch.full((64, 3), left)
    gradients(fused_layer, spoilt, threshold, scale, spoilt, {})
    got = gradients(fused_layer, x, threshold, scale, weights, {})
    want = gradients(dense_layer, double(x), double(threshold), double(scale), weights.double(), {})
    for a, b in zip(got, want):
        assert (a.double() - b).abs().max().item() <= 2e-5 * max(1.0, b.abs().max().item())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_shape_and_option_has_the_dense_layers_gradients(kernels, data):
    draw = data.draw
    plane = draw(st.booleans())
    shape = tuple(draw(st.integers(1, most)) for most in ((2, 4, 18, 18) if plane else (3, 70, 6, 7)))
    options = {"nonlinearity": draw(st.sampled_from(["smooth", "soft"])), "residual": draw(st.booleans()),
               "threshold_mode": draw(st.sampled_from(["abs", "clamp"])), "keep_first": draw(st.booleans()),
               "order": draw(st.sampled_from(["natural", "sequency"]))}
    if plane:
        options["dims"] = (2, 3)
    elif draw(st.booleans()):
        options["block"] = draw(st.sampled_from([4, 16, 64]))
    if table_length(shape, **options) < 2:
        return
    x = noise(*shape)
    x = x.contiguous(memory_format=torch.channels_last) if draw(st.booleans()) else x
    check(x, draw(st.booleans()), **options)
