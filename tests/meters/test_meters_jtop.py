"""jtop against a stand-in client; the real server has its own lane, jtop_lane.py."""

import multiprocessing
import os
import sys

import pytest

from harness.meters import jtop, make_meter
from harness.meters.base import MeterError
from harness.meters.jtop import JtopMeter, to_reading
from tests.patience import HANG_S, PatientHandle, wait_for

STUB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stub_jtop")


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", STUB)
    monkeypatch.setattr(jtop, "PROBE_S", HANG_S)

    def set_mode(mode="", server_s=""):
        monkeypatch.setenv("FAKE_JTOP", mode)
        monkeypatch.setenv("FAKE_JTOP_SERVER_S", server_s)

    set_mode()
    return set_mode


def sample(period_s=0.02, count=3):
    meter = PatientHandle(make_meter("jtop"))
    meter.start(period_s)
    try:
        assert wait_for(lambda: len(meter.poll()) >= count)
    except MeterError:
        with pytest.raises(MeterError):
            meter.stop()
        raise
    return meter.stop()


def test_readings_come_in_our_units_with_the_input_rail_back_in_its_place(stub):
    reading = sample()[0]
    assert reading.power_w == pytest.approx({"POM_5V_IN": 2.132, "POM_5V_GPU": 0.078, "POM_5V_CPU": 0.275})
    assert reading.ram_used_bytes == 1694720 * 1024
    assert reading.temperature_c == {"CPU": 36.5} and reading.clock_hz == {"gpu": 76.8e6}


def test_every_quantity_is_available_by_a_reading(stub):
    assert all(found.available for found in JtopMeter().probe().values())


def test_importing_it_never_touches_our_own_start_method(stub):
    before = multiprocessing.get_start_method(allow_none=True)
    JtopMeter().probe()
    sample()
    assert multiprocessing.get_start_method(allow_none=True) == before
    assert "jtop" not in sys.modules


def test_a_slow_server_is_followed_instead_of_being_cut_off(stub):
    stub(server_s="1.0")
    assert len(sample(period_s=0.05, count=4)) >= 4


@pytest.mark.parametrize("mode, words", [("early-end", "stopped giving data in the middle"),
                                         ("lost", "Lost connection with jtop server")])
def test_an_early_end_is_an_error(stub, mode, words):
    stub(mode)
    with pytest.raises(MeterError, match=words):
        sample(count=100)


def test_a_stopped_service_gives_its_remedy(stub):
    stub("inactive")
    found = JtopMeter().availability()
    assert not found.available
    assert found.reason == "The jtop.service is not active"
    assert "sudo systemctl restart jtop.service" in found.remedy


def test_without_the_package_the_remedy_installs_it(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.delenv("PYTHONPATH")
    found = JtopMeter().availability()
    if found.available or "not installed" not in found.reason:
        pytest.skip("jetson-stats is installed here")
    assert "pip3 install -U jetson-stats" in found.remedy


def test_a_total_that_is_a_sum_of_overlapping_rails_is_not_taken_for_an_input():
    class Client:
        power = {"rail": {"GPU": {"power": 10}, "NC": {"power": 0}}, "tot": {"power": 10, "name": "TOT"}}
        memory = temperature = gpu = None

    reading = to_reading(Client, 1.0)
    assert reading.power_w == {"GPU": 0.01} and reading.ram_used_bytes is None and reading.clock_hz == {}


def test_another_root_is_refused(tmp_path):
    assert not JtopMeter(str(tmp_path)).availability().available
