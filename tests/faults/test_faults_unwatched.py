"""A run outlives whoever watched it: a terminal that is closed, a reader of its lines that went away."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from fast_run import UNITS
from kills import FAST_RUN

from harness.progress import BarProgress, make_progress
from harness.reasons import Code
from harness.record import RecordError, load_run

WORDS = [sys.executable, FAST_RUN]


def units_of(folder):
    try:
        return len(load_run(folder).units)
    except RecordError:
        return 0


def under_way(process, folder):
    """Wait until the run has something on record."""
    while not units_of(folder) and process.poll() is None:
        time.sleep(0.01)
    return folder


@pytest.mark.parametrize("nohup, status", [(True, 0), (False, 130)])
def test_a_terminal_that_is_closed_ends_a_run_but_not_under_nohup(tmp_path, nohup, status):
    process = subprocess.Popen(WORDS + [str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) if nohup else None)
    run = under_way(process, str(tmp_path))
    process.send_signal(signal.SIGHUP)
    said = process.communicate()[0].decode()
    assert process.returncode == status, said
    run = load_run(str(tmp_path))
    assert run.ended is nohup and (run.end.reason is None if nohup else run.end.reason.code is Code.SIGNALLED)


def test_a_reader_of_its_lines_that_goes_away_costs_a_run_nothing(tmp_path):
    process = subprocess.Popen(WORDS + [str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.stdout.close()  # as "run 2>&1 | head" does
    assert process.wait() == 0
    assert load_run(str(tmp_path)).ended and units_of(str(tmp_path)) == UNITS


def test_a_terminal_with_a_bar_that_hangs_up_costs_a_detached_run_nothing(tmp_path):
    held, terminal = os.openpty()
    process = subprocess.Popen(WORDS + [str(tmp_path)], stdin=terminal, stdout=terminal, stderr=terminal,
                               env=dict(os.environ, TERM="xterm", PYTHONIOENCODING="utf-8"))
    os.close(terminal)
    under_way(process, str(tmp_path))
    shown = os.read(held, 1 << 16)
    os.close(held)  # every write to the terminal fails from now on
    assert process.wait() == 0
    assert b"\x1b[" in shown, "there was no bar"
    assert load_run(str(tmp_path)).ended and units_of(str(tmp_path)) == UNITS


def test_a_stream_without_a_reader_takes_lines_and_a_bar():
    class Gone(io.StringIO):
        encoding = "utf-8"

        def write(self, text):
            raise OSError(5, "Input/output error")

        flush = write

        def __init__(self, terminal):
            super(Gone, self).__init__()
            self.isatty = lambda: terminal

    for terminal in (False, True):
        progress = make_progress(Gone(terminal))
        assert isinstance(progress, BarProgress) is terminal
        progress.begin(2, 0, 1.0)
        progress.unit("u", 1.0)
        progress.unit_done("done", 1.0, failed=True)
        progress.note("note")
        progress.close()
