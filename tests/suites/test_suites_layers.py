import importlib

import pytest
import torch

import suites
from harness.plan import Target, check_comparison, comparison_from_dict, comparison_to_dict
from suites import layers_suite

CPU, CUDA = Target("cpu", 2), Target("cuda", 2)


def plan(target=CPU):
    return suites.load_suite("layers").comparisons(target)


@pytest.mark.parametrize("target", [CPU, CUDA])
def test_ids_and_case_names_are_unique_and_the_plan_survives_the_record(target):
    found = plan(target)
    assert len({comparison.id for comparison in found}) == len(found)
    for comparison in found:
        check_comparison(comparison)
        assert comparison_from_dict(comparison_to_dict(comparison)) == comparison
        for case in comparison.cases:
            assert (case.device, case.threads) == (target.device, target.threads)


def test_it_spans_channels_16_to_2048_planes_7_to_112_both_batches_types_and_modes():
    cases = [case for comparison in plan() for case in comparison.cases]
    assert {case.shape[1] for case in cases} >= {16, 32, 64, 128, 256, 512, 1024, 2048}
    assert {case.shape[2] for case in cases if len(case.shape) == 4} >= {7, 14, 28, 56, 112}
    assert {case.shape[0] for case in cases} == {1, 10}
    assert {case.dtype for case in cases} == {"float32", "float16"}
    assert {case.mode for case in cases} == {"inference", "training"}


def test_every_layer_of_the_papers_has_a_baseline_it_replaces():
    pairs = {(comparison.baseline.layer, case.layer) for comparison in plan() for case in comparison.rivals}
    assert pairs >= {("Conv 1x1", "WHT 1D"), ("Conv 1x1", "Block WHT 1D"), ("Conv 3x3", "WHT 2D"),
                     ("Conv 3x3", "HT-perceptron, 3 paths"), ("Squeeze-excite", "WHT 2D"),
                     ("Depthwise 3x3", "MF depthwise 3x3 sum"), ("Linear", "MF linear match-min")}


def test_the_layer_in_int8_is_judged_by_the_convolution_in_int8_with_both_in_float32_beside_them():
    found = [comparison for comparison in plan() if comparison.id.startswith("int8-")]
    assert {comparison.baseline.shape[1] for comparison in found} >= {64, 256, 1024, 2048}
    for comparison in found:
        assert (comparison.baseline.layer, comparison.baseline.arithmetic) == ("Conv 1x1", "int8")
        assert {(case.layer, case.arithmetic) for case in comparison.rivals} == {
            ("WHT 1D int8", "int8"), ("WHT 1D", "float32"), ("Conv 1x1", "float32")}
    assert not any(comparison.id.startswith("int8-") for comparison in plan(CUDA))  # torch has none there


def test_sweeps_change_one_size_and_name_it_in_every_case():
    sweeps = {}
    for comparison in plan():
        options = [dict(case.options) for case in comparison.cases]
        marks = {(o.get("sweep"), o.get("sweep_axis"), o.get("sweep_value")) for o in options}
        assert len(marks) == 1
        name, axis, value = marks.pop()
        if name is not None:
            sweeps.setdefault((name, axis), []).append(value)
            assert value == comparison.baseline.shape[1 if axis == "channels" else 2]
    assert len(sweeps) >= 6
    for values in sweeps.values():
        assert values == sorted(set(values)) and len(values) >= 4


def test_every_builder_the_suites_name_exists():
    for name in suites.SUITES:
        for comparison in suites.load_suite(name).comparisons(CUDA):
            for case in comparison.cases:
                module, function = case.builder.split(":")
                assert callable(getattr(importlib.import_module(module), function)), case.builder


def test_quick_is_a_small_part_of_the_plan_with_every_family_type_and_mode():
    found = layers_suite.quick(plan())
    assert {comparison.id for comparison in found} == set(layers_suite.QUICK)
    families = {comparison.id.split("-")[0] for comparison in found}
    assert families == set(layers_suite.FAMILIES)
    assert {comparison.baseline.mode for comparison in found} == {"inference", "training"}
    assert {comparison.baseline.dtype for comparison in found} == {"float32", "float16"}
    assert sum(len(comparison.cases) for comparison in found) <= 58


@pytest.mark.parametrize("comparison", [one for one in plan() if one.id in (
    "1x1-c16-14x14-b1", "3x3-c16-14x14-b10", "depthwise-c16-14x14-b10", "gate-c16-7x7-b10", "linear-c16-b10")],
    ids=lambda comparison: comparison.id)
def test_small_cases_of_every_family_agree_with_their_references(comparison):
    for case in comparison.cases:
        if case.implementation == "fused":
            case = case._replace(implementation="auto")
        x = torch.randn(case.shape, generator=torch.Generator().manual_seed(2))
        module, function = case.builder.split(":")
        built = getattr(importlib.import_module(module), function)(case, x)
        want = built.reference(x[:1].double())
        assert (built.call()[:1].double() - want).abs().max() < 1e-5 * want.pow(2).mean().sqrt(), case.name
        assert built.parameters > 0 and built.macs > 0
