"""The kernels' own test programs under the sanitizers, which find nothing in them and something where it is planted.

Memory that is read but was never written is valgrind's to find: GCC's sanitizers do not see it.

The programs share their work among threads of their own: torch's OpenMP is not built for the thread sanitizer, which
does not see what it waits for and finds races where there are none.
"""

import os
import shutil

import pytest
from programs import PROGRAMS, X86, passes, run_program, sanitizer

from suites.kernels import build

MEMORY, THREADS = "address,undefined", "thread"
#: AddressSanitizer alone where the checks of undefined behaviour, many for each vector instruction, take the compiler
#: minutes; their own run is the one without those instructions.
NATIVE_MEMORY = {"debut": "address", "int8": "address", "lhc": "address"}


def arguments(name, cases):
    return [str(cases), "4"] + list(PROGRAMS[name].limits)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROGRAMS))
@pytest.mark.parametrize("which", [MEMORY, THREADS])
@pytest.mark.parametrize("native", [True, False], ids=["native", "baseline"])
def test_sanitizers_find_nothing(tmp_path, name, which, native):
    which = NATIVE_MEMORY.get(name, which) if native and which == MEMORY else which
    passes(tmp_path, name, "g++", list(sanitizer(which)) + ["-march=native"] * native, arguments(name, 100))


@pytest.mark.slow
@pytest.mark.parametrize("element", ["bf16", "fp16"])
def test_sanitizers_find_nothing_in_two_byte_types(tmp_path, element):
    passes(tmp_path, "wht", "g++", list(sanitizer("address")) + ["-march=native", "-DELEMENT=" + element],
           arguments("wht", 150))


#: A fault in what the kernels share: the file, its right words, the wrong ones, and what the sanitizer calls it.
FAULTS = {
    "race": (THREADS, "threads.h", "__atomic_fetch_add(&share->next[mine], 1, __ATOMIC_RELAXED)",
             "share->next[mine]++", "data race"),
    "undefined": (MEMORY, "threads.h", "if (grain < 1) grain = 1;",
                  "if (grain < 1) grain = 1;\n    grain += (2147483647 + threads) / 2147483647;",
                  "signed integer overflow"),
    "overflow": (MEMORY, "threads.h", "posix_memalign(&fresh, 4096, bytes + 4096)",
                 "posix_memalign(&fresh, 4096, bytes / 2 + 1088)", "heap-buffer-overflow"),
}


def planted(folder, file, right, wrong):
    """Return a copy of the sources in which ``file`` has the wrong words."""
    sources = str(folder / "cpu")
    shutil.copytree(build.SOURCE_FOLDER, sources)
    path = os.path.join(sources, file)
    with open(path) as source:
        text = source.read()
    assert text.count(right) == 1
    with open(path, "w") as source:
        source.write(text.replace(right, wrong))
    return sources


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROGRAMS))
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_sanitizers_find_a_planted_fault(tmp_path, name, fault):
    which, file, right, wrong, called = FAULTS[fault]
    sources = planted(tmp_path, file, right, wrong)
    ended = run_program(tmp_path, name, "g++", sanitizer(which), arguments(name, 100), sources=sources)
    assert ended.status != 0 and called in ended.output, ended.output[-3000:]


#: What GCC's sanitizers do not see; for instruction sets that it knows.
UNWRITTEN = ("valgrind", "-q", "--error-exitcode=9", "--track-origins=no")


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_no_result_depends_on_memory_never_written(tmp_path, name):
    passes(tmp_path, name, "g++", ["-O1", "-g"], arguments(name, 25), UNWRITTEN)


#: For each family a place that is left as it was found: the file, its right words, the wrong ones.
UNWRITES = {
    "debut": ("common/planes.h", "for (int64_t c = 0; c < first; c += VL) store(row + c, zero);", ""),
    "lhc": ("common/planes.h", "for (int64_t c = 0; c < first; c += VL) store(row + c, zero);", ""),
    "ht": ("ht/plane.h", "for (int64_t k = 0; k < floats; k += VL) store(to + k, splat(0));", ""),
    "depthwise": ("depthwise/by_channels.h",
                  "for (int64_t j = 0; j < (outside ? 0 : padding) * shared; j++) store(to + j * VL, zero());", ""),
}


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="x86 only")
@pytest.mark.parametrize("name", sorted(UNWRITES))
def test_a_planted_read_of_memory_never_written_is_found(tmp_path, name):
    sources = planted(tmp_path, *UNWRITES[name])
    ended = run_program(tmp_path, name, "g++", ["-O1", "-g"], arguments(name, 25), UNWRITTEN, sources)
    assert ended.status != 0 and "uninitialised" in ended.output, ended.output[-3000:]
