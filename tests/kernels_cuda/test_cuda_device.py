"""The kernels on a real device: every test here needs one."""

import pytest
import torch
from cuda_reference import reference

from suites.kernels import fused_layer, status, why_not_fused
from suites.kernels.cuda import launch
from suites.kernels.geometry import Spec

pytestmark = [pytest.mark.cuda,
              pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]

needs_graphs = pytest.mark.skipif(int((torch.version.cuda or "0").split(".")[0]) < 11,
                                  reason="torch captures CUDA graphs from CUDA 11 on")
SPECS = [Spec(), Spec(block=32), Spec(out_channels=70),
         Spec(nonlinearity="soft", threshold_mode="abs", residual=True),
         Spec(keep_first=True, norm="forward"), Spec(dims=(2, 3)), Spec(dims=(2, 3), residual=True)]


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tables(points):
    return gaussian(7, points) * 0.3, gaussian(8, points)


def check(x, spec, tolerance, rounding=0.0):
    options = launch.options_of(tuple(x.shape), spec)
    threshold, scale = tables(options.points)
    on_device = x.cuda()
    assert launch.why_not(on_device, spec) is None
    y = launch.forward(on_device, threshold.cuda(), scale.cuda(), spec)
    gradient = gaussian(9, *y.shape).to(x.dtype)
    expected = reference(x, threshold, scale, options, gradient)
    found = launch.backward(gradient.cuda(), on_device, threshold.cuda(), scale.cuda(), spec)
    for have, want in zip((y,) + found, expected):
        error = (have.cpu().double() - want).abs()
        assert bool((error <= tolerance * max(1.0, float(want.abs().max())) + rounding * want.abs()).all())


def test_the_kernels_are_available_where_there_is_a_device():
    assert status()["cuda"]["available"], status()["cuda"]["reason"]


@pytest.mark.parametrize("points", [2 ** n for n in range(1, 13)])
@pytest.mark.parametrize("last", [False, True])
def test_every_length_is_right_in_both_layouts(points, last):
    x = gaussian(points, 3, points, 5, 7)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, Spec(), 3e-6)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("last", [False, True])
def test_every_option_is_right_in_both_layouts(spec, last):
    x = gaussian(1, 2, 96, 14, 13)
    check(x.contiguous(memory_format=torch.channels_last) if last else x, spec, 3e-6)


@pytest.mark.parametrize("dtype, rounding", [(torch.float16, 2.0 ** -10), (torch.bfloat16, 2.0 ** -7)])
@pytest.mark.parametrize("spec", [Spec(), Spec(dims=(2, 3))], ids=str)
def test_half_precision_rounds_inputs_and_outputs_only(dtype, rounding, spec):
    check(gaussian(1, 2, 64, 16, 16).to(dtype), spec, 1e-5, rounding)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 31, 33, 127, 8191, 8193])
def test_odd_numbers_of_rows_are_right_to_the_last_and_the_same_twice(rows):
    x = gaussian(rows, rows, 256)
    check(x, Spec(), 3e-6)
    threshold, x = tables(256)[0].cuda(), x.cuda()
    first = launch.forward(x, threshold, None, Spec())
    assert torch.equal(first, launch.forward(x, threshold, None, Spec()))


@pytest.mark.parametrize("spec", [Spec(), Spec(dims=(2, 3)), Spec(block=32)], ids=str)
def test_gradients_are_the_same_bits_twice(spec):
    x, gradient = gaussian(1, 8, 256, 16, 16).cuda(), gaussian(2, 8, 256, 16, 16).cuda()
    threshold, scale = (table.cuda() for table in tables(launch.options_of(tuple(x.shape), spec).points))
    first = launch.backward(gradient, x, threshold, scale, spec)
    for _ in range(5):
        again = launch.backward(gradient, x, threshold, scale, spec)
        assert all(torch.equal(one, other) for one, other in zip(first, again))


def test_nan_and_infinity_reach_the_output():
    x = gaussian(1, 2, 64, 4, 4)
    x[0, 3, 1, 1], x[1, 5, 2, 2] = float("nan"), float("inf")
    y = launch.forward(x.cuda(), tables(64)[0].cuda(), None, Spec()).cpu()
    assert bool(torch.isnan(y[0, :, 1, 1]).all()) and not bool(torch.isfinite(y[1, :, 2, 2]).any())
    assert int((~torch.isfinite(y)).sum()) == 2 * 64


def test_gradients_flow_through_the_layer_as_through_plain_torch():
    from suites.kernels.plain import plain_layer

    x = gaussian(1, 2, 64, 6, 6).cuda()
    threshold = (tables(64)[0]).cuda()
    found = []
    for run in (lambda a, t: fused_layer(a, t), lambda a, t: plain_layer(a, t, None, Spec())):
        leaves = [x.clone().requires_grad_(), threshold.clone().requires_grad_()]
        (run(*leaves) ** 2).sum().backward()
        found.append([leaf.grad for leaf in leaves])
    assert why_not_fused(x) is None
    for one, other in zip(*found):
        assert float((one - other).abs().max()) <= 1e-4 * float(other.abs().max())


@needs_graphs
def test_forward_and_backward_can_be_captured_and_replayed():
    x, gradient, threshold = gaussian(1, 2, 128, 8, 8).cuda(), gaussian(2, 2, 128, 8, 8).cuda(), tables(128)[0].cuda()
    launch.forward(x, threshold, None, Spec())
    launch.backward(gradient, x, threshold, None, Spec())
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = launch.forward(x, threshold, None, Spec())
        grads = launch.backward(gradient, x, threshold, None, Spec())
    x.copy_(gaussian(3, 2, 128, 8, 8))
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(y, launch.forward(x, threshold, None, Spec()))
    assert all(torch.equal(one, other)
               for one, other in zip(grads, launch.backward(gradient, x, threshold, None, Spec())))


@needs_graphs
def test_a_first_call_inside_a_capture_says_what_to_do():
    x, threshold = gaussian(1, 1, 512, 3, 11).cuda(), tables(512)[0].cuda()
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="call it once before the capture"):
        with torch.cuda.graph(graph):
            launch.forward(x, threshold, None, Spec(norm="backward", nonlinearity="soft"))
    torch.cuda.synchronize()


def test_work_goes_onto_the_current_stream():
    x, threshold = gaussian(1, 64, 1024, 16, 16).cuda(), tables(1024)[0].cuda()
    expected = launch.forward(x, threshold, None, Spec())
    stream = torch.cuda.Stream()
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        late = x * 0
        for _ in range(20):
            late = late + x / 20
        late.copy_(x)
        y = launch.forward(late, threshold, None, Spec())
    stream.synchronize()
    assert torch.equal(y, expected)


def test_a_tensor_on_a_second_device_runs_there():
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one device")
    x, threshold = gaussian(1, 2, 64, 4, 4), tables(64)[0]
    first = launch.forward(x.cuda(0), threshold.cuda(0), None, Spec())
    second = launch.forward(x.cuda(1), threshold.cuda(1), None, Spec())
    assert second.device.index == 1 and torch.equal(first.cpu(), second.cpu())
