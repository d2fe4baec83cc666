"""A worker may end in any way; the caller always gets an outcome in words."""

import functools
import os
import re
import subprocess
import sys
import time

import pytest

from harness import messages, process
from harness.reasons import Code, because, sentence, whole_sentence
from harness.system.processes import start_ticks
from harness.system.tree import Tree
from tests.patience import HANG_S, wait_for

sys.path.insert(0, os.path.dirname(__file__))


@pytest.fixture
def end(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    # What a worker does at its end takes moments, but on a busy machine nobody can say when.
    monkeypatch.setattr(process, "EXIT_S", HANG_S)
    monkeypatch.setattr(process, "end_group", functools.partial(process.end_group, wait_s=HANG_S))
    monkeypatch.setattr(process, "end_strays", functools.partial(process.end_strays, wait_s=HANG_S))

    def run(limit_s=HANG_S, progress=lambda message: None, **job):
        return process.run_worker(job, limit_s, progress, module="stub_worker")

    return run


def test_a_result_comes_back_and_printed_noise_does_not_disturb_it(end):
    outcome = end(do="result", answer=42)
    assert outcome.ok and outcome.payload == {"answer": 42} and outcome.reason is None


def test_progress_is_passed_on_in_order(end):
    seen = []
    end(do="result", answer=1, steps=3, progress=seen.append)
    assert [message.done for message in seen] == [0, 1, 2]


def test_an_error_the_worker_reports_is_the_reason(end):
    assert end(do="error").reason == because(Code.RAISED, "ValueError: no such layer")


def test_a_killed_worker_is_said_to_be_killed_and_what_to_do(end):
    reason = end(do="killed").reason
    assert reason.code is Code.KILLED
    assert all(word in sentence(reason) for word in ("SIGKILL", "memory", "--only"))


def test_a_crash_names_the_signal_and_the_last_words(end):
    reason = end(do="segfault").reason
    assert (reason.code, reason.numbers) == (Code.CRASHED, {"signal": "SIGSEGV"})
    assert "about to touch address 0" in reason.said


def test_a_silent_exit_names_the_status_and_the_last_words(end):
    reason = end(do="exit").reason
    assert (reason.code, reason.numbers) == (Code.EXITED, {"status": 3})
    assert "out of luck" in reason.said


@pytest.mark.parametrize("what", ["hang", "hang with a child"])
def test_a_hanging_worker_is_stopped_at_its_limit(end, what):
    started = time.monotonic()
    outcome = end(do=what, limit_s=0.7)
    assert time.monotonic() - started < 2 * HANG_S  # it would have slept for 600 s
    assert not outcome.ok and outcome.reason == because(Code.HUNG, limit_s=0.7)
    assert "--limit" in sentence(outcome.reason)


def test_a_worker_that_cannot_start_is_an_outcome_too():
    outcome = process.run_worker({}, HANG_S, module="no_such_module_anywhere")
    assert not outcome.ok and "no_such_module_anywhere" in outcome.reason.said


def test_workers_on_arm_get_the_openblas_setting(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(process.os, "uname", lambda: type("U", (), {"machine": "aarch64"}))
    assert process.worker_environment({"A": "1"})["OPENBLAS_CORETYPE"] == "ARMV8"


@pytest.mark.parametrize("then", ["hang at exit", "thread", "child with the pipe", "crash", "garbage", "nothing"])
def test_a_result_that_was_sent_counts_whatever_the_worker_does_afterwards(end, monkeypatch, then):
    monkeypatch.setattr(process, "EXIT_S", 0.5)
    started = time.monotonic()
    outcome = end(do="result, then", then=then)
    assert outcome.payload == {"answer": 1} and outcome.reason is None
    assert time.monotonic() - started < 2 * HANG_S


def test_a_child_that_leaves_its_group_is_ended_and_named(end):
    outcome = end(do="result, then", then="child in a session of its own")
    assert outcome.ok and len(outcome.left) == 1
    name, pid = re.match(r"(.+) \(process (\d+)\)$", outcome.left[0]).groups()
    assert name.startswith("python") and wait_for(lambda: start_ticks(int(pid), Tree()) is None)


def test_a_child_that_holds_the_pipe_of_a_dead_worker_holds_nobody_up(end):
    started = time.monotonic()
    assert end(do="child with the pipe, then die").reason.code is Code.CRASHED
    assert time.monotonic() - started < HANG_S


@pytest.mark.parametrize("sent", [
    b"\xff\xfe\x00\n", b"null\n", b"[1]\n", b"{}\n", b'"result"\n', b'{"event":"result"}\n',
    b'{"event":"result","payload":7}\n', b'{"event":"result","payload":{"a":NaN}}\n',
    b'{"event":"result","payload":{"a":1e999}}\n', b'{"event":"error","reason":{}}\n', b'{"event":"tea"}\n',
    b'{"event":"progress"}\n', b'{"event":"progress","done":"x","total":1,"what":"w"}\n',
    b"[" * 100000 + b"\n", b'{"event":"result","payload":{}}\n'[:-3] + b"\n"])
def test_anything_foreign_on_the_pipe_is_an_outcome(end, sent):
    reason = end(do="send", bytes=sent.hex()).reason
    assert reason.code is Code.FOREIGN and "pipe" in sentence(reason)


def test_half_a_message_is_an_end_without_a_result(end):
    assert end(do="send", bytes=b'{"event":"resu'.hex()).reason == because(Code.EXITED, NOISE, status=0)


NOISE = "noise on standard output that must not be taken for a result"


def test_a_message_without_end_does_not_fill_the_memory(end, monkeypatch):
    monkeypatch.setattr(process, "Messages", lambda: messages.Messages(most_bytes=4 << 20))
    assert end(do="flood").reason.code is Code.FOREIGN


def test_a_pipe_closed_early_is_noticed_before_the_limit(end, monkeypatch):
    monkeypatch.setattr(process, "EXIT_S", 0.3)
    started = time.monotonic()
    reason = end(do="send", bytes="", stay=True).reason
    assert reason.code is Code.FOREIGN and time.monotonic() - started < HANG_S


def test_a_job_of_any_size_reaches_a_worker_or_its_limit(end):
    assert end(do="result", answer=1, ballast="x" * (1 << 22)).ok


def test_a_worker_that_cannot_be_started_is_an_outcome(monkeypatch):
    def refuse(*arguments, **more):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(process.subprocess, "Popen", refuse)
    before = len(os.listdir("/proc/self/fd"))
    reason = process.run_worker({}, 5.0).reason
    assert reason.code is Code.NOT_STARTED and "temporarily unavailable" in sentence(reason)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_worker_that_cannot_be_killed_is_not_waited_for(monkeypatch):
    class Stuck:
        pid, returncode = 2 ** 22 + 1, None

        def wait(self, timeout):
            raise process.subprocess.TimeoutExpired("stuck", timeout)

    monkeypatch.setattr(process.os, "killpg", lambda group, number: None)
    assert process.end_group(Stuck(), wait_s=0.01) is False


def test_escape_codes_in_last_words_reach_no_terminal(end):
    reason = end(do="exit", words="\x1b]0;gone\x07\x1b[31m").reason
    assert "\x1b" not in (whole_sentence(reason) or "") and "\ufffd" in whole_sentence(reason)


def test_no_descriptor_is_left_open(end):
    before = len(os.listdir("/proc/self/fd"))
    for do in ("result", "error", "killed"):
        end(do=do, answer=1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_worker_that_has_done_its_job_tidies_up_and_leaves_the_rest_to_the_kernel(tmp_path):
    """Registered clean-up runs and what was printed is out; torch and Python are not taken apart."""
    script = tmp_path / "leaving.py"
    script.write_text("""
import atexit, sys, tempfile
from harness.worker import leave

class Heavy:
    def __del__(self):
        sys.__stderr__.write("taken apart")

heavy, folder = Heavy(), tempfile.TemporaryDirectory(dir=sys.argv[1])
atexit.register(sys.stdout.write, "tidied")
leave(7)
""")
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run([sys.executable, str(script), str(work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=process.worker_environment({}), timeout=HANG_S)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"tidied", b"")
    assert os.listdir(str(work)) == []


def test_a_worker_whose_clean_up_fails_leaves_all_the_same(tmp_path):
    script = tmp_path / "leaving.py"
    script.write_text("import atexit, os\nfrom harness.worker import leave\n"
                      "atexit.register(os.rmdir, '/no/such/folder')\nleave(7)\n")
    done = subprocess.run([sys.executable, str(script)], stderr=subprocess.PIPE, env=process.worker_environment({}),
                          timeout=HANG_S)
    assert done.returncode == 7 and b"/no/such/folder" in done.stderr
