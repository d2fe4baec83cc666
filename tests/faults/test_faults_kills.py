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
from harness.reasons import Code
from harness.record import load_run
from harness.system.processes import start_ticks
from harness.system.strays import VARIABLE, marked, orphans
from harness.system.tree import Tree
from tests.patience import HANG_S, LONG_S, wait_for

CONTROLLER = """
import os, sys
sys.path[:0] = [{root!r}, {here!r}]
from driving import drive
drive(sys.argv[1], {{"FAULT": "hang"}}, limit_s=1800.0)
"""


def test_killed_runs_go_on_where_they_stopped():
    found = kill_and_resume(4, 7)
    assert found.tries >= 4
    assert (found.lost, found.doubled, found.left, found.refused) == (0, 0, 0, 0)


def marks_of(pid):
    prefix = "{}:{}:".format(pid, start_ticks(pid, Tree()))
    return [stray for stray in marked() if stray.mark.startswith(prefix)]


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_hung_layer_dies_with_its_controller(tmp_path, number):
    program = CONTROLLER.format(root=ROOT, here=HERE)
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, env=worker_environment({}),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = tmp_path / "record.jsonl"
    # the check is on record, so the next worker is the one that hangs
    assert wait_for(lambda: record.exists() and record.read_text().count('"pass":"verify"'), LONG_S)
    assert wait_for(lambda: marks_of(process.pid))
    prefix = "{}:".format(process.pid)
    time.sleep(1.0)
    process.send_signal(number)
    process.wait()
    assert wait_for(lambda: not [stray for stray in marked() if stray.mark.startswith(prefix)])


def test_what_a_killed_run_left_is_found_by_the_next():
    mark = "999999999:1:abcd"  # of a controller that is no more
    started = []

    def is_found():
        # A run that another program starts here meanwhile finds it too, and ends it as it should.
        if not started or started[-1].poll() == -signal.SIGKILL:
            started.append(subprocess.Popen(["sleep", "600"], start_new_session=True,
                                            env=dict(os.environ, **{VARIABLE: mark})))
        return started[-1].pid in [stray.pid for stray in orphans()]

    try:
        assert wait_for(is_found)
    finally:
        started[-1].kill()
        started[-1].wait()


@pytest.mark.slow
def test_sigterm_ends_a_hung_run_in_order_and_says_how_to_go_on(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", os.path.join(HERE, "faulty_suite.py"), "--quick", "--no-report",
         "--threads", "1", "--out", str(tmp_path)], cwd=ROOT, env=worker_environment({"FAULT": "hang"}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert wait_for(lambda: any('"verify"' in one.read_text().split("\n", 1)[1]
                                for one in tmp_path.glob("*/record.jsonl") if one.stat().st_size), LONG_S)
    assert wait_for(lambda: marks_of(process.pid))
    time.sleep(1.0)
    prefix = "{}:".format(process.pid)
    process.send_signal(signal.SIGTERM)
    text = process.communicate(timeout=HANG_S)[0].decode("utf-8", "replace")  # the layer sleeps for ten minutes
    assert process.returncode == 128 + signal.SIGTERM and "--resume" in text and "Traceback" not in text, text
    run = load_run(str(next(tmp_path.iterdir())))
    assert run.end.reason.code is Code.SIGNALLED and not run.damage.lines
    assert wait_for(lambda: not [stray for stray in marked() if stray.mark.startswith(prefix)])
