"""The fused layers against the best convolutions of this machine, at the shapes that their goals name.

Every baseline is the fastest form of its convolution here, not torch's default one, which is a rival instead, as are
a copy of the input, the int8 convolution (CPU), and two-byte types, TF32 and channels-last (CUDA). Training steps are
judged by torch's own convolution, since packed weights do not train. On a CPU all goals are those of one thread, but
for small tensors on two: ten minutes on two cores. ``kernels-all`` has the other forms and numbers of threads.
"""

from typing import List, Optional, Tuple

from harness.plan import Case, Comparison, Suite, Target
from suites import kernels_chains, kernels_sums
from suites.kernels.goals import goals

BEST = "suites.builders.best:convolution"
DEFAULT = "suites.builders.convolutions:convolution"
WHT_1D = "suites.builders.transforms:wht1d"
WHT_2D = "suites.builders.transforms:wht2d"
BLOCK_WHT = "suites.builders.transforms:block_wht1d"
OWN_DEPTHWISE = "suites.builders.convolutions:own_depthwise"
INT8 = "suites.builders.quantised:convolution"
INT8_WHT = "suites.builders.quantised:wht1d"
INT8_PRODUCTS = (("arithmetic", "int8"),)
COPY = "suites.builders.copies:clone"
KERNELS_COPY = "suites.builders.copies:kernels_copy"

#: Input and block size, ``None`` for the whole channel axis.
ALONG_CHANNELS = (((10, 1024, 32, 32), None), ((8, 64, 56, 56), None), ((8, 96, 28, 28), 32), ((8, 160, 14, 14), 32),
                  ((8, 320, 14, 14), 64), ((1, 256, 14, 14), None))  # type: Tuple
ALONG_PLANES = ((10, 1024, 32, 32), (10, 1024, 8, 8), (8, 320, 14, 14))
TRAINED = ((8, 64, 56, 56),)
TWO_BYTES = ("float16", "bfloat16")
#: Two threads are for the others, which are small.
LARGE = (10, 1024, 32, 32)
NOTE = "The baseline is the fastest form of the convolution on this machine, in the layout that suits it."
#: These tell of speed alone: every layer's memory is told by the suites of layers and networks.
SPEED_ALONE = ("memory", "energy")
#: Two launches of a few seconds for each comparison: processes differ less than the goals are missed or met by.
LAUNCHES, BUDGET_S = 2, 240.0
#: One of each family, by what their ids hold; calls of seconds are left out.
QUICK = ("1d-8x64x56x56", "1d-1x256x14x14", "2d-8x320x14x14", "depthwise-1x256x14x14", "depthwise-1x64x56x56",
         "ht-1x16x32x32", "ht-1x256x14x14", "linear-64x512", "debut-1x512x7x7-512", "debut-1x2048x7x7",
         "debut-64x512", "lhc-1x256x14x14", "training-depthwise", "training-ht")


def _name(shape: Tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def along_channels(target: Target, shape: Tuple[int, ...], block: Optional[int], every: bool = False) -> Comparison:
    """The 1-D layer, whole or in blocks, against the best 1x1 convolution; ``every`` form of it, or the best two."""
    baseline = Case("Conv 1x1", "best", BEST, shape, device=target.device, threads=target.threads)
    layer = baseline._replace(layer="WHT 1D", builder=WHT_1D)
    if block:
        layer = layer._replace(layer="Block WHT 1D", builder=BLOCK_WHT, options=(("block_size", block),))
    rivals = tuple(layer._replace(implementation=form) for form in ("fused", "two-stage", "butterfly")[:2 + every])
    if every:
        rivals += tuple(layer._replace(implementation=form + " compiled",
                                       options=layer.options + (("compile", True), ("form", form)))
                        for form in ("two-stage", "butterfly"))
    rivals += beside(baseline, layer._replace(implementation="fused"))
    if shape == LARGE and target.device == "cpu":
        rivals += (layer._replace(layer="WHT 1D int8", implementation="fused", builder=INT8_WHT,
                                  options=INT8_PRODUCTS),)
    return Comparison("kernels-1d-" + _name(shape), "1-D layer for a 1x1 convolution, {}{}".format(
        _name(shape), ", blocks of {}".format(block) if block else ""), baseline, rivals, NOTE, SPEED_ALONE)


def along_planes(target: Target, shape: Tuple[int, ...], every: bool = False) -> Comparison:
    """The 2-D layer against the best 3x3 convolution, and the best depthwise one beside it."""
    baseline = Case("Conv 3x3", "best", BEST, shape, device=target.device, threads=target.threads,
                    options=(("kernel", 3),))
    layer = baseline._replace(layer="WHT 2D", builder=WHT_2D, options=())
    depthwise = baseline._replace(layer="Depthwise 3x3", options=(("groups", shape[1]), ("kernel", 3)))
    rivals = tuple(layer._replace(implementation=form) for form in ("fused", "matrix", "butterfly")[:2 + every])
    rivals += (depthwise,)
    if target.device == "cpu":
        rivals += (depthwise._replace(implementation="own kernel", builder=OWN_DEPTHWISE, options=(("relu", True),)),)
    rivals += beside(baseline, layer._replace(implementation="fused"))
    return Comparison("kernels-2d-" + _name(shape), "2-D layer for a 3x3 convolution, " + _name(shape), baseline,
                      rivals, NOTE, SPEED_ALONE)


def beside(best: Case, fused: Case) -> Tuple[Case, ...]:
    """What else a reader asks for: the default convolution, the copy, other precisions and the other layout."""
    found: Tuple[Case, ...] = (best._replace(implementation="default", builder=DEFAULT),)
    if best.device != "cuda":
        copy = best._replace(layer="Copy", builder=KERNELS_COPY, options=())
        return found + (
            best._replace(implementation="int8", builder=INT8, options=best.options + INT8_PRODUCTS),
            copy._replace(implementation="memcpy"), copy._replace(implementation="past the caches"))
    last = fused._replace(layer=fused.layer + " channels-last", memory_format="channels_last")
    found += (best._replace(layer="Copy", implementation="", builder=COPY, options=()),
              best._replace(implementation="TF32", options=best.options + (("tf32", True),)), last)
    return found + tuple(case for dtype in TWO_BYTES for case in (
        best._replace(implementation=dtype, dtype=dtype),
        fused._replace(layer="{} {}".format(fused.layer, dtype), dtype=dtype)))


def training(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """A training step of the 1-D layer against one of torch's 1x1 convolution, and its forward part beside it."""
    conv = Case("Conv 1x1", "default", DEFAULT, shape, device=target.device, threads=target.threads, mode="training")
    layer = conv._replace(layer="WHT 1D", builder=WHT_1D)
    last = conv._replace(implementation="channels-last", memory_format="channels_last")
    forward = layer._replace(layer="WHT 1D forward", implementation="fused", mode="inference")
    return Comparison("kernels-1d-training-" + _name(shape),
                      "A training step of the 1-D layer for one of a 1x1 convolution, " + _name(shape), conv,
                      tuple(layer._replace(implementation=form) for form in ("fused", "two-stage")) + (forward, last),
                      without=SPEED_ALONE)


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``.

    On a CPU they run on one thread; with two or more the 1-D layer once more on two, and on all of them.
    """
    if target.device != "cpu":
        return on(target)
    found = on(target._replace(threads=1))
    for threads in sorted({2, target.threads}) if target.threads > 1 else ():
        found += [with_threads(along_channels(target._replace(threads=threads), shape, block), threads)
                  for shape, block in ALONG_CHANNELS if shape != LARGE]
    return found


def with_threads(comparison: Comparison, threads: int) -> Comparison:
    """Return ``comparison`` under an id of its own, without the compiled forms, which are slow to start."""
    return comparison._replace(
        id="{}-{}t".format(comparison.id, threads), title="{}, {} threads".format(comparison.title, threads),
        rivals=tuple(case for case in comparison.rivals if not dict(case.options).get("compile")))


def on(target: Target, every: bool = False) -> List[Comparison]:
    """Return the comparisons on as many threads as ``target`` says, on CUDA and with ``every`` in all forms."""
    every = every or target.device == "cuda"
    return ([along_channels(target, shape, block, every) for shape, block in ALONG_CHANNELS]
            + [along_planes(target, shape, every) for shape in ALONG_PLANES]
            + [training(target, shape) for shape in TRAINED] + [
                one._replace(without=SPEED_ALONE) for one in kernels_sums.comparisons(target)
                + kernels_chains.comparisons(target)])


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return one or two comparisons of each family, without the compiled forms, which take long to start."""
    wanted = tuple("kernels-" + name for name in QUICK)
    return [c._replace(rivals=tuple(r for r in c.rivals if not dict(r.options).get("compile")))
            for c in every if c.id.startswith(wanted)]


SUITE = Suite("kernels", "The fused layers against the best convolutions of this machine, and their goals",
              comparisons, quick, goals, LAUNCHES, BUDGET_S)
