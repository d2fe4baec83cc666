"""The comparisons of the kernels suite in every form and on every number of threads: hours, for a night."""

from typing import List

from harness.plan import Comparison, Suite, Target
from suites.kernels.goals import goals
from suites.kernels_suite import on, with_threads


def comparisons(target: Target) -> List[Comparison]:
    """Return all of them on one thread, on a CPU once more on two and on as many as ``target`` says."""
    found = on(target._replace(threads=1) if target.device == "cpu" else target, every=True)
    for threads in sorted({2, target.threads}) if target.device == "cpu" and target.threads > 1 else ():
        found += [with_threads(one, threads) for one in on(target._replace(threads=threads), every=True)]
    return found


SUITE = Suite("kernels-all", "The suite kernels in every form and on every number of threads (hours)", comparisons,
              goals=goals)
