"""Reading and reporting grow with the record and no faster: counted in lines of Python, not in seconds."""

import sys
import time

import pytest
from large_record import write_large

from harness.notebook.frame import rows
from harness.record import load_run
from reports.findings import findings
from reports.formats.json_text import json_text
from reports.formats.markdown import markdown
from reports.formats.page import render_page

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


@pytest.mark.parametrize("work", [rows, lambda run: findings(run, published=())], ids=["frame", "findings"])
def test_twice_the_record_is_twice_the_work(folders, work):
    small, large = (lines_run(lambda one=run: work(one)) for run in map(load_run, folders))
    assert 1.5 < large / small < 2.1


@pytest.mark.parametrize("make", [render_page, markdown, json_text])
def test_twice_the_findings_is_twice_the_work(folders, make):
    found = [findings(load_run(folder), published=()) for folder in folders]
    small, large = (lines_run(lambda one=one: make(one)) for one in found)
    assert large / small < 2.1


def test_four_times_the_rivals_of_one_comparison_cost_about_four_times_as_much(tmp_path):
    """Searches of long tuples run in C and show in no count of lines, so this one is in seconds of the processor."""
    def seconds(rivals):
        folder = write_large(str(tmp_path / str(rivals)), 1, launches=1, rounds=12, rivals=rivals)
        begin = time.process_time()
        run = load_run(folder)
        rows(run)
        findings(run, published=())
        return time.process_time() - begin

    seconds(50)  # what is loaded once
    assert seconds(1600) < 8.0 * seconds(400)
