"""Loads whose answer is known: what this machine can tell in time, memory and energy, in its present state.

Layers that hold and touch exactly N MB in each of the ways memory is taken, nine layers that are the same, layers
that do exactly 2, 5 and 15 % more work, and loads that are busy for exactly a half and a quarter of the time.
"""

from typing import List

from harness.plan import Case, Comparison, Suite, Target
from harness.words import Pass

HOLD = "suites.builders.calibration:hold"
WORK = "suites.builders.calibration:work"
DUTY = "suites.builders.calibration:duty"
SAME = "suites.builders.calibration:same"

#: MB (10^6 bytes) that the loads hold. Those held in both heaps lie below and above the 32 MB up to which glibc's
#: malloc learns to keep what was freed.
BOTH_HEAPS_MB = (10, 100)
ONE_HEAP_MB = (1, 40, 400)

#: How memory is taken: an output alive after the call, weights, a buffer inside the call, and past torch's allocator.
KINDS = ("output", "weights", "workspace", "malloc", "mmap")
CUDA_KINDS = ("output", "weights", "workspace")
QUICK_KINDS = ("output", "malloc")

HOLDS_NOTE = "Every memory column must say N within 2 % or 1 MB, or nothing."
MEMORY_ALONE = (Pass.TIME.value, Pass.ENERGY.value)

MORE_WORK_PERCENT = (2, 5, 15)
IDENTICAL = 9
DUTIES_PERCENT = (50, 25)

SHAPE = (1, 64, 14, 14)


def _case(target: Target, layer: str, builder: str, **options: object) -> Case:
    return Case(layer, "", builder, SHAPE, device=target.device, threads=target.threads,
                options=tuple(sorted(options.items())))


def holding(target: Target) -> List[Comparison]:
    """Return layers that hold N MB, taken in every way: two sizes, and nothing at all, in both heaps, others in one.

    How long they take tells nothing, nor does their power.
    """
    kinds = CUDA_KINDS if target.device == "cuda" else KINDS

    def case(kind: str, size: int) -> Case:
        return _case(target, "{} {} MB".format(kind, size), HOLD, kind=kind, mb=size)

    both = [case(kind, size) for size in BOTH_HEAPS_MB for kind in kinds]
    one = [case(kind, size) for size in ONE_HEAP_MB for kind in kinds]
    return [Comparison("holds", "Layers that hold N MB, in both heaps", case(kinds[0], 0), tuple(both), HOLDS_NOTE,
                       MEMORY_ALONE, both_heaps=True),
            Comparison("holds-more", "Layers that hold N MB, more sizes", one[0], tuple(one[1:]), HOLDS_NOTE,
                       MEMORY_ALONE)]


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``."""
    twins = [_case(target, "the same {}".format(number), SAME) for number in range(1, IDENTICAL + 1)]
    more = [_case(target, "work +{} %".format(percent) if percent else "work", WORK, percent=percent)
            for percent in (0,) + MORE_WORK_PERCENT]
    busy = [_case(target, "busy {} %".format(percent), DUTY, percent=percent) for percent in (100,) + DUTIES_PERCENT]
    return holding(target) + [
        Comparison("same", "Nine layers that are the same", twins[0], tuple(twins[1:]),
                   "Any verdict but 'same' or 'cannot tell' is a false alarm.", both_heaps=True),
        Comparison("more-work", "Exactly 2, 5 and 15 % more work", more[0], tuple(more[1:]), "",
                   (Pass.MEMORY.value, Pass.ENERGY.value)),
        Comparison("duty", "Busy all, half and a quarter of the time", busy[0], tuple(busy[1:]),
                   "Energy per call above idle goes with the busy time.", (Pass.TIME.value, Pass.MEMORY.value))]


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons that ``--quick`` runs: two sizes in two kinds, and the layers that are the same."""
    kept = [one._replace(rivals=tuple(case for case in one.rivals if dict(case.options)["kind"] in QUICK_KINDS))
            for one in every if one.id == "holds"]
    return kept + [one for one in every if one.id == "same"]


SUITE = Suite("calibration", "Loads whose answer is known: what this machine can tell in its present state",
              comparisons, quick)
