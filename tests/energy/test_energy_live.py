"""The energy pass with nothing simulated but the sensor's files: real clock, real sampler process."""

import os
import random
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards

from harness.meters import MeterHandle, make_meter
from harness.passes.energy import EnergySettings, run_energy_pass

QUICK = EnergySettings(window_s=0.1, least_fresh=12, looks=(8,), limit_s=6.0, idle_s=0.8, settle_s=0.2, warmup_s=0.2,
                       cost_s=0.1, batch_s=0.05, period_s=0.03)


def nano_meter(root):
    return MeterHandle(make_meter("ina3221", str(root)))


class Board:
    """A fake Nano whose input rail rises from 2 W to 6 W while it is being called."""

    def __init__(self, root):
        self.file = os.path.join(fake_boards.nano(root), fake_boards.NANO_INA.lstrip("/"), "in_power0_input")
        self.called_s = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._measure, daemon=True)

    def call(self):
        self.called_s = time.monotonic()
        time.sleep(0.002)

    def _measure(self):
        coin = random.Random(1)
        while not self.ended.wait(0.004):
            busy = time.monotonic() - self.called_s < 0.05
            with open(self.file + ".new", "w") as file:
                file.write(str((6000 if busy else 2000) + coin.randint(-20, 20)))
            # In place: the meter holds the file open, as it does in sysfs.
            with open(self.file + ".new", "rb") as source, open(self.file, "rb+") as target:
                target.write(source.read())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()


def test_a_board_that_draws_four_watts_more_is_measured_to_draw_four_watts_more(tmp_path):
    with Board(str(tmp_path)) as board:
        payload = run_energy_pass([("one", board.call)], lambda: None, nano_meter(tmp_path), settings=QUICK)["one"]
    assert payload["reason"] is None, payload["reason"]
    assert payload["meter"] == "ina3221" and payload["rail"] == "POM_5V_IN"
    assert payload["idle_before_w"] == pytest.approx(2.0, abs=0.1)
    assert payload["idle_after_w"] == pytest.approx(2.0, abs=0.3)  # the board of a busy machine comes to rest late
    per_call_s = payload["window_s"] / payload["calls"]
    assert payload["energy_above_idle_per_call_j"] == pytest.approx(4.0 * per_call_s, rel=0.05)
    assert payload["traces"]["temperature_c"][0] == 39.5 and payload["traces"]["clock_hz"][0] == 76800000
    assert payload["sampling_cost"]["ratio"] == pytest.approx(1.0, abs=0.5)


def test_a_sampler_killed_in_the_middle_voids_the_figure_and_the_pass_goes_on(tmp_path):
    meter = nano_meter(tmp_path)

    def kill_in_the_load(phase, done_s, total_s):
        if phase == "load":
            os.kill(meter.pid, 9)

    with Board(str(tmp_path)) as board:
        payload = run_energy_pass([("one", board.call)], lambda: None, meter, settings=QUICK,
                                  report=kill_in_the_load)["one"]
    assert payload["energy_per_call_j"] is None and "died while measuring" in payload["reason"]["said"]
    assert payload["phases"][-1]["name"] == "unmetered"
