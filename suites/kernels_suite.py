"""The fused layer against the best convolutions of this machine, at the shapes of the networks it is for.

Every baseline is the fastest form of its convolution here, not torch's default one, which is a rival instead, as are
a copy of the input, the int8 convolution (CPU), and two-byte types, TF32 and channels-last (CUDA). Training steps are
judged by torch's own convolution, since packed weights do not train.
"""

from typing import List, Tuple

from harness.plan import Case, Comparison, Suite, Target
from suites import kernels_chains, kernels_sums

BEST = "suites.builders.best:convolution"
DEFAULT = "suites.builders.convolutions:convolution"
WHT_1D = "suites.builders.transforms:wht1d"
WHT_2D = "suites.builders.transforms:wht2d"
BLOCK_WHT = "suites.builders.transforms:block_wht1d"
INT8 = "suites.builders.quantised:convolution"
INT8_PRODUCTS = (("arithmetic", "int8"),)
COPY = "suites.builders.copies:clone"
KERNELS_COPY = "suites.builders.copies:kernels_copy"

#: Input and block size, ``None`` for the whole channel axis.
ALONG_CHANNELS = (((10, 1024, 32, 32), None), ((8, 64, 56, 56), None), ((8, 96, 28, 28), 32), ((8, 160, 14, 14), 32),
                  ((8, 320, 14, 14), 64), ((1, 256, 14, 14), None))  # type: Tuple
ALONG_PLANES = ((10, 1024, 32, 32), (10, 1024, 8, 8), (8, 320, 14, 14))
TRAINED = ((10, 1024, 32, 32), (8, 64, 56, 56), (1, 256, 14, 14))
TWO_BYTES = ("float16", "bfloat16")
#: What ``--quick`` leaves out: 42 MB tensors, where one 3x3 convolution takes a second.
LARGE = (10, 1024, 32, 32)
NOTE = "The baseline is the fastest form of the convolution on this machine, in the layout that suits it."


def _name(shape: Tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def along_channels(target: Target, shape: Tuple[int, ...], block: int) -> Comparison:
    """The 1-D layer, whole or in blocks, against the best 1x1 convolution."""
    baseline = Case("Conv 1x1", "best", BEST, shape, device=target.device, threads=target.threads)
    layer = baseline._replace(layer="WHT 1D", builder=WHT_1D)
    if block:
        layer = layer._replace(layer="Block WHT 1D", builder=BLOCK_WHT, options=(("block_size", block),))
    rivals = tuple(layer._replace(implementation=form) for form in ("fused", "two-stage", "butterfly"))
    rivals += tuple(layer._replace(implementation=form + " compiled",
                                   options=layer.options + (("compile", True), ("form", form)))
                    for form in ("two-stage", "butterfly"))
    rivals += beside(baseline, layer._replace(implementation="fused"))
    return Comparison("kernels-1d-" + _name(shape), "1-D layer for a 1x1 convolution, {}{}".format(
        _name(shape), ", blocks of {}".format(block) if block else ""), baseline, rivals, NOTE)


def along_planes(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """The 2-D layer against the best 3x3 convolution, and the best depthwise one beside it."""
    baseline = Case("Conv 3x3", "best", BEST, shape, device=target.device, threads=target.threads,
                    options=(("kernel", 3),))
    layer = baseline._replace(layer="WHT 2D", builder=WHT_2D, options=())
    depthwise = baseline._replace(layer="Depthwise 3x3", options=(("groups", shape[1]), ("kernel", 3)))
    rivals = tuple(layer._replace(implementation=form) for form in ("fused", "matrix", "butterfly"))
    rivals += (depthwise,) + beside(baseline, layer._replace(implementation="fused"))
    return Comparison("kernels-2d-" + _name(shape), "2-D layer for a 3x3 convolution, " + _name(shape), baseline,
                      rivals, NOTE)


def beside(best: Case, fused: Case) -> Tuple[Case, ...]:
    """What else a reader asks for: the default convolution, the copy, other precisions and the other layout."""
    found: Tuple[Case, ...] = (best._replace(implementation="default", builder=DEFAULT),
                               best._replace(layer="Copy", implementation="", builder=COPY, options=()))
    if best.device != "cuda":
        copy = best._replace(layer="Copy", builder=KERNELS_COPY, options=())
        return found + (
            best._replace(implementation="int8", builder=INT8, options=best.options + INT8_PRODUCTS),
            copy._replace(implementation="memcpy"), copy._replace(implementation="past the caches"))
    last = fused._replace(layer=fused.layer + " channels-last", memory_format="channels_last")
    found += (best._replace(implementation="TF32", options=best.options + (("tf32", True),)), last)
    return found + tuple(case for dtype in TWO_BYTES for case in (
        best._replace(implementation=dtype, dtype=dtype),
        fused._replace(layer="{} {}".format(fused.layer, dtype), dtype=dtype)))


def training(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """A training step of the 1-D layer against one of torch's 1x1 convolution, in both layouts."""
    conv = Case("Conv 1x1", "default", DEFAULT, shape, device=target.device, threads=target.threads, mode="training")
    layer = conv._replace(layer="WHT 1D", builder=WHT_1D)
    last = conv._replace(implementation="channels-last", memory_format="channels_last")
    return Comparison("kernels-1d-training-" + _name(shape),
                      "A training step of the 1-D layer for one of a 1x1 convolution, " + _name(shape), conv,
                      tuple(layer._replace(implementation=form) for form in ("fused", "two-stage")) + (last,))


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``; on a CPU once more on 1 and on 2 threads."""
    found = on(target)
    for threads in (1, 2):
        if target.device == "cpu" and threads != target.threads:
            found += [with_threads(one, threads) for one in on(target._replace(threads=threads))]
    return found


def with_threads(comparison: Comparison, threads: int) -> Comparison:
    """Return ``comparison`` under an id of its own, without the compiled forms, which are slow to start."""
    suffix = "{} thread{}".format(threads, "s" * (threads != 1))
    return comparison._replace(
        id="{}-{}t".format(comparison.id, threads), title="{}, {}".format(comparison.title, suffix),
        rivals=tuple(case for case in comparison.rivals if not dict(case.options).get("compile")))


def on(target: Target) -> List[Comparison]:
    """Return the comparisons on as many threads as ``target`` says."""
    return ([along_channels(target, shape, block) for shape, block in ALONG_CHANNELS]
            + [along_planes(target, shape) for shape in ALONG_PLANES]
            + [training(target, shape) for shape in TRAINED] + kernels_sums.comparisons(target)
            + kernels_chains.comparisons(target))


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons of seconds, without the compiled forms, which take long to start."""
    return [c._replace(rivals=tuple(r for r in c.rivals if not dict(r.options).get("compile")))
            for c in every if c.baseline.shape != LARGE]


SUITE = Suite("kernels", "The fused layer against the best convolutions of this machine", comparisons, quick)
