import pytest
import torch

from harness.plan import Case, Target, check_comparison
from harness.settings import PASSES
from harness.subjects import Inputs, build
from harness.work_units import all_units
from suites import load_suite
from suites.builders import best, transforms
from suites.kernels.goals import goals

SUITE = load_suite("kernels")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_comparison_has_the_best_convolution_for_its_baseline_and_the_fused_layer_for_a_rival(device):
    for comparison in SUITE.comparisons(Target(device)):
        check_comparison(comparison)
        if comparison.id.startswith("kernels-training-"):  # against the layers themselves in stock operations
            stock = comparison.baseline.implementation
            assert stock in ("blocks", "matrix", "stock")
            forms = {form: {case.layer for case in comparison.cases if case.implementation == form}
                     for form in (stock, "fused")}
            assert forms[stock] == forms["fused"] and len(comparison.cases) == 2 * len(forms[stock])
        else:
            wanted = {"inference": "best", "training": "default"}
            assert comparison.baseline.implementation == wanted[comparison.baseline.mode]
        assert "fused" in [rival.implementation for rival in comparison.rivals]


@pytest.mark.parametrize("device, expected", [
    ("cpu", {"copy-memcpy", "copy-past-the-caches", "conv-1x1-default", "conv-1x1-int8"}),
    ("cuda", {"copy", "conv-1x1-default", "conv-1x1-tf32", "conv-1x1-float16", "conv-1x1-bfloat16",
              "wht-1d-float16-fused", "wht-1d-bfloat16-fused", "wht-1d-channels-last-fused"})])
def test_beside_the_best_stand_the_default_a_copy_and_other_precisions_under_names_of_their_own(device, expected):
    comparison = next(one for one in SUITE.comparisons(Target(device)) if one.id == "kernels-1d-10x1024x32x32")
    assert expected <= {case.slug for case in comparison.rivals}
    assert "int8" not in comparison.baseline.slug


def test_the_copy_is_one():
    case = Case("Copy", "", "suites.builders.copies:clone", (2, 3, 4, 5), memory_format="channels_last")
    inputs = Inputs(1)
    subject = build(case, inputs)
    assert torch.equal(subject.call(), inputs.get(case)) and subject.call().data_ptr() != inputs.get(case).data_ptr()
    assert subject.call().is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("allowed", [True, False])
def test_the_best_is_searched_with_tf32_as_the_case_runs_it_and_the_switch_put_back(allowed, monkeypatch):
    seen = []
    monkeypatch.setattr(best, "best_convolution", lambda x, ways: seen.append(
        torch.backends.cudnn.allow_tf32) or (ways[0], {ways[0].name: 1.0}))
    before = torch.backends.cudnn.allow_tf32
    build(Case("Conv 1x1", "TF32", "suites.builders.best:convolution", (1, 4, 3, 3), options=(("tf32", allowed),)),
          Inputs(1))
    assert seen == [allowed] and torch.backends.cudnn.allow_tf32 == before


@pytest.mark.slow
@pytest.mark.parametrize("block", [None, 8])
@pytest.mark.parametrize("form", ["two-stage", "butterfly"])
def test_the_compiled_layer_is_the_layer(block, form):
    case = SUITE.comparisons(Target())[0].baseline._replace(
        layer="WHT", implementation=form + " compiled", shape=(2, 16, 5, 5),
        options=(("compile", True), ("form", form)) + ((("block_size", block),) if block else ()))
    x = torch.randn(2, 16, 5, 5)
    build = transforms.block_wht1d if block else transforms.wht1d
    if not hasattr(torch, "compile"):
        with pytest.raises(RuntimeError, match="came with torch 2"):
            build(case, x)
        return
    subject = build(case, x)
    assert subject.implementation == form + ", compiled"
    assert torch.allclose(subject.call().double(), subject.reference(x.double()), atol=1e-5)


@pytest.mark.parametrize("device, copy", [("cpu", "Copy memcpy"), ("cuda", "Copy")])
def test_the_kernels_of_sums_stand_beside_the_best_dense_layer(device, copy):
    there = {one.id: one for one in SUITE.comparisons(Target(device, 1))}
    members = {"MF depthwise 3x3 " + member + " fused" for member in ("sum", "min", "match-min")}
    names = {case.name for case in there["kernels-depthwise-1x256x14x14"].cases}
    assert names >= members | {copy}
    assert names >= {"Depthwise 3x3 " + form for form in ("best", "default", "own kernel")}
    assert "MF linear min fused" in {case.name for case in there["kernels-linear-64x512"].cases}


def test_the_perceptron_is_there_on_a_cpu_where_it_has_a_kernel():
    there = {one.id: one for one in SUITE.comparisons(Target("cpu", 1))}
    assert "HT-perceptron, 3 paths fused" in {case.name for case in there["kernels-ht-1x64x8x8"].cases}
    assert not [one.id for one in SUITE.comparisons(Target("cuda")) if "-ht-" in one.id]


@pytest.mark.parametrize("suite", ["kernels", "kernels-all"])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_goal_names_cases_of_the_suite_in_one_comparison_each_side(suite, threads):
    target = Target("cpu", threads)
    cases = {one.case_id(case) for one in load_suite(suite).comparisons(target) for case in one.cases}
    every = goals(target)
    assert len(set(every)) == len(every) > 60
    for goal in every:
        assert {goal.case, *goal.rivals} <= cases, goal
        assert len({rival.split("/")[0] for rival in goal.rivals}) == 1
    assert (threads > 1) == any("-2t/" in goal.case for goal in every)


def test_every_comparison_of_two_cores_decides_a_goal():
    target = Target("cpu", 2)
    decided = {case.split("/")[0] for goal in goals(target) for case in (goal.case,) + goal.rivals}
    assert {one.id for one in SUITE.comparisons(target)} == decided


def test_the_goal_in_int8_is_that_of_a_cpu_with_or_without_tiles(tmp_path):
    found = {}
    for name, flags in (("tiles", "avx2 amx_int8"), ("none", "avx2")):
        (tmp_path / name).write_text("flags\t\t: {}\n".format(flags))
        found[name], = [goal.at_most for goal in goals(Target("cpu", 1), str(tmp_path / name)) if "int8" in goal.case]
    assert found == {"tiles": pytest.approx(1 / 1.5), "none": pytest.approx(1 / 6.0)}


def test_goals_are_of_the_cpu():
    assert goals(Target("cuda")) == []


def test_the_suite_tells_of_speed_alone_and_takes_two_launches():
    target = Target("cpu", 2)
    assert all(set(one.without) == {"memory", "energy"} for one in SUITE.comparisons(target))
    units = [unit for one in SUITE.comparisons(target)
             for unit in all_units(one, PASSES, SUITE.launches, repeats=3)]
    # three seconds each: a worker has to import torch and build its layers
    assert len(units) <= 150
    assert len([unit for one in SUITE.quick(SUITE.comparisons(target)) for unit in all_units(one, PASSES)]) <= 36


def test_quick_has_every_family_and_no_call_of_seconds():
    few = {one.id for one in SUITE.quick(SUITE.comparisons(Target("cpu", 2)))}
    for family in ("1d", "2d", "depthwise", "ht", "linear", "debut", "lhc", "training"):
        assert any(one.startswith("kernels-" + family) for one in few), family
    assert not any("10x1024x32x32" in one for one in few)


def test_all_forms_are_in_the_larger_suite():
    every = load_suite("kernels-all").comparisons(Target("cpu", 2))
    for one in SUITE.comparisons(Target("cpu", 2)):
        same, = [each for each in every if each.id == one.id]
        assert {case.name for case in one.cases} <= {case.name for case in same.cases}
    first = every[0]
    assert "WHT 1D butterfly compiled" in {case.name for case in first.cases} and len(every) > 60


@pytest.mark.parametrize("name", ["kernels-ht-1x64x8x8", "kernels-depthwise-1x256x14x14"])
def test_the_kernels_of_sums_agree_with_their_references(name):
    comparison = next(one for one in SUITE.comparisons(Target("cpu", 2)) if one.id == name)
    inputs = Inputs(1)
    for case in comparison.rivals:
        if case.implementation not in ("fused", "own kernel"):
            continue
        subject = build(case, inputs)
        assert torch.allclose(subject.call().double(), subject.reference(inputs.get(case).double()), atol=1e-4)
