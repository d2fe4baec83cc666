"""The kernels' own test program, built for other instruction sets and under sanitizers."""

import os
import platform
import shutil
import subprocess

import pytest

from suites.kernels import build

HERE = os.path.dirname(os.path.abspath(__file__))
X86 = platform.machine() in ("x86_64", "AMD64")


def has(flag):
    with open("/proc/cpuinfo") as file:
        return flag in file.read().split()


def run(folder, compiler, flags, arguments, emulator=(), program="kernel"):
    if shutil.which(compiler) is None:
        pytest.skip("{} is not installed".format(compiler))
    for name in emulator:
        if shutil.which(name) is None:
            pytest.skip("{} is not installed".format(name))
    path = os.path.join(str(folder), "program")
    subprocess.check_call([compiler, "-std=c++14", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-pthread"]
                          + flags + ["-I", build.SOURCE_FOLDER, "-I", os.path.join(build.SOURCE_FOLDER, "common"),
                             os.path.join(HERE, program + "_program.cpp"), "-o", path])
    process = subprocess.Popen(list(emulator) + [path] + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               universal_newlines=True)
    output = process.communicate()[0]
    assert process.returncode == 0, output[-3000:]
    assert " 0 failures" in output
    return output


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@pytest.mark.parametrize("name,flags,needs,vector", [
    ("baseline", [], None, 16), ("avx2", ["-mavx2", "-mfma"], "avx2", 32), ("native", ["-march=native"], None, None)])
def test_every_instruction_set_gives_the_sums_of_the_test_program(tmp_path, name, flags, needs, vector):
    if needs and not has(needs):
        pytest.skip("this CPU has no {}".format(needs))
    output = run(tmp_path, "g++", ["-O1"] + flags, ["800", "3", "4096"])
    assert vector is None or "{}-byte vectors".format(vector) in output


TWO_BYTES = pytest.mark.parametrize("element", ["bf16", "fp16"])


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@TWO_BYTES
@pytest.mark.parametrize("flags,needs", [
    ([], None), (["-mavx2", "-mfma", "-mf16c"], "f16c"), (["-march=native"], None)],
    ids=["baseline", "avx2", "native"])
def test_every_instruction_set_rounds_two_byte_types_once(tmp_path, element, flags, needs):
    if needs and not has(needs):
        pytest.skip("this CPU has no {}".format(needs))
    assert "2-byte elements" in run(tmp_path, "g++", ["-O1", "-DELEMENT=" + element] + flags, ["400", "3", "4096"])


@pytest.mark.slow
@TWO_BYTES
def test_sanitizers_find_nothing_in_two_byte_types(tmp_path, element):
    run(tmp_path, "g++", ["-O1", "-g", "-fsanitize=address", "-fno-sanitize-recover=all", "-march=native",
                          "-DELEMENT=" + element], ["150", "4", "512"])


@pytest.mark.slow
@TWO_BYTES
def test_aarch64_rounds_two_byte_types_once_under_emulation(tmp_path, element):
    run(tmp_path, "aarch64-linux-gnu-g++", ["-O2", "-mcpu=cortex-a57", "-static", "-DELEMENT=" + element],
        ["150", "3", "1024"], ["qemu-aarch64-static"])


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
@pytest.mark.parametrize("flags", [["-march=native"], []], ids=["native", "baseline"])
def test_sanitizers_find_nothing(tmp_path, sanitizer, flags):
    run(tmp_path, "g++", ["-O1", "-g", "-fsanitize=" + sanitizer, "-fno-sanitize-recover=all"] + flags,
        ["150", "4", "512"])


@pytest.mark.slow
def test_clang_builds_the_same_kernels(tmp_path):
    compiler = next((name for name in ("clang++", "clang++-14") if shutil.which(name)), "clang++")
    run(tmp_path, compiler, ["-O1", "-march=native"], ["300", "3", "1024"])


@pytest.mark.slow
def test_aarch64_gives_the_same_sums_under_emulation(tmp_path):
    run(tmp_path, "aarch64-linux-gnu-g++", ["-O2", "-mcpu=cortex-a57", "-static"], ["250", "3", "1024"],
        ["qemu-aarch64-static"])


FAMILIES = pytest.mark.parametrize("family", ["debut", "int8", "lhc"])


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@FAMILIES
@pytest.mark.parametrize("flags,needs,vector", [
    ([], None, 16), (["-mavx2", "-mfma"], "avx2", 32), (["-march=native"], None, None)],
    ids=["baseline", "avx2", "native"])
def test_every_instruction_set_gives_the_sums_of_a_familys_program(tmp_path, family, flags, needs, vector):
    if needs and not has(needs):
        pytest.skip("this CPU has no {}".format(needs))
    output = run(tmp_path, "g++", ["-O1"] + flags, ["300", "3"], program=family)
    assert vector is None or "{}-byte vectors".format(vector) in output


@pytest.mark.slow
@FAMILIES
@pytest.mark.parametrize("sanitizer,flags", [  # undefined with AVX-512 takes the compiler minutes
    ("address", ["-march=native"]), ("thread", ["-march=native"]), ("address,undefined", [])],
    ids=["address", "thread", "undefined"])
def test_sanitizers_find_nothing_in_a_family(tmp_path, family, sanitizer, flags):
    run(tmp_path, "g++", ["-O1", "-g", "-fsanitize=" + sanitizer, "-fno-sanitize-recover=all"] + flags, ["100", "3"],
        program=family)


@pytest.mark.slow
@FAMILIES
def test_aarch64_gives_the_sums_of_a_familys_program_under_emulation(tmp_path, family):
    run(tmp_path, "aarch64-linux-gnu-g++", ["-O2", "-mcpu=cortex-a57", "-static"], ["100", "3"],
        ["qemu-aarch64-static"], family)
