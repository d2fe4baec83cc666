"""A copy of the kernels' sources for sanitizers: they see more of it, and it has the faults that they are to find.

A fault is chosen at run time (``PLANTED_FAULT``), so that the program that is right and those with a fault are one
build. The sanitizers see more of the copy than of the sources: memory that a thread keeps between calls is as large
as was asked for and a new one wherever another size is, and what masked and hand-written instructions touch is shown
to them (``planted.h``), since compilers instrument neither.
"""

import os
import shutil
from typing import NamedTuple, Sequence, Tuple

from programs import PROGRAMS

from suites.kernels import build

#: What each sanitizer is called by GCC; what it sees of memory never written is valgrind's to find. Whether addresses
#: fit their types is a build of its own: beside the other checks those of each access take the compiler minutes.
MEMORY, THREADS, ALIGNMENT, UNWRITTEN = "address,undefined", "thread", "alignment", "valgrind"
EVERY = tuple(sorted(PROGRAMS))
HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "planted.h")


class Fault(NamedTuple):
    """Words of a source and, where ``FAULT`` holds, other ones; what finds them in whose program, and its words then.

    ``called`` is a pattern.
    """

    name: str
    found_by: str
    families: Tuple[str, ...]
    called: str
    file: str
    right: str
    wrong: str

    @property
    def number(self) -> str:
        """What ``PLANTED_FAULT`` is for this fault."""
        return str(FAULTS.index(self) + 1)


#: What is shown to the sanitizers: the file, its words, and those in the copy.
SHOWN = (
    ("threads.h", "if (arena_here->bytes[slot] < bytes) {", "if (arena_here->bytes[slot] != bytes) {"),
    ("vec.h", "static INLINE void store_past_cache(float *p, vf v) {\n",
     "static INLINE void store_past_cache(float *p, vf v) {\n    show_write(p, (1u << VL) - 1);\n"),
    ("vec.h", '    vf v;\n    __asm__("vcvtph2ps',
     '    vf v;\n    show_read((const uint16_t *)p, (1u << VL) - 1);\n    __asm__("vcvtph2ps'),
    ("vec.h", 'vf v) {\n    __asm__("vcvtps2ph',
     'vf v) {\n    show_write((uint16_t *)p, (1u << VL) - 1);\n    __asm__("vcvtps2ph'),
    ("pieces.h", '    __asm__("vmovups', '    show_write(p, lanes);\n    __asm__("vmovups'),
    ("common/lanes.h", "Lanes lanes) { return __builtin_ia32_loadups512_mask(",
     "Lanes lanes) {\n    show_read(p, lanes);\n    return __builtin_ia32_loadups512_mask("),
    ("common/lanes.h", "Lanes lanes) { __builtin_ia32_storeups512_mask(",
     "Lanes lanes) {\n    show_write(p, lanes);\n    __builtin_ia32_storeups512_mask("),
    ("common/lanes.h", "Lanes lanes) { return (vf)_mm512_maskz_loadu_ps(lanes, p); }",
     "Lanes lanes) {\n    show_read(p, lanes);\n    return (vf)_mm512_maskz_loadu_ps(lanes, p);\n}"),
    ("common/lanes.h", "Lanes lanes) { _mm512_mask_storeu_ps(p, lanes, (__m512)v); }",
     "Lanes lanes) {\n    show_write(p, lanes);\n    _mm512_mask_storeu_ps(p, lanes, (__m512)v);\n}"),
    ("int8/words.h", "    const __m256i bytes = _mm256_maskz_loadu_epi8(",
     "    show_read(p, (1u << count) - 1);\n    const __m256i bytes = _mm256_maskz_loadu_epi8("),
    ("int8/words.h", "    _mm256_mask_storeu_epi8(p,",
     "    show_write(p, (1u << count) - 1);\n    _mm256_mask_storeu_epi8(p,"),
)

#: A vector that reaches across memory that must not be touched has no better name.
HEAP = "AddressSanitizer: (heap-buffer-overflow|unknown-crash)"
MISALIGNED = "runtime error: (load of|store to) misaligned address"
FAULTS = (
    Fault("race", THREADS, EVERY, "data race", "threads.h",
          "__atomic_fetch_add(&share->next[mine], 1, __ATOMIC_RELAXED)",
          "(FAULT ? share->next[mine]++ : __atomic_fetch_add(&share->next[mine], 1, __ATOMIC_RELAXED))"),
    Fault("undefined", MEMORY, EVERY, "signed integer overflow", "threads.h", "if (grain < 1) grain = 1;",
          "if (grain < 1) grain = 1;\n    if (FAULT) grain += (2147483647 + threads) / 2147483647;"),
    Fault("scratch", MEMORY, EVERY, HEAP, "threads.h", "posix_memalign(&fresh, 4096, bytes + 4096)",
          "posix_memalign(&fresh, 4096, (FAULT ? bytes / 2 : bytes) + 1088)"),
    Fault("freed", MEMORY, EVERY, "heap-use-after-free", "threads.h", "arena_here->memory[slot] = (char *)fresh;",
          "arena_here->memory[slot] = (char *)fresh;\n        if (FAULT) free(fresh);"),
    # Past the end of the output, and of the input.
    Fault("written", MEMORY, ("wht",), HEAP, "rows.h", "else store_partial(y + c, v, rest);",
          "else if (FAULT) store(y + c, v);\n            else store_partial(y + c, v, rest);"),
    Fault("read", MEMORY, ("wht",), HEAP, "rows.h", "vf v = x + c + VL <= end ?",
          "vf v = FAULT || x + c + VL <= end ?"),
    Fault("piece", MEMORY, ("wht",), HEAP, "pieces.h", "store_lanes(y + p.y[k], v[j], p.y_lanes[k]);",
          "store_lanes(y + p.y[k], v[j], p.y_lanes[k] + FAULT);"),
    Fault("written", MEMORY, ("debut", "lhc"), HEAP, "common/tiles.h", "load_first(from + c, run - c), run - c);",
          "load_first(from + c, run - c), run - c + FAULT);"),
    Fault("read", MEMORY, ("debut", "lhc"), HEAP, "common/planes.h", "count - c < VL ? count - c : VL));",
          "(count - c < VL ? count - c : VL) + FAULT));"),
    Fault("written", MEMORY, ("ht",), HEAP, "ht/plane.h", "store_first(y + j, v, columns - j);",
          "store_first(y + j, v, columns - j + FAULT);"),
    Fault("read", MEMORY, ("ht",), HEAP, "ht/plane.h", "k < count ? load_first(x + k, count - k) : splat(0)",
          "k < count ? load_first(x + k, count - k + FAULT) : splat(0)"),
    Fault("written", MEMORY, ("mf",), HEAP, "mf/mf.cpp", "g.outputs - block * BLOCK - c);",
          "g.outputs - block * BLOCK - c + FAULT);"),
    Fault("read", MEMORY, ("mf",), HEAP, "mf/mf.cpp", "load_first(x + r * inputs + i, inputs - i)",
          "load_first(x + r * inputs + i, inputs - i + FAULT)"),
    Fault("written", MEMORY, ("depthwise",), HEAP, "depthwise/by_rows.h", "store_lanes(to, sum[r], within.centre);",
          "store_lanes(to, sum[r], (Lanes)(within.centre | within.centre << FAULT));"),
    Fault("streamed", MEMORY, ("depthwise",), HEAP, "depthwise/by_rows.h", "store_past_cache(to, sum[r]);",
          "store_past_cache(to + FAULT * VL, sum[r]);"),
    Fault("read", MEMORY, ("depthwise",), HEAP, "depthwise/by_channels.h",
          "channels == VL ? load(p) : load_first(p, channels);",
          "channels == VL ? load(p) : load_first(p, channels + FAULT);"),
    Fault("written", MEMORY, ("int8",), HEAP, "int8/passes.h", "narrow_first(p[j] + at, v[j], width - at, flip)",
          "narrow_first(p[j] + at, v[j], width - at + FAULT, flip)"),
    Fault("read", MEMORY, ("int8",), HEAP, "int8/passes.h", "widen_first(p[j] + at, width - at, flip)",
          "widen_first(p[j] + at, width - at + FAULT, flip)"),
    # One byte past where floats and words may be: in the scratch of all, and where each family reads its tensors.
    Fault("scratch", ALIGNMENT, EVERY, MISALIGNED, "threads.h", "(arena_here->memory[slot] + 1088);",
          "(arena_here->memory[slot] + 1088 + FAULT);"),
    Fault("read", ALIGNMENT, ("wht",), MISALIGNED, "rows.h", "    const vi mask = lanes_below(n2 % VL);\n",
          "    const vi mask = lanes_below(n2 % VL);\n    if (FAULT) x = askew(x);\n"),
    Fault("read", ALIGNMENT, ("debut",), MISALIGNED, "debut/debut.cpp",
          "    const bool short_tile = ",
          "    if (FAULT) tile.base = askew(tile.base);\n    const bool short_tile = "),
    Fault("read", ALIGNMENT, ("lhc",), MISALIGNED, "lhc/lhc.cpp",
          "        const Block block = plan.blocks[b];\n",
          "        const Block block = plan.blocks[b];\n        if (FAULT) x = askew(x);\n"),
    Fault("read", ALIGNMENT, ("ht",), MISALIGNED, "ht/plane.h", "    const int64_t vectors = positions / VL;\n",
          "    const int64_t vectors = positions / VL;\n    if (FAULT) from = askew(from);\n"),
    Fault("read", ALIGNMENT, ("mf",), MISALIGNED, "mf/mf.cpp", "*packed = call.packed + block * per_block, *bias",
          "*packed = FAULT ? askew(call.packed) : call.packed + block * per_block, *bias"),
    Fault("read", ALIGNMENT, ("depthwise",), MISALIGNED, "depthwise/by_rows.h",
          "        float *y = (float *)call.y + p * plane;\n",
          "        float *y = (float *)call.y + p * plane;\n        if (FAULT) x = askew(x);\n"),
    Fault("read", ALIGNMENT, ("int8",), MISALIGNED, "int8/passes.h",
          "    for (int64_t at = 0; at < CORE * row; at += LANES) {\n",
          "    if (FAULT) block = askew(block);\n    for (int64_t at = 0; at < CORE * row; at += LANES) {\n"),
    # Places that are left as they were found.
    Fault("unwritten", UNWRITTEN, ("debut", "lhc"), "uninitialised", "common/planes.h",
          "for (int64_t c = 0; c < first; c += VL) store(row + c, zero);",
          "for (int64_t c = FAULT ? first : 0; c < first; c += VL) store(row + c, zero);"),
    Fault("unwritten", UNWRITTEN, ("ht",), "uninitialised", "ht/plane.h",
          "for (int64_t k = 0; k < floats; k += VL) store(to + k, splat(0));",
          "for (int64_t k = FAULT ? floats : 0; k < floats; k += VL) store(to + k, splat(0));"),
    Fault("unwritten", UNWRITTEN, ("depthwise",), "uninitialised", "depthwise/by_channels.h",
          "for (int64_t j = 0; j < (outside ? 0 : padding) * shared; j++)",
          "for (int64_t j = 0; j < (outside || FAULT ? 0 : padding) * shared; j++)"),
)


def faults_of(found_by: str) -> Sequence[Tuple[str, Fault]]:
    """Return every (family, fault) that ``found_by`` is to find."""
    return [(family, fault) for fault in FAULTS if fault.found_by == found_by for family in fault.families]


def copy_of_sources(folder: str) -> str:
    """Return a copy of the sources below ``folder`` with all that is planted and shown; built with :data:`HEADER`."""
    sources = os.path.join(folder, "cpu")
    shutil.copytree(build.SOURCE_FOLDER, sources)
    for file, right, wrong in SHOWN:
        _replace(os.path.join(sources, file), right, wrong)
    for fault in FAULTS:
        chosen = "(planted_fault == {})".format(fault.number)
        _replace(os.path.join(sources, fault.file), fault.right, fault.wrong.replace("FAULT", chosen))
    return sources


def _replace(path: str, right: str, wrong: str) -> None:
    with open(path) as source:
        text = source.read()
    assert text.count(right) == 1, (path, right, text.count(right))
    with open(path, "w") as source:
        source.write(text.replace(right, wrong))
