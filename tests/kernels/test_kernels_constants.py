"""Numbers in the sources that were found by trying on one machine: on this one, no other is worth a tenth.

What does matter that much is found by the probe (test_kernels_tuning.py). Each test builds a library with another
number and lets the two race in turns.
"""

import ctypes
import os

import pytest

from suites.kernels import build, families, library, probe
from suites.kernels.families import FAMILIES, Family
from suites.kernels.tuning import MIB, NEAR, Tuning

#: Rows to come that are fetched, the pace of it, values worked on at a time, and how a quotient is formed.
OTHERS = [("ROWS_AHEAD", 40), ("ROWS_AHEAD", 320), ("CORE_WEIGHT", 2), ("CORE_WEIGHT", 8), ("LINES_AHEAD", 2),
          ("LINES_AHEAD", 4), ("GROUP", 4), ("GROUP", 2), ("FAST_DIVISION", 1)]
FAR = Tuning(0, 0, 1, 64)
WORK = [("long strided", 16 * MIB, FAR), ("short strided", 8 * MIB, FAR), ("long rows", 16 * MIB, FAR),
        ("short rows", MIB // 4, NEAR), ("long strided", MIB // 4, NEAR)]
#: What a number may cost; noise is given this many attempts to go away.
MOST, ATTEMPTS = 1.1, 6


#: The forward alone, which is all that races here.
FORWARD = Family("wht-forward", "", families.FORWARD, ())


def runner(folder, flag):
    environment = dict(os.environ, XDG_CACHE_HOME=str(folder))
    native = environment.get("EDGE_BENCH_CXXFLAGS") or " ".join(
        build.native_flags(build.platform.machine(), build.cpu_model()))
    built = build.build(dict(environment, EDGE_BENCH_CXXFLAGS=native + flag), family=FORWARD.name)
    if built.path is None:
        pytest.skip("no CPU kernels here: {}".format(built.reason))
    handle = ctypes.CDLL(built.path)
    handle.wht_plan.restype, handle.wht_plan.argtypes = library.POINTER, [library.POINTER] * 4
    handle.wht_free.restype, handle.wht_free.argtypes = None, [library.POINTER]
    handle.wht_forward.argtypes = [library.POINTER] * 5 + [ctypes.c_int]
    return probe.Runner(handle, 1)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    FAMILIES[FORWARD.name] = FORWARD
    try:
        yield runner(tmp_path_factory.mktemp("usual"), "")
    finally:
        del FAMILIES[FORWARD.name]


@pytest.mark.slow
@pytest.mark.parametrize("name,number", OTHERS, ids=["{}={}".format(*other) for other in OTHERS])
def test_no_other_number_is_worth_a_tenth(usual, tmp_path, name, number):
    other = runner(tmp_path, " -D{}={}".format(name, number))
    for kind, size, tuning in WORK:
        ratios = []
        while len(ratios) < ATTEMPTS and (not ratios or ratios[-1] > MOST):
            pairs = [(usual.race(kind, size, [tuning])[0], other.race(kind, size, [tuning])[0]) for _ in range(3)]
            ratios.append(min(a for a, _ in pairs) / min(b for _, b in pairs))
        print("{}={} {} {:.2g} MiB: the usual takes {:.2f} of its time".format(name, number, kind, size / MIB,
                                                                               ratios[-1]))
        assert ratios[-1] <= MOST, "{} = {} beats the usual by {} in {}".format(name, number, ratios, kind)
