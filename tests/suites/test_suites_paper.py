import csv
import os
import subprocess
import sys

import pytest

import suites
from harness.plan import Target, check_comparison, comparison_from_dict, comparison_to_dict

CPU, CUDA = Target("cpu", 4), Target("cuda", 4)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PUBLISHED = os.path.join(ROOT, "results", "published")
COLUMNS = ["comparison", "case", "quantity", "value", "unit", "device", "runtime", "protocol", "source", "note"]


def plan(target=CPU):
    return {comparison.id: comparison for comparison in suites.load_suite("paper").comparisons(target)}


def published_rows():
    rows = []
    for name in ("wht_1d.csv", "wht_2d.csv"):
        with open(os.path.join(PUBLISHED, name), newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == COLUMNS
            rows.extend(reader)
    return rows


def test_loading_every_suite_imports_no_torch_and_no_pandas():
    code = ("import sys, suites, harness.plan as p\n"
            "for name in suites.SUITES:\n"
            "    s = suites.load_suite(name); assert s.name == name; s.comparisons(p.Target('cpu', 2))\n"
            "sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'numpy')))")
    assert subprocess.call([sys.executable, "-c", code], cwd=ROOT) == 0


@pytest.mark.parametrize("target", [CPU, CUDA])
def test_case_names_are_unique_and_the_plan_survives_the_record(target):
    for comparison in plan(target).values():
        check_comparison(comparison)
        assert comparison_from_dict(comparison_to_dict(comparison)) == comparison


def test_it_holds_the_papers_shapes_and_layers():
    names = {key: [case.name for case in comparison.cases] for key, comparison in plan().items()}
    assert names["1d-32x32"] == names["1d-32x32-channels-last"] == [
        "Conv 1x1 best", "WHT 1D matrix", "WHT 1D two-stage", "WHT 1D butterfly", "WHT 1D fused",
        "WHT 1D two-stage compiled", "Conv 1x1 default"]
    assert names["2d-32x32"] == names["2d-8x8"] == [
        "Conv 3x3 best", "WHT 2D matrix", "WHT 2D butterfly", "WHT 2D fused", "WHT 2D matrix compiled",
        "Conv 3x3 default", "Squeeze-excite", "Depthwise 3x3 + 1x1", "Depthwise 3x3 own kernel"]
    shapes = {key: comparison.baseline.shape for key, comparison in plan().items()}
    assert shapes == {"1d-32x32": (10, 1024, 32, 32), "1d-32x32-channels-last": (10, 1024, 32, 32),
                      "2d-32x32": (10, 1024, 32, 32), "2d-8x8": (10, 1024, 8, 8),
                      "1d-published": (10, 1024, 32, 32), "2d-8x8-published": (10, 1024, 8, 8)}
    formats = {case.memory_format for case in plan()["1d-32x32-channels-last"].cases}
    assert formats == {"channels_last"}


def test_a_quick_run_keeps_every_claim_and_leaves_out_what_takes_minutes():
    suite = suites.load_suite("paper")
    found = {comparison.id: comparison for comparison in suite.quick(suite.comparisons(CPU))}
    assert set(found) == {"1d-32x32", "2d-8x8", "1d-published", "2d-8x8-published"}
    assert not any(dict(case.options).get("compile") for one in found.values() for case in one.cases)


@pytest.mark.parametrize("target", [CPU, CUDA])
def test_the_published_protocol_is_one_cpu_thread_and_says_what_it_is(target):
    published = [comparison for comparison in plan(target).values() if comparison.id.endswith("-published")]
    assert len(published) == 2
    for comparison in published:
        assert "TensorFlow Lite on the CPU, not CUDA" in comparison.note
        for case in comparison.cases:
            assert (case.device, case.threads, case.protocol) == ("cpu", 1, "published")


def test_other_cases_follow_the_target():
    for target in (CPU, CUDA):
        steady = [case for comparison in plan(target).values() for case in comparison.cases
                  if case.protocol == "steady"]
        assert steady
        assert {(case.device, case.threads) for case in steady} == {(target.device, target.threads)}


def test_on_cuda_tensor_core_convolutions_are_rivals_by_name_and_the_baseline_is_not_one():
    comparison = plan(CUDA)["1d-32x32"]
    assert dict(comparison.baseline.options).get("tf32", False) is False
    assert "TF32 is off" in comparison.note
    by_name = {case.name: case for case in comparison.rivals}
    assert dict(by_name["Conv 1x1 TF32"].options)["tf32"] is True
    assert by_name["Conv 1x1 float16"].dtype == "float16"
    assert by_name["Conv 1x1 bfloat16"].dtype == "bfloat16"
    assert by_name["WHT 1D float16 auto"].dtype == "float16"
    assert not any("TF32" in case.name for case in plan(CPU)["1d-32x32"].cases)


def test_every_published_row_belongs_to_a_case_and_names_its_source():
    rows = published_rows()
    assert len(rows) >= 30
    for row in rows:
        comparison = plan()[row["comparison"]]
        assert row["case"] in [case.slug for case in comparison.cases], row
        assert row["quantity"] and row["unit"] and row["device"] and row["runtime"] and row["protocol"]
        assert row["source"].startswith(("2104.07085", "2201.02711", "counted from 2201.02711")), row
        if row["value"]:
            float(row["value"])
        else:
            assert len(row["note"]) > 20, row


def test_the_published_numbers_are_the_papers():
    value = {(row["case"], row["quantity"]): row["value"] for row in published_rows()
             if row["value"] or row["device"] == "Jetson Nano"}
    assert value["conv-1x1", "time_s"] == "2.3204"
    assert value["wht-1d-matrix", "time_s"] == "5.1580"
    assert value["wht-1d-two-stage", "time_s"] == "1.1973"
    assert abs(float(value["wht-1d-two-stage", "speed_ratio"]) - 2.3204 / 1.1973) < 1e-3
    assert abs(float(value["wht-1d-matrix", "speed_ratio"]) - 2.3204 / 5.1580) < 1e-3
    assert value["wht-2d-matrix", "claimed_speed_ratio"] == "24"
    assert value["wht-2d-matrix", "memory_saving"] == "19.51"
    assert value["conv-3x3", "time_s"] == value["conv-3x3", "memory_bytes"] == ""
    assert [value[case, "parameters"] for case in ("conv-1x1", "conv-3x3", "wht-2d-matrix", "squeeze-excite")] == [
        "1049600", "9438208", "128", "525568"]
