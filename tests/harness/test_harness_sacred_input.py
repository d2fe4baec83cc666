"""All rivals share one input and one process: who changes either is found, named, and hurts nobody else."""

import os

import pytest
import torch

from harness.passes import entrants
from harness.passes import time as time_pass
from harness.passes.process_state import denormals_are_flushed, put_back, read_state
from harness.passes.shared_input import Guard, SharedInputError, check
from harness.passes.verify import run as verify
from harness.passes.verify import same_bits
from harness.plan import Case, Target, comparison_to_dict
from harness.reasons import Code
from harness.record.codec import Decoder
from harness.record.lines import CheckResult
from harness.rule import Rule, rule_to_dict
from harness.subjects import prepare
from suites.builders.subject import with_tf32
from suites.user_file import load_suite_file
from tests.patience import LONG_S

SUITE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "disturbing_suite.py")


@pytest.fixture(scope="module")
def comparison():
    one, = load_suite_file(SUITE).comparisons(Target("cpu", 1))
    return one


@pytest.fixture(scope="module")
def job(comparison):
    return {"comparison": comparison_to_dict(comparison), "cases": list(map(comparison.case_id, comparison.cases)),
            "seed": 1}


@pytest.fixture(scope="module")
def results(job):
    found = [Decoder().decode(CheckResult, one) for one in verify(job, lambda *_: None)["results"]]
    return {one.case.split("/")[1]: one for one in found}


def test_a_layer_that_works_in_place_is_named_and_the_next_one_gets_what_it_should(results):
    assert results["in-place"].changes_input and results["in-place"].ok is True
    assert not any(results[name].changes_input for name in ("plain", "disturbs", "nan", "innocent"))
    assert results["innocent"].ok is True


def test_what_a_layer_changes_for_the_whole_process_is_named_and_put_back(results):
    assert set(results["disturbs"].disturbs) >= {"threads", "default_dtype", "denormals_flushed"}
    assert results["innocent"].disturbs == ()
    assert torch.get_default_dtype() is torch.float32 and not denormals_are_flushed()


def test_a_nan_in_an_output_that_nothing_checks_is_said(results):
    assert results["nan"].ok is None and results["nan"].reason.code is Code.NOT_FINITE_UNCHECKED


def test_an_innocent_rival_is_not_slowed_by_the_one_that_works_in_place(job):
    timed = dict(job, pinned={}, own_input=["disturbing/in-place"], disturbing=["disturbing/disturbs"], launch=1,
                 rule=rule_to_dict(Rule(max_rounds=12)), role="first", budget_s=1.0, limit_s=LONG_S)
    seen = []
    subject = entrants.build

    def watched(case, inputs, own_input=False):
        seen.append((case.slug, own_input))
        made = subject(case, inputs, own_input)
        watched.shared = inputs.get(case)
        return made

    entrants.build = watched
    try:
        time_pass.run(timed, lambda *_: None)
    finally:
        entrants.build = subject
    assert dict(seen)["in-place"] is True and dict(seen)["innocent"] is False
    assert float(watched.shared.std()) == pytest.approx(1.0, abs=0.05)  # not halved hundreds of times
    assert torch.get_num_threads() == 1 and not denormals_are_flushed()


class Late:
    """A layer that works in place from its second call on, as one that has traced itself may."""

    def __init__(self, x):
        self.x, self.calls = x, 0

    def __call__(self):
        self.calls += 1
        return self.x.mul_(0.5) if self.calls > 1 else self.x * 0.5


def test_a_layer_that_works_in_place_later_voids_the_launch_and_is_named(job, comparison, monkeypatch):
    subject = entrants.build

    def late(case, inputs, own_input=False):
        made = subject(case, inputs, own_input)
        return made._replace(call=Late(inputs.get(case))) if case.slug == "nan" else made

    marks = []
    monkeypatch.setattr(entrants, "build", late)
    monkeypatch.setattr(time_pass, "marker", lambda job: marks.append)
    timed = dict(job, pinned={}, own_input=["disturbing/in-place"], disturbing=["disturbing/disturbs"], launch=1,
                 rule=rule_to_dict(Rule(max_rounds=12)), role="first", budget_s=1.0, limit_s=LONG_S)
    with pytest.raises(SharedInputError):
        time_pass.run(timed, lambda *_: None)
    assert job["cases"][marks[-1]] == "disturbing/nan"


def test_an_input_that_nobody_changes_again_is_told_without_a_name():
    x = torch.ones(4)
    guard, named = Guard([x]), []
    x.add_(1)
    with pytest.raises(SharedInputError):
        check(guard, [lambda: x + 1], lambda: None, named.append)
    assert named == [] and guard.intact()
    check(guard, [lambda: x + 1], lambda: None, named.append)


def test_bits_are_compared_and_not_values():
    nan = torch.tensor([float("nan"), 0.0])
    assert same_bits(nan, nan.clone())
    assert not same_bits(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert same_bits(nan.half(), nan.half()) and same_bits(nan.double(), nan.double())


def test_the_state_of_the_process_is_put_back_as_it_was():
    before = read_state(torch)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    assert put_back(torch, before) == ("grad_mode", "deterministic")
    assert read_state(torch) == before


def test_a_case_in_tf32_changes_the_process_for_nobody(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before, benchmark = read_state(torch), torch.backends.cudnn.benchmark
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True   # torch's own default for one
    try:
        prepare([Case("conv", "", "m:f", (1, 1, 4, 4), device="cuda", threads=torch.get_num_threads())])
        state, seen = read_state(torch), []
        for allowed in (False, True, False):
            with_tf32(lambda: seen.append(read_state(torch).convolution_tf32), allowed)()
            assert put_back(torch, state) == ()
        assert seen == [False, True, False] and state.matmul_tf32 is False
    finally:
        torch.backends.cudnn.benchmark = benchmark
        put_back(torch, before)
