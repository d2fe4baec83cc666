"""What the kernels set out to reach, as data of the suite: recorded with every run and judged in its report.

On the CPU, one thread where nothing else is said. Tables of (comparison, layer, rivals, at most so many times the
fastest of them, threads, threads of the rivals).
"""

from typing import List, NamedTuple, Optional, Tuple

from harness.plan import Goal, Target, slug
from suites.kernels.goals_chains import ROWS
from suites.kernels.machine import cpu_features

COPIES = ("Copy memcpy", "Copy past the caches")
CONV_1X1 = ("Conv 1x1 best", "Conv 1x1 default")
#: torch's own leaves much of a CPU unused: the 2-D layer must beat a good one.
DEPTHWISE = ("Depthwise 3x3 best", "Depthwise 3x3 own kernel")


class Wanted(NamedTuple):
    """In ``comparison``, on ``threads`` threads, ``layer``'s fused form at most ``at_most`` times the best rival.

    The rivals' own number of threads is ``rival_threads``, the same where it is ``None``.
    """

    comparison: str
    layer: str
    rivals: Tuple[str, ...]
    at_most: float
    threads: int = 1
    rival_threads: Optional[int] = None


WANTED = (
    Wanted("kernels-1d-10x1024x32x32", "WHT 1D", COPIES, 2.6),
    Wanted("kernels-2d-10x1024x32x32", "WHT 2D", COPIES, 2.0),
    Wanted("kernels-1d-8x64x56x56", "WHT 1D", COPIES, 1.4),
    Wanted("kernels-1d-10x1024x32x32", "WHT 1D", CONV_1X1, 1 / 18.0),
    Wanted("kernels-2d-10x1024x32x32", "WHT 2D", ("Conv 3x3 best",), 1 / 110.0),
    Wanted("kernels-2d-10x1024x8x8", "WHT 2D", ("Conv 3x3 best",), 1 / 200.0),
) + tuple(Wanted("kernels-2d-" + shape, "WHT 2D", DEPTHWISE, 1.0) for shape in (
    "10x1024x32x32", "10x1024x8x8", "8x320x14x14")) + tuple(
    Wanted("kernels-1d-" + shape, layer, CONV_1X1, 1.0, threads) for threads in (1, 2) for shape, layer in (
        ("8x64x56x56", "WHT 1D"), ("8x96x28x28", "Block WHT 1D"), ("8x160x14x14", "Block WHT 1D"),
        ("8x320x14x14", "Block WHT 1D"), ("1x256x14x14", "WHT 1D")))
#: Two threads do a small tensor in at most so much of one thread's time, and none more slowly.
WANTED += (Wanted("kernels-1d-1x256x14x14", "WHT 1D", ("WHT 1D fused",), 0.6, 2, 1),
           Wanted("kernels-1d-8x160x14x14", "Block WHT 1D", ("Block WHT 1D fused",), 1.0, 2, 1))

DEPTHWISE_BEST = ("Depthwise 3x3 best", "Depthwise 3x3 default")
CONV_3X3 = ("Conv 3x3 best", "Conv 3x3 default")
LINEAR = ("Linear best", "Linear default")
#: Multiplication-free members: at most so many times the best depthwise convolution.
MEMBERS = (("min", 1.0), ("match-min", 1 / 0.8), ("sum", 1 / 0.8))
WANTED += tuple(
    Wanted("kernels-depthwise-" + shape, "MF depthwise 3x3 " + member, DEPTHWISE_BEST, most)
    for shape in ("1x256x14x14", "1x1024x7x7", "1x64x56x56", "8x256x28x28", "10x1024x32x32")
    for member, most in MEMBERS)
WANTED += tuple(Wanted("kernels-depthwise-10x1024x32x32", "MF depthwise 3x3 " + member, COPIES, 1.1)
                for member, _ in MEMBERS)
WANTED += tuple(Wanted("kernels-ht-" + shape, "HT-perceptron, 3 paths", CONV_3X3, 1 / factor) for shape, factor in (
    ("1x16x32x32", 3.0), ("1x32x16x16", 3.0), ("1x64x8x8", 3.0), ("1x256x14x14", 2.0)))
WANTED += tuple(Wanted("kernels-linear-" + shape, "MF linear min", LINEAR, 1 / 0.45)
                for shape in ("64x512", "512x1024"))
WANTED += tuple(Wanted(*row) for row in ROWS)
#: Back at most 1.7 times as long as forward.
WANTED += (Wanted("kernels-1d-training-8x64x56x56", "WHT 1D", ("WHT 1D forward fused",), 2.7),)


#: How many times as fast as the convolution in int8: with instructions for tiles of them (AMX) that has little left.
INT8_WITH_TILES, INT8 = 1.5, 6.0


def goals(target: Target, cpuinfo: str = "/proc/cpuinfo") -> List[Goal]:
    """Return the goals on ``target``: none but on a CPU, and those on two threads where it has them.

    The one in int8 is that of the CPU that ``cpuinfo`` tells of.
    """
    if target.device != "cpu":
        return []
    tiles = "amx_int8" in cpu_features(cpuinfo)
    int8 = Wanted("kernels-1d-10x1024x32x32", "WHT 1D int8", ("Conv 1x1 int8",),
                  1 / (INT8_WITH_TILES if tiles else INT8))
    return [Goal(_case(one.comparison, one.threads, one.layer + " fused"),
                 tuple(_case(one.comparison, one.rival_threads or one.threads, rival) for rival in one.rivals),
                 one.at_most) for one in WANTED + (int8,) if one.threads <= target.threads]


def _case(comparison: str, threads: int, name: str) -> str:
    return "{}{}/{}".format(comparison, "" if threads == 1 else "-{}t".format(threads), slug(name))
