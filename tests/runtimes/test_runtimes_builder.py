"""From an engine to a subject: checked against float64, told as it is, absent with reason and remedy."""

import pytest
from fake_engine import FakeEngine

from harness.passes.verify import verify_case
from harness.plan import Case
from harness.reasons import Code
from harness.subjects import Inputs, build
from suites.runtimes.engine import Found, Layout

ENGINE = "suites.builders.runtimes:engine"


def case(graph="conv1x1", shape=(2, 16, 4, 4), layer="Conv 1x1", **chosen):
    options = dict({"engine": "fake", "graph": graph}, **chosen)
    return Case(layer, "fake", ENGINE, shape, options=tuple(sorted(options.items())))


@pytest.fixture
def fake(monkeypatch):
    """Let the builder find the fake engine that is given."""
    def put(**kind):
        engine = FakeEngine(**kind)
        monkeypatch.setattr("suites.builders.runtimes.find_engine", {"fake": engine}.__getitem__)
        return engine

    return put


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("graph, layer", [("conv1x1", "Conv 1x1"), ("conv3x3", "Conv 3x3"), ("wht1d-dense", "WHT 1D"),
                                          ("wht1d-two-stage", "WHT 1D"), ("wht2d", "WHT 2D"),
                                          ("squeeze-excite", "SE"), ("depthwise-separable", "Separable")])
def test_the_output_is_checked_against_float64_in_the_layout_of_the_engine(fake, graph, layer, layout):
    fake(layout=layout)
    found = verify_case(case(graph, layer=layer), Inputs(1))
    assert found.ok, found
    assert found.error < 1e-5 and found.parameters is not None and found.macs > 0
    assert not found.changes_input


def test_an_engine_that_computes_something_else_is_caught(fake):
    fake(scale=1.01)
    found = verify_case(case(), Inputs(1))
    assert found.ok is False and found.reason.code is Code.WRONG


def test_what_runs_is_told_with_version_precision_threads_and_size(fake):
    engine = fake()
    found = verify_case(case()._replace(threads=2), Inputs(1))
    assert found.implementation == "fake 1.2.3, float32, 1 thread, kernels: none, model 0.50 MB"
    assert engine.threads == [2]


def test_an_engine_that_is_not_installed_is_unavailable_with_its_remedy(fake):
    fake(found=Found(None, "fake is not installed", "pip install fake"))
    found = verify_case(case(), Inputs(1))
    assert (found.ok, found.reason.code) == (False, Code.UNAVAILABLE)
    assert found.reason.said == "fake is not installed; pip install fake"


def test_a_form_that_this_machine_lacks_is_unavailable_too(fake):
    fake(problem="this CPU does not compute in halves: use float32")
    found = verify_case(case(form="half", arithmetic="float16"), Inputs(1))
    assert found.reason.code is Code.UNAVAILABLE and "use float32" in found.reason.said


def test_an_engine_that_is_there_and_fails_says_so_as_a_fault(fake):
    fake(broken="fake cannot run this model: bad node")
    found = verify_case(case(), Inputs(1))
    assert found.reason.code is Code.CANNOT_RUN and "bad node" in found.reason.said


def test_a_form_in_fewer_bits_is_allowed_what_its_bits_cost(fake):
    fake()
    subject = build(case(form="half", arithmetic="float16"), Inputs(1))
    assert subject.tolerance == 5e-2
    assert build(case(), Inputs(1)).tolerance is None
