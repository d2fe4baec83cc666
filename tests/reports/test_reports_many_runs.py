"""Many runs of 100 cases: one answer in every format, in little memory, whatever was kept of them before."""

import os

import pytest
from large_record import write_large
from many_runs import cost, proportional_bytes, write_many

from harness.record import load_run
from reports import compare, compare_workers
from reports.findings.compared import gist_of
from reports.summaries import reading
from reports.summaries.reading import Summaries, own_summaries

KINDS = [kind.value for kind in compare.Kind]
RUNS = compare.MOST_BESIDE + 4


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_many(str(tmp_path_factory.mktemp("many")), RUNS, comparisons=2, seeds=3)


def said(capsys, runs):
    found = {}
    for kind in KINDS:
        status = compare.main(list(runs) + ["--format", kind])
        found[kind] = status, tuple(capsys.readouterr())
    return found


def test_many_runs_say_the_same_in_every_format_however_they_are_read(runs, tmp_path, capsys, monkeypatch):
    """By one process or several, with the whole of each record or what is needed, with nothing kept, new and full."""
    monkeypatch.setattr(compare_workers.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(compare, "own_summaries", Summaries)
    monkeypatch.setattr(Summaries, "gist", lambda self, path: gist_of(load_run(path)))
    whole = said(capsys, runs)
    assert {status for status, _ in whole.values()} <= {0, 1, 2}
    assert "16 runs against" in whole["table"][1][0] and len(set(map(str, whole.values()))) == len(KINDS)
    monkeypatch.undo()
    monkeypatch.setattr(compare_workers.os, "cpu_count", lambda: 2)
    assert said(capsys, runs) == whole
    monkeypatch.delenv("EDGE_BENCH_SUMMARIES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert said(capsys, runs) == whole

    def refuse(path):
        raise AssertionError("a record was read")

    monkeypatch.setattr(compare, "own_summaries", own_summaries)
    for load in ("load_run", "load_rounds"):
        monkeypatch.setattr(reading, load, refuse)
    assert said(capsys, runs) == whole


def test_many_runs_of_a_hundred_cases_take_a_part_of_500_mb(tmp_path):
    """All processes together, what they share counted once; of what was read nothing stays, so more take no more."""
    if not proportional_bytes(os.getpgid(0)):
        pytest.skip("this kernel does not say what processes share")
    made = write_many(str(tmp_path / "runs"), 2 * compare_workers.LEAST_A_WORKER + 1, seeds=2)
    environment = dict(os.environ, XDG_CACHE_HOME=str(tmp_path / "cache"))
    del environment["EDGE_BENCH_SUMMARIES"]
    _, _, peak = cost(made, environment)
    assert 20e6 < peak < 400e6


def test_a_run_of_many_runs_is_a_hundred_cases(tmp_path):
    assert len(list(load_run(write_large(str(tmp_path), 20)).places())) == 100
