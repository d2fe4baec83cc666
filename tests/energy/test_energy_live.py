"""The energy pass with nothing simulated but the sensor's files: real clock, real sampler process."""

import os
import random
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards

from harness.energy.loop import Clock
from harness.meters import make_meter
from harness.passes.energy import EnergySettings, run_energy_pass
from tests.patience import PatientHandle

PERIOD_S = 0.03
QUICK = EnergySettings(window_s=0.1, least_fresh=12, looks=(4,), limit_s=60.0, idle_s=0.8, settle_s=0.2, warmup_s=0.2,
                       cost_s=0.1, batch_s=0.05, period_s=PERIOD_S, lag_s=0.0)


class Meter(PatientHandle):
    """Remembers what it read."""

    def __init__(self, root):
        super(Meter, self).__init__(make_meter("ina3221", str(root)))
        self.times_s = []

    def stop(self):
        readings = super(Meter, self).stop()
        self.times_s = [reading.time_s for reading in readings]
        return readings

    def blind_s(self, changes_s):
        """The longest time without a reading in which the power changed."""
        return max([later - earlier for earlier, later in zip(self.times_s, self.times_s[1:])
                    if any(earlier <= change_s <= later for change_s in changes_s)], default=0.0)


class Board:
    """A fake Nano whose input rail shows 6 W from a call on, and 2 W once who measures goes to rest."""

    def __init__(self, root):
        self.file = os.path.join(fake_boards.nano(root), fake_boards.NANO_INA.lstrip("/"), "in_power0_input")
        self.coin = random.Random(1)
        self.clock = Clock(time.monotonic, self.rest)
        self.shown, self.changes_s = None, []

    def show(self, milliwatts):
        if milliwatts != self.shown:
            self.shown = milliwatts
            self.changes_s.append(time.monotonic())
        with open(self.file, "rb+") as target:  # in place: the meter holds the file open, as it does in sysfs
            target.write(str(milliwatts + self.coin.randint(-20, 20)).encode("ascii"))

    def call(self):
        self.show(6000)
        time.sleep(0.002)

    def rest(self, seconds):
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            self.show(2000)
            time.sleep(0.004)


def test_a_board_that_draws_four_watts_more_is_measured_to_draw_four_watts_more(tmp_path):
    board = Board(str(tmp_path))
    for _ in range(20):
        meter = Meter(tmp_path)
        payload = run_energy_pass([("one", board.call)], lambda: None, meter, board.clock, QUICK)["one"]
        # When the power changed is known to a period only while the sampler gets the processor. Where the machine
        # kept it away for long, which the readings' own stamps tell, the pass says nothing of the arithmetic.
        if meter.blind_s(board.changes_s) < 5 * PERIOD_S:
            break
    assert payload["reason"] is None, payload["reason"]
    assert payload["meter"] == "ina3221" and payload["rail"] == "POM_5V_IN"
    assert payload["idle_before_w"] == pytest.approx(2.0, abs=0.1)
    assert payload["idle_after_w"] == pytest.approx(2.0, abs=0.1)
    per_call_s = payload["window_s"] / payload["calls"]
    assert payload["energy_above_idle_per_call_j"] == pytest.approx(4.0 * per_call_s, rel=0.05)
    assert payload["traces"]["temperature_c"][0] == 39.5 and payload["traces"]["clock_hz"][0] == 76800000
    cost = payload["sampling_cost"]
    assert cost["call_s_with"] == pytest.approx(per_call_s) and cost["call_s_without"] > 0.002
    assert cost["ratio"] == pytest.approx(cost["call_s_with"] / cost["call_s_without"])


def test_a_sampler_killed_in_the_middle_voids_the_figure_and_the_pass_goes_on(tmp_path):
    board, meter = Board(str(tmp_path)), Meter(tmp_path)

    def kill_in_the_load(phase, done_s, total_s):
        if phase == "load":
            os.kill(meter.pid, 9)

    payload = run_energy_pass([("one", board.call)], lambda: None, meter, board.clock, QUICK,
                              report=kill_in_the_load)["one"]
    assert payload["energy_per_call_j"] is None and "died while measuring" in payload["reason"]["said"]
    assert payload["phases"][-1]["name"] == "unmetered"
