"""The suites of the engines: planned without any of them, every case described, absent engines said, and an end."""

import os
import subprocess
import sys

import pytest

import suites
from harness import load_run
from harness.plan import Target, check_comparison, comparison_from_dict, comparison_to_dict
from harness.process import worker_environment
from harness.reasons import Code
from harness.worker import resolve
from suites.runtimes import ENGINES
from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPU = Target("cpu", 4)


def plan(name, target=CPU):
    return {one.id: one for one in suites.load_suite(name).comparisons(target)}


@pytest.mark.parametrize("name", ["runtimes", "protocol"])
def test_planning_imports_no_engine(name):
    code = ("import sys, suites, harness.plan as p\n"
            "suites.load_suite({!r}).comparisons(p.Target('cpu', 2))\n"
            "heavy = ('torch', 'numpy', 'onnxruntime', 'ncnn', 'openvino', 'ai_edge_litert', 'tflite_runtime')\n"
            "loaded = [m for m in sys.modules if m.split('.')[0] in heavy]\n"
            "sys.exit(repr(loaded) if loaded else 0)").format(name)
    assert subprocess.call([sys.executable, "-c", code], cwd=ROOT) == 0


@pytest.mark.parametrize("name", ["runtimes", "protocol"])
@pytest.mark.parametrize("target", [Target("cpu", 1), CPU, Target("cuda", 4)])
def test_every_case_has_a_process_of_its_own_a_builder_and_a_description(name, target):
    from suites.builders.described import FAMILIES, NETWORK

    for one in plan(name, target).values():
        check_comparison(one)
        assert comparison_from_dict(comparison_to_dict(one)) == one
        assert one.apart
        for case in one.cases:
            options = dict(case.options)
            assert callable(resolve(case.builder)) and options["engine"] in ENGINES
            assert case.device == "cpu"
            if "graph" in options:
                assert options["graph"] in FAMILIES or options["graph"] == NETWORK


def test_the_runtimes_suite_holds_every_engine_layer_and_way_to_run_it():
    found = plan("runtimes")
    cases = [case for one in found.values() for case in one.cases]
    assert {dict(case.options)["engine"] for case in cases} == {"torch", "litert", "onnxruntime", "openvino", "ncnn"}
    graphs = {dict(case.options).get("graph") for case in cases}
    assert graphs >= {"conv1x1", "conv3x3", "wht1d-dense", "wht1d-two-stage", "wht1d-fused", "wht2d-fused",
                      "squeeze-excite", "depthwise-separable"} and graphs & {"wht2d", "wht2d-kron"}
    assert {(case.shape[0], case.threads) for case in cases} == {(1, 1), (10, 4)}
    assert {"int8", "float16", "float32"} <= {case.arithmetic for case in cases}
    assert all(one.pairs for one in found.values())


def test_mobilenet_is_run_dense_and_replaced_in_torch_and_two_engines_and_its_memory_is_measured():
    one = plan("runtimes")["network-224x224-b1-t1"]
    told = [(case.layer, dict(case.options)["engine"]) for case in one.cases]
    replaced = "MobileNet-V2 FWHT last 5 and head"
    assert told == [(layer, engine) for layer in ("MobileNet-V2", replaced)
                    for engine in ("torch", "litert", "onnxruntime")]
    assert {case.shape for case in one.cases} == {(1, 3, 224, 224)} and "memory" not in one.without
    chosen = [{key: value for key, value in dict(case.options).items() if key not in ("engine", "graph")}
              for case in one.cases]
    assert chosen[0] == chosen[1] == chosen[2] and chosen[3] == chosen[4] == chosen[5] != chosen[0]


def test_the_suite_judges_the_projects_operator_against_every_stock_form_in_its_engine_itself():
    planned = {one.case_id(case): case for one in plan("runtimes").values() for case in one.cases}
    goals = suites.load_suite("runtimes").goals(CPU)
    custom = [name for name, case in planned.items() if dict(case.options).get("form") == "custom"]
    wanted = {(name, other) for name in custom for other, case in planned.items()
              if case.layer == planned[name].layer and other != name and other.split("/")[0] == name.split("/")[0]
              and dict(case.options)["engine"] == dict(planned[name].options)["engine"]}
    assert {(goal.case, rival) for goal in goals for rival in goal.rivals} == wanted and len(custom) == 15
    # each of an engine's forms: where one is not the fastest, another is
    forms = {dict(planned[rival].options)["graph"] + " " + dict(planned[rival].options).get("form", "stock")
             for case, rival in wanted if dict(planned[case].options)["engine"] == "onnxruntime"}
    assert forms >= {"wht1d-two-stage stock", "wht1d-two-stage channels-last", "wht1d-dense stock",
                     "wht2d-kron stock", "wht2d stock", "wht2d channels-last"}
    # at every shape of either layer, in every engine that takes operators
    shapes = {(case.layer, name.split("/")[0]) for name, case in planned.items() if case.layer.startswith("WHT")}
    assert len(shapes) == 5 and {(planned[name].layer, name.split("/")[0],
                                  dict(planned[name].options)["engine"]) for name in custom} == {
        one + (engine,) for one in shapes for engine in ("litert", "onnxruntime", "ncnn")}
    assert all(goal.at_most == 1.0 for goal in goals)


def test_a_case_in_another_type_is_named_after_it():
    for one in plan("runtimes").values():
        for case in one.cases:
            assert case.arithmetic == "float32" or case.arithmetic in case.name


def test_a_quick_run_keeps_both_papers_layers():
    suite = suites.load_suite("runtimes")
    found = suite.quick(suite.comparisons(CPU))
    assert [one.id for one in found] == ["1x1-32x32-b1-t1", "3x3-8x8-b1-t1"]
    assert not any("dense" in case.name for one in found for case in one.cases)


def test_the_script_is_played_in_its_order_and_its_forms_are_never_mixed():
    found = plan("protocol")
    assert set(found) == {"1d-script-builtin", "1d-script-stock", "1d-ours", "2d-script-builtin", "2d-script-stock",
                          "2d-ours"}
    for ident, one in found.items():
        forms = {dict(case.options).get("form", "stock") for case in one.cases}
        assert forms == {"builtin" if "builtin" in ident else "stock"}
        if "script" in ident:
            assert [case.protocol for case in one.cases] == ["published"] * 3
            assert all(case.shape[0] == 10 for case in one.cases)
    assert [case.layer for case in found["1d-script-builtin"].cases] == ["Conv 1x1", "WHT 1D dense", "WHT 1D fast"]


def test_every_case_of_the_script_names_a_printed_case():
    from reports.findings.published import read_published

    printed = {"{}/{}".format(one.comparison, one.case) for one in read_published()}
    named = [dict(case.options).get("published") for one in plan("protocol").values() for case in one.cases]
    assert {name for name in named if name} <= printed and len([name for name in named if name]) == 16


@pytest.mark.slow
def test_without_any_engine_the_suite_says_so_of_each_and_ends_well(tmp_path):
    """Engines that are hidden from the workers are absent with reason and remedy; torch's own cases are timed."""
    hidden = tmp_path / "hidden"
    for name in ("onnxruntime", "ncnn", "openvino", "ai_edge_litert", "tflite_runtime"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ModuleNotFoundError('', name={!r})".format(name))
    environment = worker_environment({})
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(hidden)])
    command = ["run", "runtimes", "--quick", "--budget", "5s", "--device", "cpu", "--threads", "1", "--out",
               str(tmp_path / "out"), "--only", "3x3-8x8-b1*"]
    done = subprocess.run([sys.executable, "-m", "harness"] + command, cwd=ROOT, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONG_S)
    assert done.returncode == 0, done.stdout.decode()
    found = load_run(str(next((tmp_path / "out").iterdir())))
    for place in found.places():
        check = found.check(place.id)
        if dict(place.case.options)["engine"] == "torch":
            assert check.ok
        else:
            assert check.reason.code is Code.UNAVAILABLE and "./run_bench.sh" in check.reason.said
    line, = found.timed("3x3-8x8-b1-t1")
    timed = {place.id for place in found.places() if dict(place.case.options)["engine"] == "torch"}
    assert set(line.series[0].entrants) == timed and len(line.series[0].entrants) == 1 + len(timed)
