"""The test program of the depthwise, HT-perceptron and dense kernels, for other instruction sets and sanitizers."""

import os
import shutil
import subprocess

import pytest
from test_kernels_program import HERE, X86, has

from suites.kernels import build
from suites.kernels.families import COMMON_FOLDER

FAMILIES = {"depthwise": 1, "ht": 2, "mf": 3}


def run(folder, family, compiler, flags, arguments, emulator=()):
    for program in (compiler,) + tuple(emulator):
        if shutil.which(program) is None:
            pytest.skip("{} is not installed".format(program))
    path = os.path.join(str(folder), "program")
    subprocess.check_call(
        [compiler, "-std=c++14", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi", "-pthread"]
        + flags + ["-DFAMILY={}".format(FAMILIES[family]), "-I", build.SOURCE_FOLDER, "-I",
           os.path.join(build.SOURCE_FOLDER, COMMON_FOLDER), os.path.join(HERE, "sums_program.cpp"), "-o", path])
    process = subprocess.Popen(list(emulator) + [path] + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               universal_newlines=True)
    output = process.communicate()[0]
    assert process.returncode == 0, output[-3000:]
    assert " 0 failures" in output and not output.startswith("0 comparisons")
    return output


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("name,flags,needs,vector", [
    ("baseline", [], None, 16), ("avx2", ["-mavx2", "-mfma"], "avx2", 32), ("native", ["-march=native"], None, None)])
def test_every_instruction_set_gives_the_sums_of_the_test_program(tmp_path, family, name, flags, needs, vector):
    if needs and not has(needs):
        pytest.skip("this CPU has no {}".format(needs))
    output = run(tmp_path, family, "g++", ["-O1"] + flags, ["400", "3"])
    assert vector is None or "{}-byte vectors".format(vector) in output


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
@pytest.mark.parametrize("flags", [["-march=native"], []], ids=["native", "baseline"])
def test_sanitizers_find_nothing(tmp_path, family, sanitizer, flags):
    run(tmp_path, family, "g++", ["-O1", "-g", "-fsanitize=" + sanitizer, "-fno-sanitize-recover=all"] + flags,
        ["100", "4"])


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_clang_builds_the_same_kernels(tmp_path, family):
    compiler = next((name for name in ("clang++", "clang++-14") if shutil.which(name)), "clang++")
    run(tmp_path, family, compiler, ["-O1", "-march=native"], ["150", "3"])


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_aarch64_gives_the_same_sums_under_emulation(tmp_path, family):
    run(tmp_path, family, "aarch64-linux-gnu-g++", ["-O2", "-mcpu=cortex-a57", "-static"], ["150", "3"],
        ["qemu-aarch64-static"])
