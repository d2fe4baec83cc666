"""Loads whose answer is known: what this machine can tell in time, memory and energy, in its present state.

Layers that hold and touch exactly N MB in each of the ways memory is taken, nine layers that are the same, layers
that do exactly 2, 5 and 15 % more work, and loads that are busy for exactly a half and a quarter of the time.
"""

from typing import List

from harness.plan import Case, Comparison, Suite, Target

HOLD = "suites.builders.calibration:hold"
WORK = "suites.builders.calibration:work"
DUTY = "suites.builders.calibration:duty"
SAME = "suites.builders.calibration:same"

#: MB (10^6 bytes) that the loads hold.
SIZES_MB = (1, 10, 40, 100, 400)

#: How memory is taken: an output alive after the call, weights, a buffer inside the call, and past torch's allocator.
KINDS = ("output", "weights", "workspace", "malloc", "mmap")
CUDA_KINDS = ("output", "weights", "workspace")

MORE_WORK_PERCENT = (2, 5, 15)
IDENTICAL = 9
DUTIES_PERCENT = (50, 25)

SHAPE = (1, 64, 14, 14)


def _case(target: Target, layer: str, builder: str, **options: object) -> Case:
    return Case(layer, "", builder, SHAPE, device=target.device, threads=target.threads,
                options=tuple(sorted(options.items())))


def holding(kind: str, target: Target) -> Comparison:
    """Return layers that hold N MB taken by ``kind`` against one that holds nothing."""
    cases = [_case(target, "{} {} MB".format(kind, size), HOLD, kind=kind, mb=size) for size in (0,) + SIZES_MB]
    return Comparison("holds-{}".format(kind), "Layers that hold N MB: {}".format(kind), cases[0], tuple(cases[1:]),
                      "Every memory column must say N within 2 % or 1 MB, or nothing.")


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``."""
    kinds = CUDA_KINDS if target.device == "cuda" else KINDS
    twins = [_case(target, "the same {}".format(number), SAME) for number in range(1, IDENTICAL + 1)]
    more = [_case(target, "work +{} %".format(percent) if percent else "work", WORK, percent=percent)
            for percent in (0,) + MORE_WORK_PERCENT]
    busy = [_case(target, "busy {} %".format(percent), DUTY, percent=percent) for percent in (100,) + DUTIES_PERCENT]
    return [holding(kind, target) for kind in kinds] + [
        Comparison("same", "Nine layers that are the same", twins[0], tuple(twins[1:]),
                   "Any verdict but 'same' or 'cannot tell' is a false alarm."),
        Comparison("more-work", "Exactly 2, 5 and 15 % more work", more[0], tuple(more[1:])),
        Comparison("duty", "Busy all, half and a quarter of the time", busy[0], tuple(busy[1:]),
                   "Energy per call above idle goes with the busy time.")]


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons that ``--quick`` runs: three sizes in two kinds, and the layers that are the same."""
    kept = [one._replace(rivals=tuple(case for case in one.rivals if dict(case.options)["mb"] in (10, 100)))
            for one in every if one.id in ("holds-output", "holds-malloc")]
    return kept + [one for one in every if one.id == "same"]


SUITE = Suite("calibration", "Loads whose answer is known: what this machine can tell in its present state",
              comparisons, quick)
