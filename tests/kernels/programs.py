"""Builds and runs the kernels' own test programs: with any compiler and flags, under emulation and sanitizers."""

import os
import platform
import shutil
import subprocess
from typing import NamedTuple, Sequence, Tuple

import pytest

from suites.kernels import build
from suites.kernels.families import COMMON_FOLDER

HERE = os.path.dirname(os.path.abspath(__file__))
X86 = platform.machine() in ("x86_64", "AMD64")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi"]


class Program(NamedTuple):
    """A source beside this file and what it is built with; ``limits``: its arguments after cases and threads."""

    source: str
    flags: Tuple[str, ...] = ()
    limits: Tuple[str, ...] = ()


PROGRAMS = {"wht": Program("kernel_program.cpp", limits=("512",)),
            "debut": Program("debut_program.cpp"), "int8": Program("int8_program.cpp"),
            "lhc": Program("lhc_program.cpp"),
            "depthwise": Program("sums_program.cpp", ("-DFAMILY=1",)),
            "ht": Program("sums_program.cpp", ("-DFAMILY=2",)), "mf": Program("sums_program.cpp", ("-DFAMILY=3",))}


class Ended(NamedTuple):
    """How a program ended, and what it said."""

    status: int
    output: str


def has(flag: str) -> bool:
    """Whether this CPU has the instructions that the kernel's list calls ``flag``."""
    with open("/proc/cpuinfo") as file:
        return flag in file.read().split()


def sanitizer(name: str) -> Sequence[str]:
    """Return the compiler's flags for ``name``, under which the first finding ends the program."""
    return ["-O1", "-g", "-fsanitize=" + name, "-fno-sanitize-recover=all"]


def run_program(folder, name: str, compiler: str, flags: Sequence[str], arguments: Sequence[str],
                emulator: Sequence[str] = (), sources: str = build.SOURCE_FOLDER) -> Ended:
    """Build ``name`` of the kernels in ``sources`` and run it; skips the test where a tool is missing."""
    for tool in (compiler,) + tuple(emulator[:1]):
        if shutil.which(tool) is None:
            pytest.skip("{} is not installed".format(tool))
    program, path = PROGRAMS[name], os.path.join(str(folder), "program")
    subprocess.check_call(
        [compiler, "-std=c++14", "-pthread"] + WARNINGS + list(flags) + list(program.flags)
        + ["-I", str(sources), "-I", os.path.join(str(sources), COMMON_FOLDER), os.path.join(HERE, program.source),
           "-o", path])
    process = subprocess.Popen(list(emulator) + [path] + list(arguments), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, universal_newlines=True)
    output = process.communicate()[0]
    return Ended(process.returncode, output)


def passes(*arguments, **options) -> str:
    """Return what :func:`run_program` says, all of whose comparisons must be right."""
    ended = run_program(*arguments, **options)
    assert ended.status == 0, ended.output[-3000:]
    assert " 0 failures" in ended.output and not ended.output.startswith("0 comparisons")
    return ended.output
