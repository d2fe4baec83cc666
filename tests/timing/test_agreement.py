"""The comparison with torch's own timer, on a fake clock."""

import random
import subprocess
import sys

import pytest
from fake_clock import FakeClock

from harness.statistics.signed_rank import Interval
from harness.timing.cpu_timer import CpuSampler
from suites.agreement import Agreement, compare


def agreement(ratio_of_theirs, spread=0.0):
    clock = FakeClock()
    call = clock.noisy(1e-3, spread)

    def theirs(calls):
        start = clock.time_s
        for _ in range(calls):
            call()
        return (clock.time_s - start) / calls * ratio_of_theirs

    return compare("op", call, CpuSampler(clock.now), theirs, 2, random.Random(1), 5.0, clock.now)


def test_two_ways_that_agree_show_a_ratio_of_one_and_stop_early():
    found = agreement(1.0)
    assert found.ratio == pytest.approx(1.0)
    assert found.rounds == 12
    assert found.exit_code(0.03) == 0


def test_a_disagreement_beyond_the_tolerance_is_an_error():
    found = agreement(1.05, spread=0.01)
    assert found.ratio == pytest.approx(1.0 / 1.05, rel=0.01)
    assert found.exit_code(0.03) == 1


def test_a_busy_machine_is_told_from_a_disagreement():
    assert Agreement("op", 1.0, 1.0, Interval(0.05, -0.10, 0.20), 12).exit_code(0.03) == 2
    assert Agreement("op", 1.0, 1.0, Interval(0.01, -0.10, 0.20), 12).exit_code(0.03) == 0


def test_its_help_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; from suites.agreement import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0
    assert "--seconds" in done.stdout
