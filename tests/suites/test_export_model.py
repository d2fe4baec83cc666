"""Layers, networks and a user's own modules as models of other engines, run at once."""

import os

import pytest
import torch

from suites.export import main, paths_of, shape_of
from suites.runtimes import find_engine
from suites.runtimes.engine import Found

OWN = """
from torch import nn
from suites import modules
from suites.layers import WalshHadamard1d

SUITE = modules.suite("mine", input_shape=(2, 32, 7, 7), baseline=("conv", lambda: nn.Conv2d(32, 32, 1)),
                      rivals={"wht": lambda: WalshHadamard1d(32)})
"""
ENGINES = {"onnx": "onnxruntime", "tflite": "litert", "ncnn": "ncnn"}


def needs(format_):
    found = find_engine(ENGINES[format_]).find()
    if found.version is None:
        pytest.skip("{}: {}".format(found.reason, found.remedy))


@pytest.mark.parametrize("format_", sorted(ENGINES))
@pytest.mark.parametrize("name", ["conv3x3", "wht1d-two-stage", "wht1d-fused", "wht2d", "wht2d-fused"])
def test_a_layer_is_written_and_equals_float64(name, format_, tmp_path, capsys):
    needs(format_)
    out = str(tmp_path / "deep" / "model")
    assert main([name, "--to", format_, "--shape", "1x32x8x8", "--out", out]) == 0
    told = capsys.readouterr().out
    assert "equals float64" in told and ("needs the operator" in told) is name.endswith("-fused")
    assert all(os.path.getsize(path) for path in paths_of(out, format_))


def test_a_wrong_model_is_written_and_says_so(tmp_path, capsys, monkeypatch):
    needs("onnx")
    from suites import export

    monkeypatch.setattr(export, "read", lambda loaded, model: -loaded.output())
    assert main(["conv1x1", "--to", "onnx", "--shape", "1x8x4x4", "--out", str(tmp_path / "m")]) == 1
    assert "DIFFERS from float64" in capsys.readouterr().out


def test_a_module_of_the_users_own_goes_to_onnx(tmp_path, capsys):
    needs("onnx")
    pytest.importorskip("onnxscript")
    (tmp_path / "own.py").write_text(OWN)
    assert main([str(tmp_path / "own.py") + ":wht", "--to", "onnx", "--out", str(tmp_path / "own")]) == 0
    assert "equals float64" in capsys.readouterr().out


def test_without_the_engine_the_file_is_there_and_not_called_right(tmp_path, capsys, monkeypatch):
    needs("onnx")
    monkeypatch.setattr(type(find_engine("onnxruntime")), "find",
                        lambda self: Found(None, "onnxruntime is not installed", "install it"))
    out = str(tmp_path / "m")
    assert main(["conv1x1", "--to", "onnx", "--shape", "1x8x4x4", "--out", out]) == 0
    told = capsys.readouterr().out
    assert "not run here: onnxruntime is not installed; install it" in told and "equals" not in told
    assert os.path.exists(out + ".onnx")


@pytest.mark.parametrize("arguments, said", [
    (["nosuch", "--to", "onnx"], "there is no layer 'nosuch'"),
    (["conv1x1", "--to", "onnx", "--shape", "1x8x4"], "write N, C, H and W"),
    (["conv1x1", "--to", "onnx", "--shape", "1x0x4x4"], "write N, C, H and W"),
    (["wht1d-fused", "--to", "onnx", "--shape", "1x12x4x4"], "power of two"),
    (["wht2d-fused", "--to", "onnx", "--shape", "1x12x1x1"], "larger than 1x1"),
    (["own.py:wht", "--to", "tflite"], "ONNX only"),
    (["absent.py:wht", "--to", "onnx"], "absent.py"),
])
def test_what_cannot_be_written_is_one_sentence(arguments, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and not os.listdir(str(tmp_path))


def test_a_missing_package_is_told_with_what_installs_it(tmp_path, capsys, monkeypatch):
    def missing(*arguments):
        raise ImportError("No module named 'onnx'")

    monkeypatch.setattr("suites.export.export_described", missing)
    assert main(["conv1x1", "--to", "onnx", "--out", str(tmp_path / "m.onnx")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("export: No module named 'onnx': './run_bench.sh setup --runtimes' installs")
    assert said.count("\n") == 1


def test_a_full_disk_leaves_no_half_model(tmp_path, capsys):
    needs("onnx")
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(["conv1x1", "--to", "onnx", "--shape", "1x8x4x4", "--out", str(blocked / "m")]) == 2
    assert capsys.readouterr().err.startswith("export: ")


def test_a_shape_is_written_with_x_or_commas():
    assert shape_of("1x2x3x4") == shape_of("1,2,3,4") == (1, 2, 3, 4)


def test_the_same_weights_come_out_every_time(tmp_path):
    needs("onnx")
    written = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        main(["conv1x1", "--to", "onnx", "--shape", "1x8x4x4", "--out", str(tmp_path / str(seed))])
        written.append((tmp_path / "{}.onnx".format(seed)).read_bytes())
    assert written[0] == written[1]
