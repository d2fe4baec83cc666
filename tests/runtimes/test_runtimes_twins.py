"""One engine against itself in two workers: the lock step between processes makes no difference of nothing."""

import os
import subprocess
import sys

import pytest
from engines_here import engine_or_skip

from harness import load_run
from harness.process import worker_environment
from harness.words import State
from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = os.path.join("tests", "data", "twin_engines_suite.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnxruntime", "litert"])
def test_an_engine_against_itself_is_the_same_or_cannot_be_told_and_the_floor_holds_what_is_left(tmp_path, name):
    """How narrow it gets is the machine's doing (tests/statistics holds a recorded run); that it is none, is ours."""
    engine_or_skip(name)
    done = subprocess.run([sys.executable, "-m", "harness", "run", SUITE, "--only", name + "/*", "--budget", "60s",
                           "--threads", "1", "--no-report", "--device", "cpu", "--out", str(tmp_path / "out")],
                          cwd=ROOT, env=worker_environment({}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=LONG_S)
    assert done.returncode == 0, done.stdout.decode()
    run = load_run(str(next((tmp_path / "out").iterdir())))
    (_, verdict), = run.verdicts().items()
    assert verdict.state in (State.SAME, State.CANNOT_TELL), verdict
    assert verdict.low < 1.0 < verdict.high
