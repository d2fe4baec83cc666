"""The memory pass on layers whose buffers are known, each in a real worker of its own."""

import pytest

from harness.allocator import heap_environment
from harness.plan import Case, Comparison, comparison_to_dict
from harness.process import run_worker
from harness.words import Heap
from tests.patience import LONG_S

MB = 1e6


def peak(case):
    comparison = Comparison("one", "", case, ())
    job = {"pass": "memory", "comparison": comparison_to_dict(comparison), "cases": [comparison.case_id(case)],
           "seed": 1, "heap": Heap.PINNED.value}
    outcome = run_worker(job, LONG_S, extra_environment=heap_environment(Heap.PINNED))
    assert outcome.ok, outcome.reason
    return outcome.payload["rss_delta_peak_bytes"], outcome.payload["implementation"]


def test_a_frozen_layer_takes_its_kept_blocks_twice_and_no_dense_kernel():
    channels, density = 512, 0.1
    dense = 4 * 9 * channels ** 2
    found, form = peak(Case("LHC", "auto", "suites.builders.lhc:lhc", (1, channels, 4, 4), options=(
        ("density", density),)))
    if form != "fused":
        pytest.skip("no kernel here: {}".format(form))
    # As the layer holds them and as the kernel reads them.
    assert found < 2 * density * dense + 2.5 * MB < 0.5 * dense


def test_a_small_layer_with_a_kernel_takes_little_more_than_its_weights():
    found, form = peak(Case("MF", "auto", "suites.builders.multiplication_free:linear", (64, 64), options=(
        ("member", "min"),)))
    if form != "fused":
        pytest.skip("no kernel here: {}".format(form))
    assert found < 1.5 * MB
