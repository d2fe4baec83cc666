"""The CUDA timer on a real device; skipped where torch sees none."""

import time

import pytest

from harness.rule import Rule
from harness.timing.clock_readers import gpu_clock
from harness.timing.engine import run_time_pass

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]


@pytest.fixture(scope="module")
def timer():
    from harness.timing.cuda_timer import CudaTimer

    return CudaTimer(torch)


def copy_call(size_bytes):
    data = torch.randn(size_bytes // 4, device="cuda")
    target = torch.empty_like(data)
    return lambda: target.copy_(data)


def median(sampler, call, calls, samples=15):
    sampler.sample(call, calls)
    return sorted(sampler.sample(call, calls)[0] / calls for _ in range(samples))[samples // 2]


def test_the_flush_makes_a_copy_that_fits_the_cache_slower(timer):
    l2_bytes = timer.flush_size.l2_bytes or 2 ** 20
    hot, cold = timer.samplers
    call = copy_call(l2_bytes // 4)
    assert median(cold, call, 8) > 1.1 * median(hot, call, 200)


def test_the_driver_and_torch_agree_on_the_l2(timer):
    from harness.timing.l2_cache import l2_bytes_from_driver

    value, source = l2_bytes_from_driver(torch.cuda.current_device())
    assert value is not None, source
    if timer.flush_size.source == "torch device property":
        assert value == timer.flush_size.l2_bytes


@pytest.mark.skipif(not hasattr(torch.cuda, "_sleep"), reason="this torch has no GPU sleep")
def test_a_launch_bound_call_is_timed_without_its_gaps(timer):
    data = torch.randn(64, device="cuda")

    def call():
        for _ in range(20):
            data.mul_(1.0)

    hot = timer.samplers[0]
    hot.sample(call, 5)
    found = [hot.sample(call, 5) for _ in range(20)]
    assert min(one.seconds for one in found) < min(one.enqueue_s for one in found)
    assert sum(one.hidden for one in found) >= 15


@pytest.mark.skipif(not hasattr(torch.cuda, "_sleep"), reason="this torch has no GPU sleep")
def test_the_rate_of_the_sleep_is_that_of_a_device_under_load(timer):
    from harness.timing.gpu_sleep import GpuSleep

    x = torch.randn(2048, 2048, device="cuda")
    for _ in range(200):
        torch.mm(x, x)
    loaded = GpuSleep(torch, time.perf_counter).cycles_per_s
    assert 0.8 < timer.sleep.cycles_per_s / loaded < 1.25


@pytest.mark.parametrize("size_bytes", [2 ** 20, 2 ** 22])
def test_a_cold_copy_is_not_charged_for_lines_the_flush_left_behind(timer, size_bytes):
    """Against a copy whose cache was emptied by a plain read of as much memory again."""
    other = torch.zeros(timer.flush_size.flush_bytes // 4, device="cuda")
    cold, call = timer.samplers[1], copy_call(size_bytes)
    once = median(cold, call, 8)

    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    found = []
    for _ in range(40):
        other.sum()
        other.sum()
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        found.append(start.elapsed_time(end) * 1e-3)
    assert once < 1.2 * sorted(found)[20]


def test_a_pass_on_the_device_has_hot_and_cold_series(timer):
    entrants = [("c/b", copy_call(2 ** 22)), ("c/b", copy_call(2 ** 22)), ("c/r", copy_call(2 ** 23))]
    rule = Rule(launches=1, max_rounds=27)
    payload = run_time_pass(entrants, timer, rule, 1, budget_s=10.0, clock=gpu_clock(torch))
    assert [series.cache for series in payload.series] == ["hot", "cold"]
    assert all(series.decisions["c/r"]["state"] == "slower" for series in payload.series)
