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
from harness.record import load_run


class HeldRun:
    """A run whose first worker does nothing until it is let go."""

    def __init__(self, folder, **more):
        self.folder, self._hold = str(folder / "run"), str(folder / "hold")
        open(self._hold, "w").close()
        environment = dict(os.environ, FAST_WORKER_HOLD=self._hold, TERM="xterm", PYTHONIOENCODING="utf-8")
        self.process = subprocess.Popen([sys.executable, FAST_RUN, self.folder], env=environment, **more)

    def is_under_way(self):
        while not os.path.exists(self._hold + ".reached"):
            assert self.process.poll() is None
            time.sleep(0.01)

    def ends(self):
        """Let it go; return its exit status."""
        os.remove(self._hold)
        return self.process.wait()

    def is_whole(self):
        run = load_run(self.folder)
        return run.ended and len(run.units) == UNITS


@pytest.mark.parametrize("nohup", [True, False])
def test_a_terminal_that_is_closed_ends_a_run_but_not_under_nohup(tmp_path, nohup):
    run = HeldRun(tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                  preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) if nohup else None)
    run.is_under_way()
    run.process.send_signal(signal.SIGHUP)
    if nohup:
        assert run.ends() == 0 and run.is_whole()
    else:
        assert run.process.wait() == 130 and load_run(run.folder).end.reason.code is Code.SIGNALLED


def test_a_reader_of_its_lines_that_goes_away_costs_a_run_nothing(tmp_path):
    run = HeldRun(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    run.is_under_way()
    run.process.stdout.close()  # as "run 2>&1 | head" does
    assert run.ends() == 0 and run.is_whole()


def test_a_terminal_with_a_bar_that_hangs_up_costs_a_detached_run_nothing(tmp_path):
    held, terminal = os.openpty()
    run = HeldRun(tmp_path, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    run.is_under_way()
    assert b"\x1b[" in os.read(held, 1 << 16), "there is no bar"
    os.close(held)  # every write to the terminal fails from now on
    assert run.ends() == 0 and run.is_whole()


def test_a_stream_without_a_reader_takes_lines_and_a_bar():
    class Gone(io.StringIO):
        encoding = "utf-8"

        def write(self, text=""):
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
