"""Reading and reporting grow with the record and no faster: counted in lines of Python, not in seconds."""

import io
import json
import os
import sys
import time
import tracemalloc

import pytest
from large_record import write_large

from harness.notebook.frame import rows
from harness.record import load_run
from reports import compare_workers
from reports.compare import beside, line
from reports.findings import findings
from reports.findings.compared import gist_of, summary_of
from reports.formats.json_text import json_text
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.summaries.reading import Summaries

SMALL, LARGE = 150, 300      # both beyond the sizes at which a page leaves things out


def lines_run(work):
    """Return how many lines of Python ``work`` ran, iterations of comprehensions counted."""
    counted = [0]

    def trace(frame, event, argument):
        counted[0] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted[0]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return [write_large(str(tmp_path_factory.mktemp("large")), number, launches=1, rounds=1, rivals=1)
            for number in (SMALL, LARGE)]


def test_twice_the_record_is_twice_the_reading(folders):
    small, large = (lines_run(lambda one=folder: load_run(one)) for folder in folders)
    assert 1.5 < large / small < 2.1


@pytest.mark.sampled
@pytest.mark.parametrize("work", [rows, lambda run: findings(run, published=())], ids=["frame", "findings"])
def test_twice_the_record_is_twice_the_work(folders, work):
    small, large = (lines_run(lambda one=run: work(one)) for run in map(load_run, folders))
    assert 1.5 < large / small < 2.1


@pytest.mark.sampled
@pytest.mark.parametrize("make", [render_page, markdown, json_text])
def test_twice_the_findings_is_twice_the_work(folders, make):
    found = [findings(load_run(folder), published=()) for folder in folders]
    small, large = (lines_run(lambda one=one: make(one)) for one in found)
    assert large / small < 2.1


def test_four_times_the_rivals_of_one_comparison_cost_about_four_times_as_much(tmp_path):
    """Searches of long tuples run in C and show in no count of lines, so this one is in seconds of the processor.

    Others on the core make them longer and nothing makes them shorter: the least of several, taken by turns, counts.
    """
    few, many = (write_large(str(tmp_path / str(rivals)), 1, launches=1, rounds=12, rivals=rivals)
                 for rivals in (400, 1600))

    def work(folder):
        run = load_run(folder)
        rows(run)
        findings(run, published=())

    small, large = [], []
    while not small or min(large) >= 8.0 * min(small) and len(small) < 10:
        small.append(seconds_of(work, few, repeats=1 if small else 2))  # the first loads what is loaded once
        large.append(seconds_of(work, many, repeats=1))
    assert min(large) < 8.0 * min(small)


def seconds_of(work, folder, repeats):
    """Return the least seconds of the processor that ``work`` took."""
    def once():
        begin = time.process_time()
        work(folder)
        return time.process_time() - begin

    return min(once() for _ in range(repeats))


def json_alone(folder):
    with io.open(os.path.join(folder, "record.jsonl"), "rb") as file:
        for line in file:
            json.loads(line)


def line_alone(folder):
    first = gist_of(load_run(folder))
    return lambda one: line(Summaries(), first, None, one)


@pytest.mark.parametrize("work, most", [
    (lambda folder: load_run, 5.0), (line_alone, 5.0), (lambda folder: lambda one: summary_of(load_run(one)), 11.0),
    (lambda folder: lambda one: rows(load_run(one)), 11.5)], ids=["load_run", "many", "compare", "frame"])
def test_reading_costs_a_few_times_what_json_alone_does(work, most, tmp_path):
    """On the same bytes, in turns, so that it holds on any machine; the least of several, as above."""
    folder = write_large(str(tmp_path), 20, launches=4, rounds=12)
    work = work(folder)
    work(folder)  # what is loaded once
    ours, alone = [], []
    while len(ours) < 5 or min(ours) >= most * min(alone) and len(ours) < 40:
        ours.append(seconds_of(work, folder, repeats=1))
        alone.append(seconds_of(json_alone, folder, repeats=3))
    assert min(ours) < most * min(alone), (min(ours), min(alone))


def test_what_is_kept_of_a_compared_run_is_small(tmp_path):
    """A thousand runs of a hundred cases stay below 500 MB: 3 kB a case, beside what Python itself takes."""
    folder = write_large(str(tmp_path), 20, launches=4, rounds=12)
    summary_of(load_run(folder))
    tracemalloc.start()
    kept = [summary_of(load_run(folder)) for _ in range(5)]
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) == 5 and held / (5 * 100) < 3000


def test_thirty_runs_take_the_memory_of_two_and_a_line_each(tmp_path, monkeypatch):
    """What is kept of thirty runs in full would be three times as much as reading one takes."""
    monkeypatch.setattr(compare_workers.os, "cpu_count", lambda: 1)  # tracemalloc sees this process alone
    folder = write_large(str(tmp_path), 4, launches=4, rounds=12)

    def peak(count):
        tracemalloc.start()
        found, _ = beside(Summaries(), [folder] * (1 + count), None)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(found.lines) == count
        return most

    peak(1)  # what is loaded once
    assert peak(30) < 2.0 * peak(2)
