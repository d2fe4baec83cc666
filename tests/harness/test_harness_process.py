"""A worker may end in any way; the caller always gets an outcome in words."""

import os
import sys
import time

import pytest

from harness import process
from harness.reasons import Code, because, sentence

sys.path.insert(0, os.path.dirname(__file__))


@pytest.fixture
def end(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))

    def run(limit_s=20.0, progress=lambda message: None, **job):
        return process.run_worker(job, limit_s, progress, module="stub_worker")

    return run


def test_a_result_comes_back_and_printed_noise_does_not_disturb_it(end):
    outcome = end(do="result", answer=42)
    assert outcome.ok and outcome.payload == {"answer": 42} and outcome.reason is None


def test_progress_is_passed_on_in_order(end):
    seen = []
    end(do="result", answer=1, steps=3, progress=seen.append)
    assert [message["done"] for message in seen] == [0, 1, 2]


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
    assert time.monotonic() - started < 10
    assert not outcome.ok and outcome.reason == because(Code.HUNG, limit_s=0.7)
    assert "--limit" in sentence(outcome.reason)


def test_a_worker_that_cannot_start_is_an_outcome_too():
    outcome = process.run_worker({}, 20.0, module="no_such_module_anywhere")
    assert not outcome.ok and "no_such_module_anywhere" in outcome.reason.said


def test_workers_on_arm_get_the_openblas_setting(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(process.os, "uname", lambda: type("U", (), {"machine": "aarch64"}))
    assert process.worker_environment({"A": "1"})["OPENBLAS_CORETYPE"] == "ARMV8"
