"""Goals are read out of a record: here out of tables like those a record gives, and out of a recorded run."""

import os

import pytest
import torch

from harness import load_run
from harness.plan import Case, Target
from harness.subjects import Inputs, build
from suites import load_suite
from suites.builders import copies
from suites.kernels import goals

pandas = pytest.importorskip("pandas")
RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "results")
GOAL = goals.Goal("kernels-1d-8x64x56x56", "WHT 1D", ("Copy memcpy", "Copy past the caches"), 2.0)


def row(layer, implementation, median_s, launch=1, comparison="kernels-1d-8x64x56x56-1t", **more):
    return dict({"pass": "time", "status": "ok", "cache": "hot", "comparison": comparison, "layer": layer,
                 "implementation": implementation, "threads": 1, "launch": launch, "median_s": median_s}, **more)


def judged(*rows):
    return goals.judge(GOAL, goals.medians(pandas.DataFrame(list(rows))))


def test_a_goal_is_the_fused_layer_over_the_best_of_its_rivals_launch_by_launch():
    found = judged(*[row(layer, form, seconds * launch, launch) for launch in (1, 2, 3) for layer, form, seconds in (
        ("WHT 1D", "fused", 1.8), ("Copy", "memcpy", 3.0), ("Copy", "past the caches", 1.0))])
    assert found.ratio == pytest.approx(1.8) and found.low == pytest.approx(1.8) and found.verdict == "reached"
    assert "reached" in goals.line(found) and "1.8" in goals.line(found)


def test_launches_that_differ_leave_a_goal_open_and_all_above_it_miss_it():
    rivals = [row("Copy", "memcpy", 1.0, launch) for launch in (1, 2)]
    assert judged(row("WHT 1D", "fused", 1.9, 1), row("WHT 1D", "fused", 2.1, 2), *rivals).verdict == "open"
    assert judged(row("WHT 1D", "fused", 2.2, 1), row("WHT 1D", "fused", 2.1, 2), *rivals).verdict == "missed"


def test_what_was_not_timed_is_not_judged():
    fused, copy = row("WHT 1D", "fused", 1.0), row("Copy", "memcpy", 1.0)
    for rows in ([fused], [copy], [fused, dict(copy, status="failed")], [fused, dict(copy, cache="cold")],
                 [fused, dict(copy, threads=2)], [fused, dict(copy, launch=2)]):
        found = judged(*rows)
        assert found.verdict == "not measured" and found.ratio is None and found.reason
        assert found.reason in goals.line(found)


def test_a_goal_may_set_two_threads_against_one():
    goal = goals.Goal("kernels-1d-8x64x56x56", "WHT 1D", ("WHT 1D fused",), 0.6, 2, 1)
    times = goals.medians(pandas.DataFrame([row("WHT 1D", "fused", 2.0), row(
        "WHT 1D", "fused", 1.1, comparison="kernels-1d-8x64x56x56-2t", threads=2)]))
    found = goals.judge(goal, times)
    assert found.ratio == pytest.approx(0.55) and found.verdict == "reached"
    assert "2 threads: WHT 1D at most 0.6x WHT 1D fused on 1: 0.55" in goals.line(found)
    assert goals.judge(goal._replace(rival_threads=None), times).ratio == pytest.approx(1.0)


@pytest.mark.parametrize("own", [1, 2, 4])
def test_every_goal_speaks_of_what_the_suite_runs(own):
    every = set()
    for one in load_suite("kernels").comparisons(Target("cpu", own)):
        for case in one.cases:
            suffix = "-{}t".format(case.threads)
            every.add((one.id[:-3] if one.id.endswith(suffix) else one.id, case.threads, case.name))
    for goal in goals.GOALS:
        assert (goal.comparison, goal.threads, goal.layer + " fused") in every, goal
        for name in goal.rivals:
            assert (goal.comparison, goal.rival_threads or goal.threads, name) in every, (goal, name)


def test_a_recorded_run_is_read_and_what_it_did_not_time_is_said(capsys):
    folder = os.path.join(RESULTS, "reference")
    run = os.path.join(folder, sorted(os.listdir(folder))[0])
    assert goals.medians(load_run(run).to_frame())
    assert goals.main([run]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(goals.GOALS) and all(line.startswith("not measured") for line in lines)


def test_a_run_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert goals.main([str(tmp_path / "none")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("form", ["memcpy", "past the caches"])
def test_the_kernels_copy_is_one(kernels, form):
    case = Case("Copy", form, "suites.builders.copies:kernels_copy", (2, 3, 4, 8))
    inputs = Inputs(1)
    subject = build(case, inputs)
    assert torch.equal(subject.call(), inputs.get(case)) and subject.call().data_ptr() != inputs.get(case).data_ptr()


def test_a_copy_of_half_a_line_or_by_another_name_is_refused(kernels):
    with pytest.raises(ValueError, match="multiple of 64 bytes"):
        copies.copier(torch.zeros(8), torch.zeros(8), True, 1)
    with pytest.raises(ValueError, match="use memcpy"):
        build(Case("Copy", "cp", "suites.builders.copies:kernels_copy", (2, 3, 4, 8)), Inputs(1))
