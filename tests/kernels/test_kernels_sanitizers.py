"""The kernels' own test programs under the sanitizers, which find nothing in them and every fault that is planted.

A program and those with a fault are one build (:mod:`planted`). Memory that is read but was never written is
valgrind's to find: GCC's sanitizers do not see it.

The programs share their work among threads of their own: torch's OpenMP is not built for the thread sanitizer, which
does not see what it waits for and finds races where there are none.
"""

import os
import re

import planted
import pytest
from planted import ALIGNMENT, MEMORY, THREADS, UNWRITTEN
from programs import PROGRAMS, X86, passes, run

EVERY = pytest.mark.parametrize("name", sorted(PROGRAMS))
#: Each sanitizer with the instruction sets that it is tried at. Alignment is that of elements at all of them, and at
#: wider ones than the baseline takes the compiler half a minute for one family.
SETS = {MEMORY: ("native", "baseline"), THREADS: ("native", "baseline"), ALIGNMENT: ("baseline",)}
TARGETS = {"native": ("-march=native",), "baseline": ()}
#: Checks as calls: in line, those of all loads and stores of vectors take the compiler minutes. So does use after
#: scope (it marks each variable of each function in line), and what undefined behaviour looks at each access for,
#: beside the other checks.
PLAIN = ("-O1", "-g1")
CHEAP = PLAIN + ("--param=asan-instrumentation-with-call-threshold=0", "-fno-sanitize-address-use-after-scope",
                 "-fno-sanitize=null,alignment,object-size,pointer-overflow")
ADDRESSES = "address"
CHECKS = {ADDRESSES: CHEAP, MEMORY: CHEAP, THREADS: CHEAP, ALIGNMENT: PLAIN}
VALGRIND = ("valgrind", "-q", "--error-exitcode=9", "--track-origins=no")


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    return planted.copy_of_sources(str(tmp_path_factory.mktemp("planted")))


@pytest.fixture
def sanitized(builds, sources):
    """Return a function that gives a program under a sanitizer, whose first finding ends it, or without one."""
    def program(name, which, target, *flags):
        checks = ("-fsanitize=" + which, "-fno-sanitize-recover=all") + CHECKS[which] if which else PLAIN
        return builds.program(name, "g++", checks + TARGETS[target] + flags + ("-include", planted.HEADER), sources)

    return program


def arguments(name, cases):
    return [str(cases), "4"] + list(PROGRAMS[name].limits)


def cases_of(name, which):
    """As many random cases as reach every planted fault."""
    return arguments(name, 400 if which == MEMORY and name in ("depthwise", "wht") else 100)


def test_whatever_is_planted_has_its_place_in_the_sources(sources):
    for fault in planted.FAULTS:
        with open(os.path.join(sources, fault.file)) as source:
            assert "planted_fault == {})".format(fault.number) in source.read()


def finds(ended, fault):
    assert ended.status != 0 and re.search(fault.called, ended.output), ended.output[-3000:]


@pytest.mark.slow
@EVERY
@pytest.mark.parametrize("which,target", [(which, target) for which, targets in SETS.items() for target in targets])
def test_sanitizers_find_nothing(sanitized, name, which, target):
    passes(sanitized(name, which, target), cases_of(name, which))


@pytest.mark.slow
@pytest.mark.parametrize("element", ["bf16", "fp16"])
def test_sanitizers_find_nothing_in_two_byte_types(sanitized, element):
    passes(sanitized("wht", ADDRESSES, "native", "-DELEMENT=" + element), arguments("wht", 150))


@pytest.mark.slow
@pytest.mark.parametrize("which,name,fault,target", [
    pytest.param(which, name, fault, target, id="{}-{}-{}-{}".format(name, fault.name, which, target))
    for which, targets in SETS.items() for target in targets for name, fault in planted.faults_of(which)])
def test_sanitizers_find_a_planted_fault(sanitized, which, name, fault, target):
    finds(run(sanitized(name, which, target), cases_of(name, which), PLANTED_FAULT=fault.number), fault)


@pytest.mark.slow
@pytest.mark.parametrize("element", ["bf16", "fp16"])
@pytest.mark.parametrize("fault", [
    pytest.param(fault, id=fault.name) for name, fault in planted.faults_of(MEMORY)
    if name == "wht" and fault.name in ("read", "written")])
def test_sanitizers_find_a_planted_fault_in_two_byte_types(sanitized, fault, element):
    program = sanitized("wht", ADDRESSES, "native", "-DELEMENT=" + element)
    finds(run(program, arguments("wht", 150), PLANTED_FAULT=fault.number), fault)


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")  # instruction sets that valgrind knows
@EVERY
def test_no_result_depends_on_memory_never_written(sanitized, name):
    passes(sanitized(name, None, "baseline"), arguments(name, 25), VALGRIND)


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@pytest.mark.parametrize("name,fault", [
    pytest.param(name, fault, id=name) for name, fault in planted.faults_of(UNWRITTEN)])
def test_a_planted_read_of_memory_never_written_is_found(sanitized, name, fault):
    program = sanitized(name, None, "baseline")
    finds(run(program, arguments(name, 25), VALGRIND, PLANTED_FAULT=fault.number), fault)
