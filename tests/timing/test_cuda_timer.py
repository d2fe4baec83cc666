"""Every CUDA path, on a fake device."""

import random

import pytest
from fake_cuda import FakeCuda, ramp

from harness.record import LaunchLine
from harness.rule import Rule
from harness.statistics.codes import FlagCode
from harness.statistics.verdict import verdicts
from harness.timing.cuda_timer import CudaTimer
from harness.timing.engine import run_time_pass
from harness.timing.l2_cache import FALLBACK_L2_BYTES, FlushSize, flush_size, l2_bytes_from_driver
from harness.words import Status

MIB = 2 ** 20


def between(log, start, end):
    """The parts of the log inside each event pair."""
    inside, found = None, []
    for what in log:
        if what == "event":
            if inside is None:
                inside = []
            else:
                found.append(inside)
                inside = None
        elif inside is not None:
            inside.append(what)
    return found


def timer_and_log(**options):
    machine = FakeCuda(**options)
    timer = CudaTimer(machine, machine.now)
    del machine.log[:]
    return machine, timer


def test_hot_time_is_the_devices_and_enqueue_time_the_hosts():
    machine, timer = timer_and_log()
    hot = timer.samplers[0]
    call = machine.kernel("k", 1e-3)
    hot.sample(call, 1)
    found = hot.sample(call, 10)
    assert found.seconds == pytest.approx(10e-3)
    assert found.enqueue_s == pytest.approx(10 * machine.launch_s)


def test_nothing_but_the_calls_lies_inside_a_pair():
    machine, timer = timer_and_log()
    for sampler in timer.samplers:
        sampler.sample(machine.kernel("k", 1e-4), 20)
    pairs = between(machine.log, "event", "event")
    assert len(pairs) == 1 + 20
    assert all(set(pair) == {"k"} for pair in pairs)


def test_a_cold_sample_is_the_sum_of_calls_each_after_a_flush():
    machine, timer = timer_and_log()
    hot, cold = timer.samplers
    call = machine.kernel("k", hot_s=1e-4, cold_s=3e-4)
    hot.sample(call, 1)
    assert hot.sample(call, 5)[0] == pytest.approx(5e-4)
    del machine.log[:]
    found = cold.sample(call, 5)
    assert found.seconds == pytest.approx(15e-4)
    assert found.enqueue_s == pytest.approx(5 * machine.launch_s)
    assert machine.log.count("flush") == 5


def test_cold_calls_are_synchronised_in_batches_and_only_between_pairs():
    machine, timer = timer_and_log()
    timer.samplers[1].sample(machine.kernel("k", 1e-5), 40)
    assert machine.log.count("sync") == 3
    assert all("sync" not in pair for pair in between(machine.log, "event", "event"))


def launch_bound(machine):
    """Eight small kernels a call: 40 us to launch, 8 us to run."""
    parts = [machine.kernel("part", 1e-6) for _ in range(8)]

    def call():
        for part in parts:
            part()
    return call


def test_a_gpu_sleep_hides_the_gaps_between_launches_and_each_sample_says_so():
    machine, timer = timer_and_log()
    for sampler in timer.samplers:
        call = launch_bound(machine)
        assert sampler.sample(call, 1).hidden is False  # nothing is known of the call yet
        found = sampler.sample(call, 10)
        assert found.seconds == pytest.approx(80e-6, rel=1e-6)
        assert found.enqueue_s == pytest.approx(400e-6)
        assert found.hidden is True


@pytest.mark.parametrize("idle_hz, full_hz", [(345e6, 1980e6), (77e6, 922e6)])
def test_the_sleep_is_long_enough_though_the_clock_ramps_up_under_load(idle_hz, full_hz):
    machine, timer = timer_and_log(clock=ramp(idle_hz, full_hz))
    assert timer.describe().sleep_cycles_per_s == pytest.approx(full_hz, rel=1e-6)
    assert timer.describe().sleep_settled is True
    for sampler in timer.samplers:
        call = launch_bound(machine)
        sampler.sample(call, 1)
        found = sampler.sample(call, 10)
        assert found.hidden is True and found.seconds == pytest.approx(80e-6, rel=1e-6)


def test_a_clock_that_rises_later_is_noticed_and_outlasted():
    clock = {"hz": 1e9}
    machine, timer = timer_and_log(clock=lambda busy_s: clock["hz"])
    hot, call = timer.samplers[0], launch_bound(machine)
    hot.sample(call, 10)
    clock["hz"] = 6e9
    found = [hot.sample(call, 10) for _ in range(10)]
    assert found[0].hidden is False and found[0].seconds > 160e-6
    assert all(one.hidden and one.seconds == pytest.approx(80e-6, rel=1e-6) for one in found[6:])


def test_a_clock_that_never_stands_still_ends_the_probing_and_is_said():
    draw = random.Random(1)
    machine, timer = timer_and_log(clock=lambda busy_s: 1e9 * (1.0 + 0.5 * draw.random()))
    assert timer.describe().sleep_settled is False
    assert timer.describe().sleep_cycles_per_s == pytest.approx(1.5e9, rel=0.01)
    assert machine.now() < 3.0


def test_a_call_that_waits_for_the_device_is_never_called_hidden_and_soon_not_slept_for():
    machine, timer = timer_and_log()
    kernel = machine.kernel("k", 1e-5)

    def call():
        kernel()
        machine.synchronize()

    found = [timer.samplers[0].sample(call, 5) for _ in range(20)]
    assert not any(one.hidden for one in found)
    del machine.log[:]
    timer.samplers[0].sample(call, 5)
    assert "sleep" not in machine.log


def test_one_late_sample_in_between_lengthens_no_sleep():
    machine, timer = timer_and_log()
    hot, late = timer.samplers[0], [0.0]
    kernel = machine.kernel("k", 1e-6)

    def call():
        machine.host_s += late[0]
        kernel()

    hot.sample(call, 10)
    for _ in range(30):
        late[0] = 1e-3
        assert hot.sample(call, 10).hidden is False
        late[0] = 0.0
        assert hot.sample(call, 10).hidden is True
    before = machine.busy_s
    hot.sample(call, 10)
    assert machine.busy_s - before < 200e-6


def test_without_the_gpu_sleep_the_gaps_are_timed_and_the_timer_and_every_sample_say_so():
    machine, timer = timer_and_log(sleep=False)
    call = launch_bound(machine)
    found = [timer.samplers[0].sample(call, 10) for _ in range(3)]
    assert all(one.seconds > 390e-6 and one.hidden is False for one in found)
    assert timer.describe().sleep_cycles_per_s is None
    assert "cuda._sleep" in timer.describe().sleep_cycles_per_s_reason


def test_the_flush_leaves_no_dirty_lines_for_the_next_call_to_write_back():
    machine, timer = timer_and_log(l2_bytes=100 * MIB)
    cold, call = timer.samplers[1], machine.kernel("k", hot_s=1e-5, cold_s=2e-5)
    cold.sample(call, 1)
    assert cold.sample(call, 4).seconds == pytest.approx(8e-5)
    machine.zeros(200 * MIB // 4, "float32", "cuda").zero_()  # what a flush by writing would do
    start, end = (machine.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    machine.synchronize()
    assert start.elapsed_time(end) > 0.1


def test_the_sleep_is_bounded_even_where_enqueuing_takes_seconds():
    machine, timer = timer_and_log(launch_s=0.5)
    call = machine.kernel("k", 1e-6)
    timer.samplers[0].sample(call, 1)
    before = machine.stream_s
    timer.samplers[0].sample(call, 1)
    assert machine.stream_s - before < 0.5 + 0.03


def test_the_flush_is_twice_the_l2_that_torch_reports():
    machine, timer = timer_and_log(l2_bytes=50 * MIB)
    assert timer.flush_size == FlushSize(100 * MIB, 50 * MIB, "torch device property")
    assert timer.describe().flush_bytes == 100 * MIB


class FakeDriver:
    def __init__(self, value=0, failing=None):
        self.value, self.failing = value, failing

    def cuInit(self, flags):  # noqa: N802 - the driver's own names
        return 1 if self.failing == "cuInit" else 0

    def cuDeviceGet(self, device, index):  # noqa: N802
        device._obj.value = index
        return 1 if self.failing == "cuDeviceGet" else 0

    def cuDeviceGetAttribute(self, size, attribute, device):  # noqa: N802
        assert attribute == 38
        size._obj.value = self.value
        return 1 if self.failing == "cuDeviceGetAttribute" else 0


def test_on_old_torch_the_driver_is_asked_for_the_l2():
    assert l2_bytes_from_driver(0, lambda name: FakeDriver(262144)) == (262144, "CUDA driver attribute")
    size = flush_size(FakeCuda(l2_bytes=None), 0, lambda index: (262144, "CUDA driver attribute"))
    assert size == FlushSize(1 * MIB, 262144, "CUDA driver attribute")


@pytest.mark.parametrize("failing", ["cuInit", "cuDeviceGet", "cuDeviceGetAttribute"])
def test_a_driver_that_refuses_is_named_as_the_reason(failing):
    value, reason = l2_bytes_from_driver(0, lambda name: FakeDriver(1, failing))
    assert value is None
    assert failing in reason


def test_without_any_answer_the_fallback_is_stated():
    def missing(name):
        raise OSError("no such file")

    assert l2_bytes_from_driver(0, lambda name: FakeDriver(0))[0] is None
    size = flush_size(FakeCuda(l2_bytes=None), 0, lambda index: l2_bytes_from_driver(index, missing))
    assert (size.flush_bytes, size.l2_bytes) == (FALLBACK_L2_BYTES, None)
    assert "fallback" in size.source
    assert "no such file" in size.source


def test_no_device_is_refused_with_the_remedy():
    with pytest.raises(RuntimeError, match="choose the CPU"):
        CudaTimer(FakeCuda(available=False))


def test_a_whole_pass_yields_hot_and_cold_series_with_enqueue_times():
    machine, timer = timer_and_log()
    base, rival = machine.kernel("b", 1e-4, 2e-4), machine.kernel("r", 2e-4, 2e-4)
    entrants = [("c/b", base), ("c/b", machine.kernel("b2", 1e-4, 2e-4)), ("c/r", rival)]
    rule = Rule(launches=1, budget_s=1.0)
    payload = run_time_pass(entrants, timer, rule, 1)
    assert [series.cache for series in payload.series] == ["hot", "cold"]
    assert payload.timer.name == "cuda_event"
    hot, cold = verdicts([LaunchLine("c", 1, Status.OK, series=payload.series, timer=payload.timer)], rule)
    assert (hot.state, cold.state) == ("slower", "same")
    assert hot.speed == pytest.approx(0.5)
    rounds = [played for series in payload.series for played in series.rounds]
    assert all(len(played.enqueue_s) == 6 and played.hidden == (True,) * 6 for played in rounds)
    assert hot.flags == ()


def test_the_budget_counts_flushes_and_waiting_not_only_the_timed_part():
    machine, timer = timer_and_log(l2_bytes=500 * MIB)  # a flush takes 1 ms here, a call 0.1 ms
    entrants = [(name, machine.kernel(str(index), 1e-4)) for index, name in enumerate(("c/b", "c/b", "c/r"))]
    wobble = iter([1e-4 * (1.02 + 0.05 * (-1) ** (i // 7 + i)) for i in range(10 ** 6)])
    entrants[2] = ("c/r", lambda: machine.kernel("r", next(wobble))())
    before = machine.now()
    series = run_time_pass(entrants, timer, Rule(), 1, budget_s=4.0).series
    assert series[1].planned_round_s > 5 * sum(series[1].rounds[0].sample_s)
    assert machine.now() - before < 4.0 + 4.0


def test_a_launch_bound_rival_is_flagged_though_its_device_time_is_measured():
    machine, timer = timer_and_log()
    base = machine.kernel("b", 1e-4)
    rule = Rule(launches=1, budget_s=1.0)
    payload = run_time_pass([("c/b", base), ("c/b", machine.kernel("b2", 1e-4)), ("c/r", launch_bound(machine))],
                            timer, rule, 1)
    verdict = verdicts([LaunchLine("c", 1, Status.OK, series=payload.series, timer=payload.timer)], rule)[0]
    assert verdict.times.median_s == pytest.approx(8e-6, rel=0.01)
    assert [flag.code for flag in verdict.flags] == [FlagCode.LAUNCH_BOUND]
    assert verdict.flags[0].numbers["rival_share"] == pytest.approx(5.0, rel=0.01)
