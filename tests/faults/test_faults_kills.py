"""A run that is killed at any moment loses nothing that was on record, doubles nothing and leaves nobody behind."""

import os
import signal
import subprocess
import sys
import time

import pytest
from fast_run import HERE, ROOT
from kills import kill_and_resume

from harness.process import worker_environment
from harness.system.processes import start_ticks
from harness.system.strays import VARIABLE, marked, orphans
from harness.system.tree import Tree

CONTROLLER = """
import os, sys
sys.path[:0] = [{root!r}, {here!r}]
from driving import drive
drive(sys.argv[1], {{"FAULT": "hang"}}, limit_s=300.0)
"""


def test_killed_runs_go_on_where_they_stopped():
    found = kill_and_resume(4, 7)
    assert found.tries >= 4
    assert (found.lost, found.doubled, found.left, found.refused) == (0, 0, 0, 0)


def marks_of(pid):
    prefix = "{}:{}:".format(pid, start_ticks(pid, Tree()))
    return [stray for stray in marked() if stray.mark.startswith(prefix)]


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_hung_layer_dies_with_its_controller(tmp_path, number):
    program = CONTROLLER.format(root=ROOT, here=HERE)
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, env=worker_environment({}),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = tmp_path / "record.jsonl"
    # the check is on record, so the next worker is the one that hangs
    assert wait_for(lambda: record.exists() and record.read_text().count('"pass":"verify"'), 120.0)
    assert wait_for(lambda: marks_of(process.pid), 30.0)
    prefix = "{}:".format(process.pid)
    time.sleep(1.0)
    process.send_signal(number)
    process.wait()
    assert wait_for(lambda: not [stray for stray in marked() if stray.mark.startswith(prefix)], 5.0)


def test_what_a_killed_run_left_is_found_by_the_next():
    mark = "999999999:1:abcd"  # of a controller that is no more
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True,
                               env=dict(os.environ, **{VARIABLE: mark}))
    try:
        assert wait_for(lambda: process.pid in [stray.pid for stray in orphans()], 10.0)
    finally:
        process.kill()
        process.wait()
