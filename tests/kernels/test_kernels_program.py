"""The kernels' own test programs, built for other instruction sets and by other compilers."""

import os
import shutil
import subprocess

import pytest
from programs import PROGRAMS, X86, has, passes

from suites.kernels import build
from suites.kernels.families import COMMON_FOLDER

EVERY = pytest.mark.parametrize("name", sorted(PROGRAMS))
TWO_BYTES = pytest.mark.parametrize("element", ["bf16", "fp16"])
#: Cases that a program does in seconds.
CASES = {"wht": ["800", "3", "4096"]}
FEWER = {"wht": ["250", "3", "1024"]}
ARM = ("aarch64-linux-gnu-g++", ["-O2", "-mcpu=cortex-a57", "-static"])
EMULATOR = ["qemu-aarch64-static"]


@pytest.mark.skipif(not X86 or shutil.which("g++") is None, reason="x86 and g++ only")
def test_gcc_has_the_masked_instructions_by_name_and_reads_no_header_of_intrinsics():
    read = subprocess.check_output(
        ["g++", "-x", "c++", "-std=c++14", "-mavx512f", "-E", "-I", build.SOURCE_FOLDER,
         os.path.join(build.SOURCE_FOLDER, COMMON_FOLDER, "lanes.h")], universal_newlines=True)
    assert "__builtin_ia32_loadups512_mask(p" in read and "immintrin.h" not in read


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@EVERY
@pytest.mark.parametrize("flags,needs,vector", [
    ([], None, 16), (["-mavx2", "-mfma"], "avx2", 32), (["-march=native"], None, None)],
    ids=["baseline", "avx2", "native"])
def test_every_instruction_set_gives_the_sums_of_the_test_program(builds, name, flags, needs, vector):
    if needs and not has(needs):
        pytest.skip("this CPU has no {}".format(needs))
    output = passes(builds.program(name, "g++", ["-O1"] + flags), CASES.get(name, ["300", "3"]))
    assert vector is None or "{}-byte vectors".format(vector) in output


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@TWO_BYTES
@pytest.mark.parametrize("flags,needs", [
    ([], None), (["-mavx2", "-mfma", "-mf16c"], "f16c"), (["-march=native"], None)],
    ids=["baseline", "avx2", "native"])
def test_every_instruction_set_rounds_two_byte_types_once(builds, element, flags, needs):
    if needs and not has(needs):
        pytest.skip("this CPU has no {}".format(needs))
    output = passes(builds.program("wht", "g++", ["-O1", "-DELEMENT=" + element] + flags), ["400", "3", "4096"])
    assert "2-byte elements" in output


@pytest.mark.slow
@TWO_BYTES
def test_aarch64_rounds_two_byte_types_once_under_emulation(builds, element):
    compiler, flags = ARM
    passes(builds.program("wht", compiler, flags + ["-DELEMENT=" + element]), ["150", "3", "1024"], EMULATOR)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["depthwise", "ht", "mf", "wht"])
def test_clang_builds_the_same_kernels(builds, name):
    compiler = next((one for one in ("clang++", "clang++-14") if shutil.which(one)), "clang++")
    passes(builds.program(name, compiler, ["-O1", "-march=native"]), FEWER.get(name, ["150", "3"]))


@pytest.mark.slow
@EVERY
def test_aarch64_gives_the_same_sums_under_emulation(builds, name):
    compiler, flags = ARM
    passes(builds.program(name, compiler, flags), FEWER.get(name, ["100", "3"]), EMULATOR)
