"""The roof of a roofline: as high as the device goes, for each type, and honest about what it does not do."""

import itertools
import time

import pytest
import torch

from harness.timing.cpu_timer import CpuSampler
from harness.timing.sampler import Sample, Sampler
from suites import roof
from suites.kernels.fastest import hot_sampler

QUICK = roof.Limits(warm_s=0.02, sample_s=2e-3, turns=3, call_s=0.05, first_side=128, last_side=512)
PEAK = 60e12


class Gpu(Sampler):
    """A device whose clock ramps up under load and which large products alone fill: ``PEAK`` at ``full`` and above.

    A call costs its launch where the sampler takes too few of them for its resolution.
    """

    def __init__(self, full=4096, cold=345.0 / 1980.0, ramp_s=0.3):
        self.full, self.cold, self.ramp_s, self.busy_s, self.calls = full, cold, ramp_s, 0.0, 0

    def product(self, side):
        work = 2.0 * side ** 3
        filled = min((side / self.full) ** 2, 1.0)
        return (lambda: work / (PEAK * filled)), work

    def sample(self, call, calls):
        clock = self.cold + (1.0 - self.cold) * min(self.busy_s / self.ramp_s, 1.0)
        seconds = calls * call() / clock + 5e-6
        self.busy_s += seconds
        self.calls += calls
        return Sample(seconds)


@pytest.mark.parametrize("full", [300, 1024, 4096, 8192])
def test_the_product_grows_until_it_fills_the_device_and_the_clock_is_up(full):
    device = Gpu(full)
    found = roof.grown(device.product, device, roof.Limits())
    assert 0.99 * PEAK < found.per_s <= PEAK and found.side >= full
    assert device.busy_s < 5.0


def test_the_side_of_a_thousand_timed_once_would_have_been_far_too_low():
    device = Gpu()
    call, work = device.product(1024)
    device.sample(call, 1)
    assert work / device.sample(call, 1).seconds < 0.1 * PEAK


def test_a_slow_device_is_not_kept_busy_for_minutes():
    device, slow = Gpu(full=1), 2000.0
    found = roof.grown(lambda side: (lambda: slow * device.product(side)[0](), device.product(side)[1]), device,
                       roof.Limits())
    assert found.per_s == pytest.approx(PEAK / slow, rel=0.01) and device.busy_s < 10.0


def test_matrices_stay_within_the_memory_there_is():
    device, asked = Gpu(8192), []
    roof.grown(lambda side: asked.append(side) or device.product(side), device, roof.Limits(),
               roof.side_that_fits(3 * 4 * 1024 ** 2, 4))
    assert max(asked) == 1024


def test_running_out_of_memory_ends_the_growth_and_not_the_measurement():
    device = Gpu(8192)

    def make(side):
        if side > 2048:
            raise RuntimeError("CUDA out of memory")
        return device.product(side)

    assert roof.grown(make, device, roof.Limits()).side == 2048


@pytest.fixture
def small_copy(monkeypatch):
    monkeypatch.setattr(roof, "COPY_BYTES", 1 << 20)


def test_every_type_has_a_rate_or_a_reason_and_the_old_keys_stay(small_copy):
    found = roof.measure("cpu", 1, limits=QUICK)
    assert set(found["flops_per_s_by_dtype"]) == set(found["flops_by_dtype"]) == set(roof.TYPES)
    for name, value in found["flops_per_s_by_dtype"].items():
        assert (value is None) == (name in found["flops_per_s_by_dtype_reason"]), name
        assert value is None or (value > 1e6 and found["flops_by_dtype"][name])
    assert found["flops_per_s"] == found["flops_per_s_by_dtype"]["float32"] > 1e8 and found["bytes_per_s"] > 1e8
    assert "capability 8.0" in found["flops_per_s_by_dtype_reason"]["tf32"]
    assert found["flops_by"] in ("torch.mm", "1x1 convolution", "multiply-add loop")
    assert found["bytes_by"] in ("torch copy", "copy past the caches")


def test_only_the_types_that_a_run_holds_are_measured_beside_float32(small_copy):
    found = roof.measure("cpu", 1, ("int8", "float32"), QUICK._replace(last_side=256))
    assert list(found["flops_per_s_by_dtype"]) == ["float32", "int8"]
    assert found["flops_by_dtype"]["int8"] == "int8 1x1 convolution" or found["flops_per_s_by_dtype_reason"]["int8"]


def test_a_type_that_nobody_knows_has_a_reason(small_copy):
    found = roof.measure("cpu", 1, ("float4",), QUICK._replace(last_side=128))
    assert found["flops_per_s_by_dtype"]["float4"] is None
    assert "'float4'" in found["flops_per_s_by_dtype_reason"]["float4"]


def test_a_type_torch_refuses_is_none_with_torchs_own_words(small_copy, monkeypatch):
    real = roof.arithmetic

    def refusing(device, name, sampler, limits):
        if name == "bfloat16":
            raise RuntimeError("not implemented for 'BFloat16'\nand a trace")
        return itertools.islice(real(device, name, sampler, limits), 1)

    monkeypatch.setattr(roof, "arithmetic", refusing)
    found = roof.measure("cpu", 1, limits=QUICK._replace(last_side=128))
    assert found["flops_per_s_by_dtype"]["bfloat16"] is None
    assert found["flops_per_s_by_dtype_reason"]["bfloat16"] == "not implemented for 'BFloat16'"


def test_no_large_product_beside_it_lies_above_the_roof(small_copy, monkeypatch):
    # By the processor's time: what other programs take of the wall's would be in the one or in the other.
    sampler, side = CpuSampler(time.process_time), 768
    monkeypatch.setattr(roof, "hot_sampler", lambda device: sampler)
    a, b = torch.randn(side, side), torch.randn(side, side)
    torch.set_num_threads(1)

    def beside():
        return max(2.0 * side ** 3 / sampler.sample(lambda: torch.mm(a, b), 1).seconds for _ in range(5))

    shares = []
    while not shares or shares[-1] <= 0.85 and len(shares) < 10:
        before = beside()
        found = roof.measure("cpu", 1, ("float32",), QUICK._replace(last_side=1024, call_s=0.2))["flops_per_s"]
        shares.append(found / min(before, beside()))  # neighbours on the core come and go; a low roof is always low
    assert shares[-1] > 0.85, shares


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_on_a_device_lower_precision_is_no_slower_and_a_large_product_stays_below():
    found = roof.measure("cuda", 1)
    rates = found["flops_per_s_by_dtype"]
    if rates["tf32"]:
        assert rates["tf32"] >= 0.95 * rates["float32"] and rates["bfloat16"] >= 0.95 * rates["tf32"]
    a, b = (torch.randn(4096, 4096, device="cuda") for _ in range(2))
    sampler = hot_sampler("cuda")
    sampler.sample(lambda: torch.mm(a, b), 3)
    assert 2.0 * 4096 ** 3 * 10 / sampler.sample(lambda: torch.mm(a, b), 10).seconds < 1.05 * found["flops_per_s"]
