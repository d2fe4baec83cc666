"""Workers in bad surroundings: a full disk, processes of another user's, several controllers at once."""

import concurrent.futures
import os
import subprocess
import sys

import pytest
from test_faults_storage import file_size_limit

from harness import process
from harness.reasons import Code, sentence

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(autouse=True)
def stub(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.join(os.path.dirname(HERE), "harness"))


def end(limit_s=600.0, **job):
    return process.run_worker(job, limit_s, module="stub_worker")


def test_a_disk_too_full_for_a_job_is_an_outcome_and_leaves_no_descriptor_open():
    before = len(os.listdir("/proc/self/fd"))
    with file_size_limit(1000):
        reason = end(do="result", answer=1, ballast="x" * 5000).reason
    assert reason.code is Code.NOT_STARTED and "too large" in sentence(reason)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("do", ["result", "killed"])
def test_a_group_that_may_not_be_signalled_raises_nothing(monkeypatch, do):
    def refuse(group, number):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(process.os, "killpg", refuse)  # as where sudo has made one of the group root's
    outcome = end(do=do, answer=1)
    assert outcome.payload == ({"answer": 1} if do == "result" else None)
    assert outcome.reason is None or outcome.reason.code is Code.KILLED


def test_of_several_controllers_at_once_none_ends_the_workers_of_another():
    """Each ends what its own worker left behind while workers of the others are at work."""
    program = """if True:
        import sys
        sys.path.insert(0, {!r})
        from harness import process
        for number in range(6):
            job = {{"do": "result, then", "then": "child in a session of its own"}}
            print(process.run_worker(job, 600.0, module="stub_worker").payload)""".format(process.PROJECT)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda number: subprocess.check_output([sys.executable, "-c", program]).decode(),
                             range(3)))
    assert said == [6 * "{'answer': 1}\n"] * 3
