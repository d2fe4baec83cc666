"""A rival that crashes, hangs or eats memory in the time pass costs its own figure and nobody else's."""

import pytest
from driving import drive

from harness.culprits import play_past_culprits
from harness.notebook.frame import run_to_frame
from harness.process import Outcome
from harness.reasons import Code, because, sentence
from harness.statistics.codes import WhyCode
from harness.words import State, Status
from reports.findings import findings
from reports.findings.rows import RowState
from reports.formats.markdown import markdown
from tests.patience import LONG_S

CRASH = because(Code.CRASHED, "last words", signal="SIGSEGV")
HANG = because(Code.HUNG, limit_s=5.0)
IDS = ("c/base", "c/a", "c/b", "c/d")


class Launches:
    """Plays launches in which some names end the worker; ``told`` is whom the worker notes as its last work."""

    def __init__(self, bad, reason=CRASH, told=None, together=()):
        self.bad, self.reason, self.told, self.together = bad, reason, told, set(together)
        self.played = []

    def __call__(self, present):
        self.played.append(tuple(present))
        bad = [one for one in present if one in self.bad]
        if bad or self.together and self.together <= set(present):
            told = self.told or bad[0]
            return Outcome(None, self.reason, 1.0, present.index(told) if told in present else None)
        return Outcome({}, None, 1.0)


def play(launches):
    said = []
    return play_past_culprits(IDS, launches, said.append), said


def test_a_launch_without_a_fault_is_played_once():
    played, said = play(Launches(()))
    assert played.outcome.ok and played.left_out == {} and said == []


def test_a_crash_is_tried_on_its_suspect_alone_before_it_is_left_out():
    launches = Launches(("c/b",))
    played, said = play(launches)
    assert played.outcome.ok and played.left_out == {"c/b": CRASH}
    assert launches.played == [IDS, ("c/base", "c/b"), ("c/base", "c/a", "c/d")]
    assert any("c/b: crashed (SIGSEGV); the others" in line for line in said)


def test_who_spoils_the_memory_of_another_is_found_and_the_other_is_kept():
    launches = Launches(("c/d",), told="c/a")
    played, _ = play(launches)
    assert set(played.left_out) == {"c/d"} and launches.played[-1] == ("c/base", "c/a", "c/b")


def test_a_hang_costs_its_time_once():
    launches = Launches(("c/a",), HANG)
    played, _ = play(launches)
    assert played.left_out == {"c/a": HANG} and launches.played == [IDS, ("c/base", "c/b", "c/d")]


def test_two_culprits_are_both_found():
    played, _ = play(Launches(("c/a", "c/d")))
    assert played.outcome.ok and set(played.left_out) == {"c/a", "c/d"}


def test_a_baseline_that_ends_the_pass_leaves_nothing_to_compare():
    played, _ = play(Launches(("c/base",)))
    assert played.outcome.reason.code is Code.BASELINE_LOST and played.outcome.reason.cause is Code.CRASHED


def test_when_every_rival_ends_the_pass_each_has_its_own_reason():
    played, _ = play(Launches(("c/a", "c/b", "c/d")))
    assert played.outcome.reason.code is Code.NO_RIVAL_LEFT and set(played.left_out) == set(IDS[1:])


def test_a_crash_that_nobody_repeats_alone_is_the_launchs():
    played, _ = play(Launches((), told="c/a", together=IDS))
    assert played.outcome.reason == CRASH and played.left_out == {}


@pytest.mark.sampled
@pytest.mark.parametrize("fault, words", [
    ("segfault", "crashed (SIGSEGV)"), ("raise", "RuntimeError: the n-th call is refused"),
    pytest.param("abort", "crashed (SIGABRT)", marks=pytest.mark.slow),
    pytest.param("exit", "ended with status 3 and no result", marks=pytest.mark.slow),
    pytest.param("kill", "killed (SIGKILL)", marks=pytest.mark.slow),
    pytest.param("eat memory", "memory", marks=pytest.mark.slow),
    pytest.param("hang", "hung", marks=pytest.mark.slow),
])
def test_a_real_layer_that_ends_its_worker_is_left_out_and_the_rest_is_timed(tmp_path, fault, words):
    run, _ = drive(tmp_path, {"FAULT": fault}, limit_s=60.0 if fault == "hang" else LONG_S)
    line, = run.launches("faulty")
    assert line.status is Status.OK and set(line.left_out) == {"faulty/faulty"}
    assert line.series[0].entrants == ("faulty/base", "faulty/base", "faulty/fine", "faulty/other")
    assert words in sentence(line.left_out["faulty/faulty"])
    row = {row.name: row for row in findings(run, published=()).tables[0].rows}["faulty"]
    assert row.state is RowState.NOT_MEASURED and words in sentence(row.reason)
    assert run_to_frame(run).set_index(["case", "pass"]).loc[("faulty/faulty", "time"), "reason"].startswith(
        sentence(row.reason))


def test_a_crash_in_the_second_launch_keeps_the_first_and_is_done_over_when_asked(tmp_path):
    # builds of the layer: the check, launch 1, launch 2, and the trial of launch 2
    environment = {"FAULT": "segfault", "FAULT_COUNT": str(tmp_path / "count"), "FAULT_BUILDS": "3"}
    run, _ = drive(tmp_path / "run", environment, launches=2)
    first, second = run.launches("faulty")
    assert first.left_out == {} and set(second.left_out) == {"faulty/faulty"}
    table = findings(run, published=()).tables[0]
    row = {row.name: row for row in table.rows}["faulty"]
    assert row.verdict.state is State.CANNOT_TELL and row.verdict.why.code is WhyCode.LAUNCH_FAILED
    assert sentence(row.verdict.why.cause) == "crashed (SIGSEGV)"
    assert "crashed (SIGSEGV)" in markdown(findings(run, published=()))
    again, _ = drive(tmp_path / "run", dict(environment, FAULT=""), launches=2)
    assert again.retried == 0, "a resume repeats nothing unless it is asked to"
    again, _ = drive(tmp_path / "run", dict(environment, FAULT=""), launches=2, retry_failed=True)
    assert [line.left_out for line in again.launches("faulty")] == [{}, {}] and not again.failed()
