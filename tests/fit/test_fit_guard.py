"""A worker that takes more than it was given is ended at once, and the reason says so."""

from harness.plan import Case, Comparison, comparison_to_dict
from harness.process import run_worker
from harness.reasons import Code
from tests.patience import LONG_S

LIMIT = 500 * 10 ** 6


def probe(per_image, batch, most_bytes, load="per_image"):
    case = Case("load", "", "tests/data/fit_suite.py:" + load, (1, 1, 2, 2), options=(("bytes", per_image),))
    comparison = Comparison("one", "", case, ())
    return run_worker({"pass": "fit", "comparison": comparison_to_dict(comparison), "cases": ["one/load"],
                       "pinned": {}, "seed": 1, "batch": batch, "limit_bytes": LIMIT}, LONG_S, most_bytes=most_bytes)


def test_the_guard_ends_a_worker_that_holds_too_much():
    outcome = probe(10 ** 6, 600, LIMIT, "kept")
    assert outcome.payload is None and outcome.reason.code is Code.NO_MEMORY
    assert outcome.reason.numbers["limit_bytes"] == LIMIT
    assert outcome.seconds < 600.0


def test_a_peak_that_the_guard_never_saw_is_refused_by_the_kernels_own_count():
    outcome = probe(10 ** 6, 500, None)
    assert outcome.payload["fits"] is False and outcome.payload["peak_bytes"] > LIMIT
    assert outcome.payload["reason"]["code"] == Code.NO_MEMORY.value


def test_a_worker_within_its_memory_ends_well_and_tells_its_peak():
    outcome = probe(10 ** 6, 10, LIMIT)
    assert outcome.payload["fits"] is True
    assert 10 ** 7 < outcome.payload["peak_bytes"] < LIMIT
