"""Both denominators are always shown: the best convolution or dense layer here, and torch's own as it comes."""

import pytest

from harness.plan import Target
from suites import debut_suite, kernels_suite, layers_suite, lhc_suite, paper

BEST = ("suites.builders.best:convolution", "suites.builders.best:linear")
DEFAULT = ("suites.builders.convolutions:convolution", "suites.builders.convolutions:depthwise",
           "suites.builders.convolutions:linear", "suites.builders.debut:dense_layer")
#: Neither convolution nor dense layer is replaced there, or one in int8, of which torch has one form.
OTHER = ("gate-", "int8-")


def judged(device):
    """Yield the comparisons of inference as the harness runs it: what was published is timed as it was published."""
    for suite in (debut_suite.SUITE, kernels_suite.SUITE, layers_suite.SUITE, lhc_suite.SUITE, paper.SUITE):
        for comparison in suite.comparisons(Target(device)):
            if comparison.baseline.mode == "inference" and comparison.baseline.protocol == "steady" and (
                    not comparison.id.startswith(OTHER)):
                yield pytest.param(comparison, id="{} {}".format(suite.name, comparison.id))


@pytest.mark.parametrize("comparison", list(judged("cpu")))
def test_the_baseline_is_the_best_and_the_default_form_of_the_same_layer_a_rival(comparison):
    base = comparison.baseline
    assert base.builder in BEST and base.implementation == "best"
    default, = [case for case in comparison.rivals if case.builder in DEFAULT and case.implementation == "default"]
    assert (default.layer, default.shape, default.dtype) == (base.layer, base.shape, base.dtype)
