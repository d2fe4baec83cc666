"""An engine that is not there says why and what to do; one that is there says what really runs."""

import json
import os
import re
import subprocess
import sys

import pytest
from engines_here import call, engine_or_skip, made

from suites.runtimes import ENGINES, find_engine, names
from suites.runtimes.engines import importing, litert
from suites.runtimes.engines.importing import Package
from suites.runtimes.status import found_apart
from suites.runtimes.status import status as told

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.mark.parametrize("name", names())
def test_an_engine_has_a_version_or_a_reason_with_a_remedy(name):
    found = find_engine(name).find()
    assert (found.version is None) == (found.reason is not None)
    assert found.version is not None or found.remedy


@pytest.mark.parametrize("name, module", [("onnxruntime", "onnxruntime"), ("ncnn", "ncnn"), ("openvino", "openvino"),
                                          ("onnxruntime", "onnx"), ("openvino", "onnx")])
def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it(name, module, monkeypatch):
    if sys.version_info < (3, 8) and name == "openvino":
        pytest.skip("no wheel")
    engine_or_skip(name)
    monkeypatch.setitem(sys.modules, module, None)
    found = find_engine(name).find()
    assert found.version is None and module in found.reason and "setup --runtimes" in found.remedy
    graph = made("conv1x1", (1, 4, 4, 4), 0)[0]
    assert module in find_engine(name).why_not(graph, "stock")


def test_an_old_python_is_told_that_there_is_no_wheel_and_which_python_has_one():
    found = Package("some-engine", "no_such_module", (9, 9)).find()
    assert found.reason == "there is no wheel of some-engine for CPython {}.{}".format(*sys.version_info[:2])
    assert "Python 9.9 or newer" in found.remedy


def test_on_python_3_6_tflite_means_another_environment(monkeypatch):
    monkeypatch.setattr(importing, "import_module", lambda name: (None, None))
    monkeypatch.setattr(litert, "import_module", lambda name: (None, None))
    monkeypatch.setattr(sys, "version_info", (3, 6, 9))
    found = find_engine("litert").find()
    assert found.reason == "there is no wheel of tflite-runtime for CPython 3.6"
    assert "Python 3.8, with tflite-runtime 2.13.0" in found.remedy


def test_a_wheel_that_cannot_be_imported_says_what_it_said(tmp_path, monkeypatch):
    (tmp_path / "broken_engine.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Package("broken-engine", "broken_engine").find()
    assert "libgomp.so.1" in found.reason and "is installed but cannot be imported" in found.reason


@pytest.mark.parametrize("version, fits", [("1.9.0", False), ("1.10.0", True), ("1.10", True), ("2.0rc1", True)])
def test_a_version_that_is_too_old_is_said_with_the_oldest_that_will_do(version, fits, tmp_path, monkeypatch):
    (tmp_path / "old_engine.py").write_text("__version__ = {!r}\n".format(version))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "old_engine", raising=False)
    found = Package("old-engine", "old_engine", least=(1, 10)).find()
    assert found.version == (version if fits else None)
    assert fits or found.reason == "old-engine 1.9.0 is older than 1.10, the oldest that this project can use"
    assert fits or "setup --runtimes" in found.remedy


def test_a_folder_that_happens_to_have_an_engines_name_is_no_engine(tmp_path, monkeypatch):
    (tmp_path / "folder_engine").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Package("folder-engine", "folder_engine").find()
    assert found.version is None and str(tmp_path / "folder_engine") in found.reason and "rename it" in found.remedy


@pytest.mark.parametrize("name", ["onnxruntime", "ncnn", "openvino"])
def test_the_oldest_versions_are_those_that_set_up_asks_for(name):
    with open(os.path.join(ROOT, "pyproject.toml")) as file:
        wanted = re.search(r'"{}>=([\d.]+)'.format(name), file.read())
    found = importing.import_module("suites.runtimes.engines." + name)[0].PACKAGE.least
    asked = tuple(map(int, wanted.group(1).split(".")))
    assert found == asked[:len(found)] and not any(asked[len(found):])


def test_an_engine_whose_import_kills_the_process_is_a_line_of_the_doctors_answer(monkeypatch):
    monkeypatch.setattr("suites.runtimes.status.QUESTION", "import os; os.kill(os.getpid(), 4)")
    found = found_apart("ncnn")
    assert found.version is None and "ended the process (signal 4)" in found.reason


def test_the_doctor_is_told_of_every_engine_but_torch():
    said = told()
    assert set(said) == set(ENGINES) - {"torch"}
    for one in said.values():
        assert one["available"] or one["reason"] and one["remedy"]
    json.dumps(said)


def test_nothing_is_imported_before_it_is_asked_for():
    code = "import sys\nfrom suites.runtimes import find_engine, names\nfor name in names(): find_engine(name)\n" \
           "print(sorted({'onnxruntime', 'onnx', 'ncnn', 'openvino', 'tflite', 'torch'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], universal_newlines=True).strip() == "[]"


@pytest.mark.parametrize("name, key, says", [
    ("litert", "kernels", "delegate"), ("onnxruntime", "spinning", "off"), ("ncnn", "kernels", "Winograd on"),
    ("openvino", "precision", "float32"), ("torch", "kernels", "")])
def test_a_loaded_model_says_what_really_runs(name, key, says):
    engine = engine_or_skip(name)
    graph, x, _ = made("conv3x3", (1, 8, 8, 8), 0)
    _, described = call(engine, graph, "stock", x)
    assert says in described[key] and described["version"] == engine.find().version
    assert described["threads"] == "1"


def test_built_in_kernels_are_told_from_the_delegates():
    engine = engine_or_skip("litert")
    graph, x, _ = made("conv3x3", (1, 8, 8, 8), 0)
    assert call(engine, graph, "builtin", x)[1]["kernels"] == "built-in"


@pytest.mark.parametrize("name", ["openvino", "ncnn"])
def test_half_precision_is_refused_where_the_processor_would_only_pretend(name):
    engine = engine_or_skip(name)
    graph = made("conv1x1", (1, 8, 8, 8), 0)[0]
    reason = engine.why_not(graph, "float16")
    assert reason is None or "does not compute in" in reason


def test_an_unknown_engine_or_form_names_the_right_ones():
    with pytest.raises(ValueError, match="there is no engine 'tflite': use torch, litert"):
        find_engine("tflite")
    with pytest.raises(ValueError, match="torch has no form 'fast' of conv1x1: use stock"):
        find_engine("torch").lower(made("conv1x1", (1, 8, 8, 8), 0)[0], "fast")
