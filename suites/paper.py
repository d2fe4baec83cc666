"""The layers of the two Walsh-Hadamard papers at the papers' shapes, float32, inference.

Papers 2104.07085 (1-D, in place of a 1x1 convolution) and 2201.02711 (2-D, in place of a 3x3 convolution).
``results/published/`` holds what the papers report, by the comparison and case names used here.
"""

from typing import List, Tuple

from harness.plan import Case, Comparison, Suite, Target

BEST = "suites.builders.best:convolution"
CONVOLUTION = "suites.builders.convolutions:convolution"
SEPARABLE = "suites.builders.convolutions:depthwise_separable"
OWN_DEPTHWISE = "suites.builders.convolutions:own_depthwise"
SQUEEZE_EXCITE = "suites.builders.convolutions:squeeze_excite"
WHT_1D = "suites.builders.transforms:wht1d"
WHT_2D = "suites.builders.transforms:wht2d"

WIDE = (10, 1024, 32, 32)
SMALL = (10, 1024, 8, 8)
KERNEL_3 = (("kernel", 3),)

TF32_NOTE = " TF32 is off except in the case named after it; cases named after a type run in that type."

BEST_NOTE = (" The baseline is the fastest convolution found here: F.conv2d, oneDNN, or oneDNN on weights packed "
             "beforehand, in either memory format; 'default' is F.conv2d on the input as it is.")


def compiled(case: Case) -> Case:
    """The same layer under ``torch.compile``."""
    return case._replace(implementation=case.implementation + " compiled",
                         options=case.options + (("compile", True), ("form", case.implementation)))


def one_dimensional(target: Target, memory_format: str) -> Comparison:
    """The 1-D layer against the 1x1 convolution with bias and ReLU."""
    case = Case("Conv 1x1", "best", BEST, WIDE, memory_format=memory_format, device=target.device,
                threads=target.threads)
    default = case._replace(implementation="default", builder=CONVOLUTION)
    wht = case._replace(layer="WHT 1D", builder=WHT_1D)
    rivals = tuple(wht._replace(implementation=form)
                   for form in ("matrix", "two-stage", "butterfly", "fused"))  # type: Tuple[Case, ...]
    rivals += (compiled(wht._replace(implementation="two-stage")), default)
    last = memory_format == "channels_last"
    rivals += lower_precision(default, wht, target)
    return Comparison(
        "1d-32x32" + "-channels-last" * last,
        "1-D layer for a 1x1 convolution, 10x1024x32x32" + ", channels-last" * last, case, rivals,
        "1024 channels to 1024, all weights and inputs float32." + BEST_NOTE + TF32_NOTE * (target.device == "cuda"))


def two_dimensional(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """The 2-D layer against the 3x3 convolution with bias and ReLU."""
    case = Case("Conv 3x3", "best", BEST, shape, device=target.device, threads=target.threads,
                options=KERNEL_3)
    default = case._replace(implementation="default", builder=CONVOLUTION)
    wht = case._replace(layer="WHT 2D", builder=WHT_2D, options=())
    rivals: Tuple[Case, ...] = (
        wht._replace(implementation="matrix"), wht._replace(implementation="butterfly"),
        wht._replace(implementation="fused"), compiled(wht._replace(implementation="matrix")), default,
        wht._replace(layer="Squeeze-excite", implementation="", builder=SQUEEZE_EXCITE),
        wht._replace(layer="Depthwise 3x3 + 1x1", implementation="", builder=SEPARABLE))
    if target.device == "cpu":  # what mixes pixels alone too, done as well as the 2-D layer is
        rivals += (case._replace(layer="Depthwise 3x3", implementation="own kernel", builder=OWN_DEPTHWISE,
                                 options=(("relu", True),)),)
    rivals += lower_precision(default, wht, target)
    side = shape[-1]
    return Comparison(
        "2d-{0}x{0}".format(side), "2-D layer for a 3x3 convolution, 10x1024x{0}x{0}".format(side), case, rivals,
        "The 2-D layer mixes pixels, not channels; the 3x3 convolution mixes both." + BEST_NOTE
        + TF32_NOTE * (target.device == "cuda"))


def lower_precision(baseline: Case, transform: Case, target: Target) -> Tuple[Case, ...]:
    """On CUDA: the convolution with tensor cores and in two-byte types, and the transform in one of them."""
    if target.device != "cuda":
        return ()
    return (baseline._replace(implementation="TF32", options=baseline.options + (("tf32", True),)),
            baseline._replace(implementation="float16", dtype="float16"),
            baseline._replace(implementation="bfloat16", dtype="bfloat16"),
            transform._replace(layer=transform.layer + " float16", implementation="auto", dtype="float16"))


def published_1d() -> Comparison:
    """The protocol behind the published 2x."""
    case = Case("Conv 1x1", "", CONVOLUTION, WIDE, protocol="published")
    # The authors' final speed model leaves coefficient 0 alone.
    wht = case._replace(layer="WHT 1D", builder=WHT_1D, options=(("keep_first", True),))
    return Comparison(
        "1d-published", "1-D layer by the published protocol, 10 images of 1024x32x32", case,
        tuple(wht._replace(implementation=form) for form in ("matrix", "two-stage", "fused")),
        "Ten images one at a time on one CPU thread with copies and allocation inside the clock, as the papers "
        "timed; their Nano numbers are TensorFlow Lite on the CPU, not CUDA.")


def published_2d() -> Comparison:
    """The protocol behind the published 24x."""
    case = Case("Conv 3x3", "", CONVOLUTION, SMALL, protocol="published", options=KERNEL_3)
    wht = case._replace(layer="WHT 2D", builder=WHT_2D, options=())
    return Comparison(
        "2d-8x8-published", "2-D layer by the published protocol, 10 images of 1024x8x8", case,
        (wht._replace(implementation="matrix"), wht._replace(implementation="butterfly"),
         wht._replace(implementation="fused"),
         case._replace(layer="Squeeze-excite", builder=SQUEEZE_EXCITE, options=())),
        "Ten images one at a time on one CPU thread with copies and allocation inside the clock, as the released "
        "scripts time; their Nano numbers are TensorFlow Lite on the CPU, not CUDA.", both_heaps=True)


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``; the published protocol is always one CPU thread."""
    return [one_dimensional(target, "contiguous"), one_dimensional(target, "channels_last"),
            two_dimensional(target, WIDE), two_dimensional(target, SMALL), published_1d(), published_2d()]


#: The two that take minutes: a second layout, and 193 GFLOP of 3x3 convolution per call.
NOT_QUICK = ("1d-32x32-channels-last", "2d-32x32")


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons that ``--quick`` runs: each claim once, at the shapes that take seconds.

    Without the compiled forms, whose workers would compile for longer than they measure, and without the dense
    1-D product, the slowest call of all.
    """
    return [comparison._replace(rivals=tuple(
                case for case in comparison.rivals
                if not dict(case.options).get("compile") and case.name != "WHT 1D matrix"))
            for comparison in every if comparison.id not in NOT_QUICK]


SUITE = Suite("paper", "The papers' 1-D and 2-D Walsh-Hadamard layers at the papers' shapes", comparisons, quick)
