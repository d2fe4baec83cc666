"""Builds the kernels' own test programs, each once, and runs them: with any compiler, emulator and sanitizer."""

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
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi")


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


class Builds:
    """The programs in ``folder``: whoever wants one with the same sources and flags gets the same file."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._paths = {}

    def program(self, name: str, compiler: str, flags: Sequence[str], sources: str = build.SOURCE_FOLDER) -> str:
        """Return ``name`` built from the kernels in ``sources``; skips the test where there is no such compiler."""
        if shutil.which(compiler) is None:
            pytest.skip("{} is not installed".format(compiler))
        program = PROGRAMS[name]
        command = (compiler, "-std=c++14", "-pthread") + WARNINGS + tuple(flags) + program.flags + (
            "-I", sources, "-I", os.path.join(sources, COMMON_FOLDER), os.path.join(HERE, program.source))
        if command not in self._paths:
            path = os.path.join(self._folder, "{}-{}".format(name, len(self._paths)))
            subprocess.check_call(command + ("-o", path))
            self._paths[command] = path
        return self._paths[command]


def run(program: str, arguments: Sequence[str], under: Sequence[str] = (), **variables: str) -> Ended:
    """Run ``program``, by the emulator or checker ``under`` if one is named; skips the test where that is missing."""
    if under and shutil.which(under[0]) is None:
        pytest.skip("{} is not installed".format(under[0]))
    process = subprocess.Popen(list(under) + [program] + list(arguments), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, universal_newlines=True, env=dict(os.environ, **variables))
    output = process.communicate()[0]
    return Ended(process.returncode, output)


def passes(program: str, arguments: Sequence[str], under: Sequence[str] = ()) -> str:
    """Return what ``program`` says, all of whose comparisons must be right."""
    ended = run(program, arguments, under)
    assert ended.status == 0, ended.output[-3000:]
    assert " 0 failures" in ended.output and not ended.output.startswith("0 comparisons")
    return ended.output
