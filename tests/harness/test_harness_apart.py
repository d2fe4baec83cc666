"""Cases that may not share a process: each has its own in every pass, and their rounds are played all the same."""

import os
import subprocess
import sys

import pytest

from harness import Comparison, load_run
from harness.passes import apart as lock_step
from harness.passes.peer import MOST_STEPS, QUIET_STEPS, REST_STEP_S, rest, wake
from harness.plan import comparison_from_dict, comparison_to_dict
from harness.process import worker_environment
from harness.reasons import Code
from harness.rule import Rule
from harness.statistics.verdict import verdicts
from harness.timing.rounds import Entrant
from harness.timing.series import plan_series
from harness.words import Pass, Role, State, Status
from tests.harness.test_harness_controller import CONV, ONE, FakeWorkers
from tests.harness.test_harness_controller import run as controlled
from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = os.path.join("tests", "data", "apart_suite.py")
APART = ONE._replace(apart=True)


def run(out, *arguments):
    """Run the suite with real workers; return what was printed and the run."""
    done = subprocess.run([sys.executable, "-m", "harness", "run", SUITE, "--threads", "1", "--no-report", "--device",
                           "cpu", "--out", str(out)] + list(arguments), cwd=ROOT, env=worker_environment({}),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONG_S)
    text = done.stdout.decode()
    assert done.returncode == 0, text
    return text, load_run(str(next(out.iterdir())))


# The plan -------------------------------------------------------------------------------------------------


def test_that_cases_are_kept_apart_is_written_and_read_back():
    assert comparison_from_dict(comparison_to_dict(APART)) == APART
    assert comparison_from_dict(comparison_to_dict(ONE)) == ONE


def test_an_older_record_of_two_versions_is_read_as_kept_apart():
    data = comparison_to_dict(Comparison("c", "", CONV._replace(version="abc"), (CONV,)))
    del data["apart"]
    assert comparison_from_dict(data).apart
    data = comparison_to_dict(ONE)
    del data["apart"]
    assert not comparison_from_dict(data).apart


# Who gets a process ---------------------------------------------------------------------------------------


def test_every_case_is_checked_and_measured_in_a_worker_of_its_own_and_timed_by_one_that_holds_none(tmp_path):
    workers = FakeApart()
    recorded, _ = controlled(tmp_path, workers, comparisons=(APART,), launches=1,
                             passes=("verify", "time", "memory", "energy"))
    assert [len(cases) for cases in workers.cases("verify")] == [1, 1, 1]
    assert [len(cases) for cases in workers.cases("energy")] == [1, 1, 1]
    assert all(len(cases) == 1 for cases in workers.cases("memory"))
    assert workers.cases("time") == [] and len(workers.cases("time-apart")) == 1
    assert recorded.check("1d/wht-matrix").ok and recorded.energy("1d/wht-matrix").energy_per_call_j == 1e-3


def test_a_case_that_takes_its_check_down_is_left_out_and_the_rest_is_timed(tmp_path):
    workers = FakeApart(crash=lambda job: job["pass"] == "verify" and job["cases"] == ["1d/wht-matrix"])
    recorded, _ = controlled(tmp_path, workers, comparisons=(APART,), launches=1)
    assert workers.cases("time-apart") == [["1d/conv1x1-torch", "1d/wht-butterfly"]]
    assert recorded.why_not_timed("1d", "1d/wht-matrix").code is Code.CRASHED
    assert [unit for unit in recorded.units if unit.name is Pass.VERIFY and unit.case is None] == []


def test_soaking_two_cases_in_one_process_is_left_out_with_the_reason(tmp_path):
    workers = FakeApart()
    recorded, _ = controlled(tmp_path, workers, comparisons=(APART,), passes=("verify", "soak"), soak_s=1.0)
    assert recorded.soak("1d/wht-matrix").status is Status.SKIPPED
    assert recorded.soak("1d/wht-matrix").reason.code is Code.KEPT_APART
    assert workers.cases("soak") == []


class FakeApart(FakeWorkers):
    """Answers the time pass of cases kept apart as that of the others."""

    def __call__(self, job, limit_s, progress, extra_environment):
        if job["pass"] != "time-apart":
            return super(FakeApart, self).__call__(job, limit_s, progress, extra_environment)
        found = super(FakeApart, self).__call__(dict(job, **{"pass": "time"}), limit_s, progress, extra_environment)
        self.jobs[-1]["pass"] = "time-apart"
        return found


# Whose turn it is -----------------------------------------------------------------------------------------


class FakePeer:
    def __init__(self, log, name, place, quiet=True):
        self.log, self.name, self.place, self.quiet = log, name, place, quiet

    def ask(self, question):
        self.log.append((self.name, "rest" if question.get("rest") else question["calls"]))
        self.woken = question.get("wake")
        if question.get("rest"):
            return {"rested_s": 0.003, "quiet": self.quiet}
        return {"seconds": 1e-3, "enqueue_s": None, "hidden": None}


def test_before_another_case_has_its_turn_the_last_one_comes_to_rest():
    log, marks = [], []
    old, new = FakePeer(log, "old", 0), FakePeer(log, "new", 1)
    sampler = lock_step.PeerSampler("hot", 0, lock_step.Turns(marks.append))
    woken = []
    for peer, calls in ((old, 1), (old, 5), (new, 1), (new, 5), (old, 1)):
        sampler.sample(lock_step.Turn(peer), calls)
        woken.append(peer.woken)
    assert woken == [True, False, True, False, True]  # who rested works for a while before it is timed
    assert log == [("old", 1), ("old", 5), ("old", "rest"), ("new", 1), ("new", 5), ("new", "rest"), ("old", 1)]
    assert marks == [0, 0, 0, 1, 1, 1, 0]  # whose doing it is if the launch ends here


@pytest.mark.parametrize("per_call_s, turn_s", [(1e-4, 0.003 + 0.005), (0.02, 0.003 + 0.02)])
def test_the_rounds_that_fit_are_reckoned_with_what_a_turn_takes_beside_its_calls(per_call_s, turn_s):
    """Else twice as many rounds are planned as fit, at the cost of narrower levels, and the budget is overrun."""
    sampler = lock_step.PeerSampler("hot", 0, lock_step.Turns(lambda place: None), 0.005, 0.003)
    assert sampler.turn_s(per_call_s) == pytest.approx(turn_s)
    entrants = [Entrant(None, 2, True)] * 3
    with_turns, without = (plan_series(["b", "b", "r"], entrants, [per_call_s] * 3, Rule(), Role.FIRST, {}, 10.0,
                                       *more) for more in ((sampler.turn_s,), ()))
    assert with_turns.round_s == pytest.approx(without.round_s + 6 * turn_s)
    assert with_turns.looks[-1] * with_turns.round_s <= 10.0 or with_turns.looks == (12,)


def test_a_case_whose_threads_go_on_after_its_call_is_named_before_another_is_timed_beside_it():
    log, marks = [], []
    loud, other = FakePeer(log, "loud", 2, quiet=False), FakePeer(log, "other", 0)
    sampler = lock_step.PeerSampler("hot", 0, lock_step.Turns(marks.append))
    sampler.sample(lock_step.Turn(loud), 1)
    with pytest.raises(lock_step.PeerError, match="loud: .*threads still use the processor.*no spinning"):
        sampler.sample(lock_step.Turn(other), 1)
    assert marks[-1] == 2 and ("other", 1) not in log


def test_a_process_is_at_rest_once_it_uses_no_cpu_any_more():
    def rested(busy_s, held_up_s=0.0, waiting=lambda: False):
        """How a process rests whose threads spin for ``busy_s`` more; others hold it up at each step."""
        now = [0.0]

        def sleep(seconds):
            now[0] += seconds + held_up_s

        return rest(lambda: now[0], lambda: min(now[0], busy_s), sleep, waiting)

    assert rested(0.0) == (pytest.approx(QUIET_STEPS * REST_STEP_S), True)
    assert rested(0.010) == (pytest.approx(0.010 + QUIET_STEPS * REST_STEP_S, abs=2 * REST_STEP_S), True)
    assert rested(1e9) == (pytest.approx(MOST_STEPS * REST_STEP_S, abs=2 * REST_STEP_S), False)
    assert rested(0.0, held_up_s=5.0).quiet  # it had no processor for long, and wanted none
    assert not rested(0.0, held_up_s=5.0, waiting=lambda: True).quiet  # a thread of it wants one


def test_a_thread_that_spins_is_seen_and_one_that_waits_is_not():
    code = ("import threading, time, zlib; from harness.passes.peer import others_run;"
            "from tests.patience import wait_for;"
            "threading.Thread(target=threading.Event().wait, daemon=True).start();"
            "assert wait_for(lambda: not others_run());"
            "data = bytes(1 << 26);"  # to compress it lets go of the interpreter
            "threading.Thread(target=lambda: [zlib.compress(data) for _ in range(10 ** 6)], daemon=True).start();"
            "assert wait_for(others_run)")
    assert subprocess.call([sys.executable, "-c", code], cwd=ROOT) == 0


def test_a_case_that_rested_works_for_a_while_and_once_at_least():
    def woken(call_s):
        now = [0.0]

        def work():
            now[0] += call_s

        return wake(work, 0.02, lambda: now[0])

    assert woken(1.0) == 1
    assert woken(0.001) == pytest.approx(20, abs=1)


# Real processes -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """A case that cannot be built, one killed while it is timed and one that never rests, beside a sound one."""
    return run(tmp_path_factory.mktemp("failures"), "--quick", "--budget", "2s", "--only", "failures/*")


def test_each_case_answers_from_a_process_of_its_own(failures):
    _, found = failures
    line, = found.timed("failures")
    told = [found.check("failures/twenty").implementation, found.check("failures/twenty-again").implementation]
    told += list(line.implementations.values())
    assert len(set(told)) == len(told) == 4 and all(one.startswith("process ") for one in told)


def test_a_case_whose_engine_is_absent_has_reason_and_remedy_and_the_rest_is_timed(failures):
    _, found = failures
    why = found.why_not_timed("failures", "failures/absent")
    assert (why.code, why.said) == (Code.UNAVAILABLE, "there is no such engine here; install one")
    line, = found.timed("failures")
    assert line.series[0].entrants == ("failures/twenty", "failures/twenty", "failures/twenty-again")
    assert len(line.series[0].rounds) >= 12


def test_a_case_that_is_killed_or_never_rests_is_left_out_of_the_launch_with_its_own_reason(failures):
    text, found = failures
    line, = found.timed("failures")
    assert set(line.left_out) == {"failures/killed", "failures/spinning"}
    assert "status -9" in line.left_out["failures/killed"].said
    assert "no spinning" in line.left_out["failures/spinning"].said
    assert "the others are timed without it" in text


@pytest.mark.slow
def test_one_thing_against_itself_in_another_process_is_never_called_different_and_more_work_always(tmp_path):
    """The A/A of the lock step: 20 products against the same 20 in two other processes, and against 23 in a third."""
    _, found = run(tmp_path, "--budget", "60s", "--only", "twins/*")
    told = {one.case: one for one in verdicts(found.launches("twins"), found.header.rule)}
    for twin in ("twins/twenty-again", "twins/twenty-once-more"):
        assert told[twin].state in (State.SAME, State.CANNOT_TELL), told[twin]
        assert 0.95 < told[twin].speed < 1.05
    more = told["twins/twenty-three"]
    assert more.state is State.SLOWER and 0.80 < more.speed < 0.95, more
