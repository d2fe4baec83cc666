"""NVML against a stand-in library: what counts is a reading, not a start."""

import pytest
from fake_nvml import FakeNvml, fake_gpu

from harness.meters.base import MeterError
from harness.meters.nvml import NvmlMeter


def read(library, times=1):
    meter = NvmlMeter(gpu=fake_gpu(library)())
    meter.open()
    try:
        return [meter.read() for _ in range(times)]
    finally:
        meter.close()


def test_the_energy_counter_is_preferred_and_counts_from_the_first_reading():
    readings = read(FakeNvml(energy_mj=[5_000_000, 5_000_250, 5_000_900], power_mw=70000), 3)
    assert [reading.energy_j["GPU"] for reading in readings] == pytest.approx([0.0, 0.25, 0.9])
    assert readings[0].power_w == {}
    assert readings[0].temperature_c == {"GPU": 41.0} and readings[0].clock_hz == {"gpu": 1980e6}


def test_without_a_counter_instant_power_is_taken_before_the_mean():
    assert read(FakeNvml(power_mw=70000, instant_mw=90000))[0].power_w == {"GPU": 90.0}


def test_an_older_driver_gives_its_one_power_figure():
    assert read(FakeNvml(power_mw=70000))[0].power_w == {"GPU": 70.0}


def test_a_library_that_starts_but_supports_nothing_is_not_available():
    found = NvmlMeter(gpu=fake_gpu(FakeNvml())()).probe()
    assert not found["power"].available
    assert "neither energy nor power" in found["power"].reason and "ina3221" in found["power"].remedy


def test_a_counter_that_stands_at_zero_is_not_a_reading():
    assert read(FakeNvml(energy_mj=[0, 0], power_mw=70000))[0].power_w == {"GPU": 70.0}


def test_a_library_that_does_not_start_says_so():
    found = NvmlMeter(gpu=fake_gpu(FakeNvml(starts=False))()).availability()
    assert not found.available and "does not start" in found.reason and "driver" in found.remedy


def test_a_lost_gpu_is_an_error_in_the_middle():
    with pytest.raises(MeterError, match="GPU was lost"):
        read(FakeNvml(power_mw=1, lost=True))


def test_the_library_is_let_go_whatever_happens():
    library = FakeNvml()
    NvmlMeter(gpu=fake_gpu(library)()).probe()
    assert library.opened == 0


def test_another_root_is_refused_not_answered_from_the_real_machine(tmp_path):
    assert not NvmlMeter(str(tmp_path)).availability().available
