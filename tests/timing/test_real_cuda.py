"""The CUDA timer on a real device; skipped where torch sees none."""

import pytest

from harness.passes.time import run_time_pass
from harness.statistics.rule import Rule
from harness.timing.clock_readers import gpu_clock

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
    seconds, enqueue_s = min(hot.sample(call, 5) for _ in range(10))
    assert seconds < enqueue_s


def test_a_pass_on_the_device_has_hot_and_cold_series(timer):
    entrants = [("c/b", copy_call(2 ** 22)), ("c/b", copy_call(2 ** 22)), ("c/r", copy_call(2 ** 23))]
    rule = Rule(launches=1, max_rounds=27)
    payload = run_time_pass(entrants, timer, rule, 1, budget_s=10.0, clock=gpu_clock(torch))
    assert [series["cache"] for series in payload["series"]] == ["hot", "cold"]
    assert all(series["decisions"]["c/r"]["state"] == "slower" for series in payload["series"])
