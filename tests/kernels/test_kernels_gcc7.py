"""Ubuntu 18.04's compiler, GCC 7, takes the kernels: its flags are probed, and a real front end of it reads them.

The front end is that of a package of the Python registry with GCC 7.3 for microcontrollers (``AVR_GXX`` names its
avr-g++): it knows the language and the vector types of GCC 7, no x86 or Arm registers, and int has 16 bits there.
"""

import glob
import os
import shutil
import subprocess

import pytest

from suites.kernels import build as building
from suites.kernels.families import FAMILIES

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = sorted(glob.glob(os.path.join(building.SOURCE_FOLDER, "**", "*.cpp"), recursive=True))
GCC7 = os.environ.get("AVR_GXX") or shutil.which("avr-g++")

#: A compiler that knows one flag less, as GCC 7 does, and writes down what it is called with.
WRAPPER = """#!/bin/sh
echo "$*" >> "{log}"
for word in "$@"; do
    case $word in {unknown}) echo "error: unrecognized command line option '$word'" >&2; exit 1 ;; esac
done
exec "{real}" "$@"
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Sources that build in no time."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for unit in FAMILIES["wht"].units:
        (folder / unit).write_text('extern "C" int {}() {{ return 7; }}\n'.format(unit.split(".")[0]))
    monkeypatch.setattr(building, "SOURCE_FOLDER", str(folder))
    monkeypatch.setattr(building, "sources", lambda family: sorted(str(p) for p in folder.iterdir()))
    return folder


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Return a function that makes a compiler which refuses a flag; it returns the environment and the call log."""
    real = building.find_compiler()
    if real is None:
        pytest.skip("no C++ compiler here")

    def make(unknown):
        wrapper, log = tmp_path / "c++", tmp_path / "calls"
        wrapper.write_text(WRAPPER.format(log=log, unknown=unknown, real=real))
        wrapper.chmod(0o755)
        return dict(os.environ, CXX=str(wrapper), XDG_CACHE_HOME=str(tmp_path / "cache"),
                    EDGE_BENCH_CXXFLAGS="-O0 -mprefer-vector-width=512"), log

    if os.uname().machine != "x86_64":
        monkeypatch.setattr(building, "OPTIONAL_FLAGS", ("-mprefer-vector-width=512",))
    return make


def test_a_flag_that_the_compiler_does_not_know_is_found_by_a_probe_not_by_a_failed_build(small, compiler):
    environment, log = compiler("-mprefer-vector-width=512")
    built = building.build(environment)
    assert built.reason is None and "-O0" in built.flags and "-mprefer-vector-width=512" not in built.flags
    compiled = [line for line in log.read_text().splitlines() if " -c " in line]
    assert len(compiled) == len(FAMILIES["wht"].units)


def test_a_compiler_that_takes_the_flag_alone_but_fails_with_it_builds_without(small, compiler, tmp_path):
    environment, _ = compiler("none")
    wrapper = tmp_path / "c++"  # fails on sources, not on the probe
    fails = 'case "$*" in *-mprefer*" -c "*) exit 1 ;; esac\n'
    wrapper.write_text(wrapper.read_text().replace('exec "', fails + 'exec "'))
    built = building.build(environment)
    assert built.reason is None and "-mprefer-vector-width=512" not in built.flags


def test_a_flag_of_the_users_own_is_not_dropped(small, compiler):
    environment, _ = compiler("-mown-flag")
    built = building.build(dict(environment, EDGE_BENCH_CXXFLAGS="-mown-flag"))
    assert built.path is None and "the kernel build failed" in built.reason


@pytest.mark.skipif(not GCC7, reason="no GCC 7 front end: the nano lane of .ci/run installs one")
@pytest.mark.parametrize("source", SOURCES, ids=os.path.basename)
def test_gcc_7_itself_reads_every_source(source):
    version = subprocess.check_output([GCC7, "-dumpversion"], universal_newlines=True).strip()
    assert version.startswith("7.")
    done = subprocess.run([GCC7, "-fsyntax-only", "-w", "-std=c++14", "-fno-exceptions", "-fno-rtti",
                           "-fno-math-errno", "-fno-trapping-math", "-I", os.path.join(HERE, "gcc7"), "-I",
                           building.SOURCE_FOLDER, "-I", os.path.join(building.SOURCE_FOLDER, "common"), source],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not GCC7, reason="no GCC 7 front end: the nano lane of .ci/run installs one")
def test_that_gcc_7_does_not_know_the_optional_flags_and_knows_the_needed_ones():
    needed = tuple(flag for flag in building.COMMON_FLAGS if flag != "-pthread")  # no threads on a microcontroller
    assert building.known_flags(GCC7, building.OPTIONAL_FLAGS) == ()
    assert building.known_flags(GCC7, needed) == needed
