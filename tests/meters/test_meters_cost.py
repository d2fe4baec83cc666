"""The cost of sampling is measured on the process that samples."""

import subprocess
import sys

import pytest

from harness.meters import cost
from harness.system.processes import cpu_seconds
from harness.system.tree import Tree
from tests.patience import PatientHandle, wait_for

COMPUTES_AND_WAITS = """
import time
while time.process_time() < 0.5: pass
print(time.process_time(), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(cost, "MeterHandle", PatientHandle)


def test_a_process_is_charged_what_it_computed_and_not_for_how_long_it_waited():
    child = subprocess.Popen([sys.executable, "-c", COMPUTES_AND_WAITS], stdout=subprocess.PIPE)
    try:
        own_s = float(child.stdout.readline())  # by its own clock; beyond it what Python's start took of the kernel
        assert own_s - 0.02 < cpu_seconds(child.pid, Tree()) < own_s + 0.1
    finally:
        child.kill()
        child.communicate()


def test_ten_readings_a_second_cost_little_and_are_no_more_than_that(tmp_path):
    cost.make_fake_nano(str(tmp_path))
    measured = []

    def has_read():  # where the machine gave the meter no turn in all that time there is nothing to judge
        measured[:] = [cost.measure_cost("ina3221", str(tmp_path), 0.1, 0.8)]
        return measured[0].readings_per_s > 0

    assert wait_for(has_read)
    found, = measured
    assert found.readings_per_s <= 10 + 2 / 0.8  # fewer on a busy machine: the pace has a test of its own
    assert 0 < found.share_of_core < 0.05  # about 0.003 on an idle machine; loose, for a busy one


def test_the_answer_is_one_sentence_with_the_share(capsys):
    assert cost.main(["--seconds", "0.3", "--meter", "proc"]) == 0
    assert "% of one core at" in capsys.readouterr().out


def test_a_meter_that_is_not_here_gives_its_reason(capsys):
    assert cost.main(["--seconds", "0.3", "--meter", "wattmeter"]) == 1
    assert "choose one of" in capsys.readouterr().out
