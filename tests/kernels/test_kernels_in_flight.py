"""Tensors larger than the caches take another way through the CPU kernels. Here small ones are sent along it."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernels_dense import table_length, tables
from test_kernels_forward import OPTIONS, check, noise

import suites.kernels.cpu_call as cpu_call
from suites.kernels import fused_layer, planned
from suites.kernels.tuning import NEAR, NEVER, Tuning

pytestmark = pytest.mark.sampled


@pytest.fixture(params=[Tuning(0, 0), Tuning(0, 0, 0, 128)], ids=["in flight", "in turn"])
def no_cache(kernels, monkeypatch, request):
    """Plans made as if there were no cache, and none of them left behind."""
    for dtype in cpu_call.FAMILY_OF:
        found = cpu_call.kernels(dtype)
        plans = planned.Plans(found.loaded.handle, lambda geometry, threads: request.param)
        monkeypatch.setattr(found, "plans", plans)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("scaled", [False, True], ids=["no scale", "scale"])
def test_every_option_is_the_dense_layer(no_cache, options, scaled):
    check(noise(2, 256, 11, 24), scaled, **options)
    check(noise(3, 320, 16, 16), scaled, block=128, **options)


@pytest.mark.parametrize("pixels", [1, 3, 15, 16, 17, 63, 64, 65, 79, 80, 81, 128, 129, 200, 256, 300])
@pytest.mark.parametrize("channels", [128, 200, 1024])
def test_every_tail_of_pixels_is_done(no_cache, pixels, channels):
    check(noise(2, channels, pixels))


@pytest.mark.parametrize("length", [2 ** k for k in range(7, 13)])
def test_every_length_is_the_dense_layer(no_cache, length):
    check(noise(2, length, 200))
    check(noise(20, length))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_two_byte_types_are_done(no_cache, dtype):
    check(noise(2, 256, 15, 17).to(dtype))


@pytest.mark.parametrize("shape", [(3, 256, 16, 20), (40, 1024)])
def test_every_number_of_threads_gives_the_same_bits(no_cache, shape):
    x, (threshold, _) = noise(*shape), tables(shape[1], False)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(fused_layer(x, threshold))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


@pytest.mark.parametrize("shape", [(2, 256, 40, 40), (1, 1024, 36, 36), (1, 2048, 20, 20)])
def test_whatever_was_tuned_gives_the_same_bits(kernels, monkeypatch, shape):
    """What was found out differs from one number of threads to the next, and must not show in the result."""
    x, (threshold, _) = noise(*shape), tables(shape[1], False)
    results = []
    for tuning in (Tuning(0, 0), Tuning(0, 0, 0, 64), Tuning(0, 0, 0, 128), Tuning(NEVER, 0), NEAR):
        found = cpu_call.kernels(torch.float32)
        plans = planned.Plans(found.loaded.handle, lambda geometry, threads, tuning=tuning: tuning)
        monkeypatch.setattr(found, "plans", plans)
        results.append(fused_layer(x, threshold))
    assert all(torch.equal(one, results[0]) for one in results)


@pytest.mark.parametrize("shape,options", [
    ((2, 64, 30, 32), {}), ((1, 512, 20, 20), {}), ((40, 1024), {}), ((40, 64), {}),
    ((2, 5, 32, 64), {"dims": (2, 3)}), ((2, 5, 30, 30), {"dims": (2, 3)})], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_whatever_was_tuned_gives_the_same_bits_of_every_gradient(kernels, monkeypatch, shape, options, dtype):
    found, results = cpu_call.kernels(dtype), []
    for tuning in (NEAR, Tuning(0, 0), Tuning(0, 0, 0, 128)):
        plans = planned.Plans(found.loaded.handle, lambda geometry, threads, tuning=tuning: tuning)
        monkeypatch.setattr(found, "plans", plans)
        x = noise(*shape).to(dtype).requires_grad_()
        tensors = [t.requires_grad_() for t in tables(table_length(shape, **options), True)]
        y = fused_layer(x, *tensors, **options)
        y.backward(noise(*reversed(shape)).reshape(y.shape).to(dtype))
        results.append([y.detach(), x.grad] + [t.grad for t in tensors])
    for other in results[1:]:
        assert all(torch.equal(one, a) for one, a in zip(results[0], other))


def test_the_result_may_go_where_the_input_is(no_cache):
    x, (threshold, _) = noise(2, 256, 19, 13), tables(256, False)
    for residual in (False, True):
        want = fused_layer(x, threshold, residual=residual)
        into = x.clone()
        assert torch.equal(fused_layer(into, threshold, residual=residual, out=into), want)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_shape_and_option_is_the_dense_layer(no_cache, data):
    draw = data.draw
    shape = (draw(st.integers(1, 3)), draw(st.integers(65, 520)), draw(st.integers(1, 300)))
    options = {"nonlinearity": draw(st.sampled_from(["smooth", "soft"])), "residual": draw(st.booleans()),
               "keep_first": draw(st.booleans()), "order": draw(st.sampled_from(["natural", "sequency"]))}
    if draw(st.booleans()):
        options["block"] = draw(st.sampled_from([128, 256]))
    assert table_length(shape, **options) >= 128
    check(noise(*shape), draw(st.booleans()), **options)
