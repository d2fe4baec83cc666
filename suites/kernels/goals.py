"""``python -m suites.kernels.goals RUN``: what the kernels set out to reach, and whether a recorded run shows it.

Reads a finished run of the ``kernels`` suite. A goal's ratio is the fused layer's median time over the shortest
median of its rivals, launch by launch; the range is the one over the launches.
"""

import argparse
import sys
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from harness import RecordError, load_run
from suites.kernels.goals_chains import ROWS

COPIES = ("Copy memcpy", "Copy past the caches")
CONV_1X1 = ("Conv 1x1 best", "Conv 1x1 default")
DEPTHWISE = ("Depthwise 3x3 best",)

#: Median seconds by (comparison, threads, case name), and of each by launch.
Times = Dict[Tuple[str, int, str], Dict[int, float]]


class Goal(NamedTuple):
    """In ``comparison``, on ``threads`` threads, ``layer``'s fused form at most ``at_most`` times the best rival.

    The rivals' own number of threads is ``rival_threads``, the same where it is ``None``.
    """

    comparison: str
    layer: str
    rivals: Tuple[str, ...]
    at_most: float
    threads: int = 1
    rival_threads: Optional[int] = None


class Finding(NamedTuple):
    """The ratio of a goal over the launches (median, least, most); ``None`` with a reason where a run has none."""

    goal: Goal
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    reason: str = ""

    @property
    def verdict(self) -> str:
        """``reached`` or ``missed`` where every launch says so, ``open`` where they differ, or ``not measured``."""
        if self.low is None or self.high is None:
            return "not measured"
        if self.high <= self.goal.at_most:
            return "reached"
        return "missed" if self.low > self.goal.at_most else "open"


GOALS = (
    Goal("kernels-1d-10x1024x32x32", "WHT 1D", COPIES, 2.6),
    Goal("kernels-2d-10x1024x32x32", "WHT 2D", COPIES, 2.0),
    Goal("kernels-1d-8x64x56x56", "WHT 1D", COPIES, 1.4),
    Goal("kernels-1d-10x1024x32x32", "WHT 1D", CONV_1X1, 1 / 18.0),
    Goal("kernels-2d-10x1024x32x32", "WHT 2D", ("Conv 3x3 best",), 1 / 110.0),
    Goal("kernels-2d-10x1024x8x8", "WHT 2D", ("Conv 3x3 best",), 1 / 200.0),
) + tuple(Goal("kernels-2d-" + shape, "WHT 2D", DEPTHWISE, 1.0) for shape in (
    "10x1024x32x32", "10x1024x8x8", "8x320x14x14")) + tuple(
    Goal("kernels-1d-" + shape, layer, CONV_1X1, 1.0, threads) for threads in (1, 2) for shape, layer in (
        ("8x64x56x56", "WHT 1D"), ("8x96x28x28", "Block WHT 1D"), ("8x160x14x14", "Block WHT 1D"),
        ("8x320x14x14", "Block WHT 1D"), ("1x256x14x14", "WHT 1D")))
#: Two threads do a small tensor in at most so much of one thread's time, and none more slowly.
GOALS += (Goal("kernels-1d-1x256x14x14", "WHT 1D", ("WHT 1D fused",), 0.6, 2, 1),
          Goal("kernels-1d-8x160x14x14", "Block WHT 1D", ("Block WHT 1D fused",), 1.0, 2, 1))

DEPTHWISE_BEST = ("Depthwise 3x3 best", "Depthwise 3x3 default")
CONV_3X3 = ("Conv 3x3 best", "Conv 3x3 default")
LINEAR = ("Linear best", "Linear default")
#: Multiplication-free members: at most so many times the best depthwise convolution.
MEMBERS = (("min", 1.0), ("match-min", 1 / 0.8), ("sum", 1 / 0.8))
GOALS += tuple(
    Goal("kernels-depthwise-" + shape, "MF depthwise 3x3 " + member, DEPTHWISE_BEST, most)
    for shape in ("1x256x14x14", "1x1024x7x7", "1x64x56x56", "8x256x28x28", "10x1024x32x32")
    for member, most in MEMBERS)
GOALS += tuple(Goal("kernels-depthwise-10x1024x32x32", "MF depthwise 3x3 " + member, COPIES, 1.1)
               for member, _ in MEMBERS)
GOALS += tuple(Goal("kernels-ht-" + shape, "HT-perceptron, 3 paths", CONV_3X3, 1 / factor) for shape, factor in (
    ("1x16x32x32", 3.0), ("1x32x16x16", 3.0), ("1x64x8x8", 3.0), ("1x256x14x14", 2.0)))
GOALS += tuple(Goal("kernels-linear-" + shape, "MF linear min", LINEAR, 1 / 0.45) for shape in ("64x512", "512x1024"))
GOALS += tuple(Goal(*row) for row in ROWS)


def medians(frame: Any) -> Times:
    """Return the median times in a run's table; of cache states the hot one counts."""
    found: Times = {}
    timed = frame[(frame["pass"] == "time") & (frame["status"] == "ok") & (frame["cache"] == "hot")]
    for row in timed.to_dict("records"):
        name = "{} {}".format(row["layer"], row["implementation"] or "").strip()
        comparison, threads = row["comparison"], int(row["threads"])
        suffix = "-{}t".format(threads)  # of another number of threads than the run's own
        comparison = comparison[:-len(suffix)] if comparison.endswith(suffix) else comparison
        found.setdefault((comparison, threads, name), {})[int(row["launch"])] = float(row["median_s"])
    return found


def judge(goal: Goal, times: Times) -> Finding:
    """Return what ``times`` say of ``goal``."""
    fused_name = goal.layer + " fused"
    fused = times.get((goal.comparison, goal.threads, fused_name), {})
    beside = goal.rival_threads or goal.threads
    rivals = [times[goal.comparison, beside, name] for name in goal.rivals
              if (goal.comparison, beside, name) in times]
    if not fused or not rivals:
        missing = fused_name if not fused else " or ".join(goal.rivals)
        return Finding(goal, None, None, None, "the run did not time {} there".format(missing))
    ratios = sorted(seconds / min(rival[launch] for rival in rivals if launch in rival)
                    for launch, seconds in fused.items() if any(launch in rival for rival in rivals))
    if not ratios:
        return Finding(goal, None, None, None, "no launch timed both")
    middle = len(ratios) // 2
    median = ratios[middle] if len(ratios) % 2 else (ratios[middle - 1] + ratios[middle]) / 2
    return Finding(goal, median, ratios[0], ratios[-1])


def line(finding: Finding) -> str:
    """Return one line of the answer."""
    goal = finding.goal
    wanted = "{}, {} thread{}: {} at most {:.3g}x {}{}".format(
        goal.comparison, goal.threads, "s" * (goal.threads != 1), goal.layer, goal.at_most, " or ".join(goal.rivals),
        " on {}".format(goal.rival_threads) if goal.rival_threads else "")
    if finding.ratio is None or finding.low is None or finding.high is None:
        return "{:12s} {}: {}".format(finding.verdict, wanted, finding.reason)
    return "{:12s} {}: {:.3g} [{:.3g} .. {:.3g}]".format(finding.verdict, wanted, finding.ratio, finding.low,
                                                        finding.high)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the goals of a run; 0 however they fare, 2 where the run cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.goals", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="folder of a recorded run of the kernels suite")
    try:
        times = medians(load_run(parser.parse_args(argv).run).to_frame())
    except RecordError as error:
        print(error, file=sys.stderr)
        return 2
    findings = [judge(goal, times) for goal in GOALS]
    print("\n".join(line(finding) for finding in findings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
