"""A run in a notebook: found by its name, readable, and with every sample at hand."""

import os
import shutil

import pytest

import harness
from harness import RecordError, load_run

REFERENCE = os.path.join(os.path.dirname(os.path.dirname(harness.__file__)), "results", "reference")
NAME = "20261120-144541-paper-cpu-6e"


@pytest.fixture
def run():
    return load_run(NAME, REFERENCE)


def test_a_bare_name_is_looked_for_in_results_and_in_reference(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordError):
        load_run(NAME)
    shutil.copytree(os.path.join(REFERENCE, NAME), str(tmp_path / "results" / "mine"))
    assert load_run("mine").id == NAME
    with pytest.raises(RecordError, match="Did you mean 'mine'"):
        load_run("mime")


def test_a_path_is_taken_as_it_is(run):
    folder = os.path.join(REFERENCE, NAME)
    assert load_run(folder).id == load_run(os.path.join(folder, "record.jsonl")).id == NAME
    assert load_run(os.path.join(folder, "record.jsonl")).folder == folder


def test_samples_are_in_seconds_per_call_by_launch(run):
    case = "1d-32x32/wht-1d-fused"
    samples = run.samples(case)
    assert len(samples) == 4 and all(0.001 < value < 0.01 for launch in samples for value in launch)
    row = run.to_frame().query("case == @case and launch == 2").iloc[0]
    assert (len(samples[1]), min(samples[1])) == (row["samples"], row["min_s"])
    with pytest.raises(KeyError, match="wht-1d-fused"):
        run.samples("1d-32x32/wht-1d-fusd")


def test_the_baselines_copy_is_no_sample_of_the_baseline(run):
    line = run.timed("1d-32x32")[0]
    assert run.samples("1d-32x32/conv-1x1-best")[0] == line.series[0].samples_per_call_s(0)


def test_the_frame_has_the_verdict_its_speed_and_its_interval(run):
    frame = run.to_frame()
    for (case, cache), verdict in run.verdicts().items():
        found = frame[(frame["case"] == case) & (frame["cache"] == cache)]
        assert set(found["verdict"]) == {verdict.state.value} and set(found["speed"]) == {verdict.speed}
        assert set(found["speed_low"]) == {verdict.low} and set(found["speed_high"]) == {verdict.high}
    assert frame[frame["baseline"]]["verdict"].isnull().all()


def test_what_a_notebook_shows_is_text_and_no_markup_of_a_stranger(run):
    assert repr(run).startswith("<Run " + NAME) and "6 of 6 comparisons timed" in repr(run)
    shown = run._repr_html_()
    assert shown.count("<tr>") == len(run.verdicts()) + 1
    hostile = run.header.comparisons[0]._replace(title="<script>alert(1)</script>")
    run.header = run.header._replace(comparisons=(hostile,))
    assert "<script>" not in run._repr_html_()
