"""The memory pass on loads that hold exactly N MB, each in a real worker of its own."""

import pytest

from harness.allocator import heap_environment
from harness.plan import Target, comparison_to_dict
from harness.process import run_worker
from suites import calibration

MB = 1e6
COLUMNS = ("rss_delta_peak_bytes", "uss_delta_peak_bytes", "ram_delta_peak_bytes")


def measured(kind, size_mb):
    comparison = calibration.holding(kind, Target("cpu", 1))
    case, = [case for case in comparison.cases if dict(case.options)["mb"] == size_mb]
    job = {"pass": "memory", "comparison": comparison_to_dict(comparison), "cases": [comparison.case_id(case)],
           "seed": 1}
    outcome = run_worker(job, 120.0, extra_environment=heap_environment("default"))
    assert outcome.ok, outcome.reason
    return outcome.payload


@pytest.mark.parametrize("kind, size_mb", [
    ("output", 0), ("output", 40), ("weights", 10), ("workspace", 100), ("malloc", 40), ("mmap", 400)])
def test_every_column_says_what_is_held_within_2_percent_or_1_mb_or_nothing_with_the_reason(kind, size_mb):
    payload = measured(kind, size_mb)
    for column in COLUMNS:
        if payload[column] is None:
            assert payload[column + "_reason"]
        else:
            assert abs(payload[column] - size_mb * MB) <= max(MB, 0.02 * size_mb * MB), (column, payload[column])
    assert payload["rss_delta_peak_bytes"] is not None  # the kernel's own peak needs nobody's silence


def test_a_trace_shows_the_working_set_over_time():
    trace = measured("output", 40)["trace"]
    assert len(trace["time_s"]) == len(trace["rss_bytes"]) <= 120
    assert trace["time_s"] == sorted(trace["time_s"])
    assert max(trace["rss_bytes"]) - min(trace["rss_bytes"]) > 30 * MB
