"""The papers' script as a case: what is inside its clock, in which order, and that its output is right."""

import pytest

import suites
from harness.passes.verify import verify_case
from harness.plan import Target
from harness.reasons import Code
from harness.subjects import Inputs, build
from suites.builders.protocol import uniform
from suites.runtimes.engines.litert import LiteRT

HERE = LiteRT().find()
NEEDED = pytest.mark.skipif(HERE.version is None, reason="{}: {}".format(HERE.reason, HERE.remedy))


def case(form="stock", graph="conv1x1", images=2):
    found, = [one for comparison in suites.load_suite("protocol").comparisons(Target()) for one in comparison.cases
              if dict(one.options).get("form") == form and dict(one.options)["graph"] == graph]
    return found._replace(shape=(images, 16, 4, 4))


class Listening:
    """Passes every call on to an interpreter and notes its name."""

    def __init__(self, interpreter, log):
        self._interpreter, self._log = interpreter, log

    def __getattr__(self, name):
        found = getattr(self._interpreter, name)

        def call(*arguments):
            self._log.append(name)
            return found(*arguments)

        return call


@NEEDED
@pytest.mark.parametrize("form", ["builtin", "stock"])
@pytest.mark.parametrize("graph", ["conv1x1", "wht1d-dense", "wht1d-two-stage", "conv3x3", "wht2d", "squeeze-excite"])
def test_every_layer_of_the_script_is_right_in_both_forms(form, graph):
    found = verify_case(case(form, graph), Inputs(1))
    assert found.ok, found
    assert ("built-in" if form == "builtin" else "default delegate") in found.implementation


@NEEDED
def test_nothing_is_allocated_before_the_clock_and_each_image_takes_the_scripts_five_steps(monkeypatch):
    log = []
    made = LiteRT.interpreter
    monkeypatch.setattr(LiteRT, "interpreter", lambda self, *given: Listening(made(self, *given), log))
    subject = build(case(), Inputs(1))
    assert log == []
    subject.call()
    assert log == ["allocate_tensors", "get_input_details", "set_tensor", "invoke", "get_output_details",
                   "get_tensor"] * 2


def test_the_input_is_uniform_between_0_and_1():
    values = uniform(Inputs(1).get(case(images=200)).double())
    assert float(values.min()) >= 0.0 and float(values.max()) < 1.0
    for edge in (0.1, 0.5, 0.9):
        assert float((values < edge).double().mean()) == pytest.approx(edge, abs=0.01)


def test_without_the_engine_the_script_is_unavailable_with_a_remedy(monkeypatch):
    from suites.runtimes.engine import Found

    monkeypatch.setattr(LiteRT, "find", lambda self: Found(None, "there is no wheel", "use Python 3.8"))
    found = verify_case(case(), Inputs(1))
    assert (found.reason.code, found.reason.said) == (Code.UNAVAILABLE, "there is no wheel; use Python 3.8")
