"""Many runs are read by every core: answers in order, no wait for a process that is gone, Ctrl-C ends them all."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from patience import wait_for

from harness.record import RecordError
from reports.compare_progress import CLEAR, PATIENCE_S, counted
from reports.compare_workers import LEAST_A_WORKER, each_run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATHS = ["run{}".format(number) for number in range(5 * LEAST_A_WORKER)]


def named(path):
    return path, os.getpid()


def slowest_first(path):
    time.sleep(0.05 if path in PATHS[:2] else 0.0)
    return path


def unreadable(path):
    if path in PATHS[17:]:
        raise RecordError("{} holds no record".format(path))
    return path


def killed(at, path):
    if path == PATHS[at]:
        os.kill(os.getpid(), signal.SIGKILL)
    return path


@pytest.mark.parametrize("cores, processes", [(1, 1), (2, 2), (64, 5)])
def test_every_core_reads_as_far_as_there_are_runs_and_the_answers_keep_their_order(cores, processes):
    found = list(each_run(named, PATHS, cores))
    assert [path for path, _ in found] == PATHS and len({process for _, process in found}) == processes


def test_a_few_runs_are_read_here():
    assert {process for _, process in each_run(named, PATHS[:2 * LEAST_A_WORKER - 1], 2)} == {os.getpid()}


def test_the_order_is_that_of_the_runs_whoever_is_done_first():
    assert list(each_run(slowest_first, PATHS, 4)) == PATHS


@pytest.mark.parametrize("cores", [1, 2])
def test_the_first_run_that_cannot_be_read_is_the_error(cores):
    found = each_run(unreadable, PATHS, cores)
    assert [next(found) for _ in range(17)] == PATHS[:17]
    with pytest.raises(RecordError, match="^run17 holds no record$"):
        next(found)


@pytest.mark.parametrize("at", [20, 21], ids=["the first", "the last"])
def test_a_process_that_was_killed_is_an_error_that_says_so_and_no_wait(at):
    with pytest.raises(RecordError, match="killed, or the memory did not suffice"):
        list(each_run(partial(killed, at), PATHS, 2))


ANSWERED = """
import multiprocessing, sys
from tests_of_workers import PATHS, named
from reports.compare_workers import each_run

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    assert [path for path, _ in each_run(named, PATHS, 2)] == PATHS
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_may_be_started_in_any_way(method, tmp_path):
    (tmp_path / "tests_of_workers.py").write_text(
        "import os\nPATHS = {!r}\n\n\ndef named(path):\n    return path, os.getpid()\n".format(PATHS))
    (tmp_path / "main.py").write_text(ANSWERED)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([ROOT, str(tmp_path)]))
    assert subprocess.call([sys.executable, str(tmp_path / "main.py"), method], env=environment) == 0


READING = """
import os, sys, time
from reports import compare
from reports.compare_workers import each_run

def read(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep({})
    return "x" * 10 ** 6

compare.answer = lambda arguments, summaries: [time.sleep(600) for _ in each_run(read, arguments.runs, 2)]
sys.exit(compare.main(sys.argv[1:]))
"""


def reading(folder, seconds):
    """Start a comparison whose processes read one run in so many seconds; return it once they do, and their ids."""
    paths = [os.path.join(str(folder), path) for path in PATHS]
    found = subprocess.Popen([sys.executable, "-c", READING.format(seconds)] + paths, cwd=ROOT,
                             stderr=subprocess.PIPE, start_new_session=True)
    assert wait_for(lambda: all(os.path.exists(path) and os.path.getsize(path) for path in paths[:2]))
    ids = []
    for path in paths[:2]:
        with open(path) as file:
            ids.append(int(file.read()))
    return found, ids


def test_ctrl_c_ends_them_all_without_a_word_and_not_with_the_status_of_slower(tmp_path):
    process, ids = reading(tmp_path, 600)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate()
    assert (process.returncode, err) == (130, b"") and not any(map(is_alive, ids))


def test_processes_whose_answers_nobody_takes_any_more_end(tmp_path):
    process, ids = reading(tmp_path, 0.1)
    process.kill()
    process.communicate()
    assert wait_for(lambda: not any(map(is_alive, ids)))


def is_alive(process):
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


# The count ---------------------------------------------------------------------------------------------------


class Terminal:
    """A stream that is a terminal, or not, and keeps what is written."""

    def __init__(self, live=True):
        self.live, self.text = live, ""

    def isatty(self):
        return self.live

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def clock(step):
    now = [0.0]

    def read():
        now[0] += step
        return now[0]

    return read


def test_a_long_reading_counts_in_one_line_and_clears_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    assert list(counted(iter("abc"), 3, stream, clock(PATIENCE_S))) == ["a", "b", "c"]
    assert stream.text == CLEAR + CLEAR.join("{} of 3 runs read".format(number) for number in (1, 2, 3)) + CLEAR


@pytest.mark.parametrize("live, term, step", [(True, "xterm", 0.01), (False, "xterm", 10.0), (True, "dumb", 10.0)],
                         ids=["short", "no terminal", "dumb terminal"])
def test_nothing_is_counted_where_it_is_of_no_use(live, term, step, monkeypatch):
    monkeypatch.setenv("TERM", term)
    stream = Terminal(live)
    assert list(counted(iter("abc"), 3, stream, clock(step))) == ["a", "b", "c"] and stream.text == ""
