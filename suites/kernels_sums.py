"""Comparisons of the kernels suite: depthwise and multiplication-free layers, and on a CPU the HT-perceptron.

What one read and one write of memory allow stands beside the layers that could reach it.
"""

from typing import List, Tuple

from harness.plan import Case, Comparison, Target

BEST = "suites.builders.best:convolution"
BEST_LINEAR = "suites.builders.best:linear"
CONVOLUTION = "suites.builders.convolutions:convolution"
DEPTHWISE = "suites.builders.convolutions:depthwise"
LINEAR = "suites.builders.convolutions:linear"
OWN_DEPTHWISE = "suites.builders.convolutions:own_depthwise"
MF_DEPTHWISE = "suites.builders.multiplication_free:depthwise"
MF_LINEAR = "suites.builders.multiplication_free:linear"
HT = "suites.builders.transforms:ht_perceptron"
COPY = "suites.builders.copies:clone"
KERNELS_COPY = "suites.builders.copies:kernels_copy"

MEMBERS = ("min", "match-min", "sum")
#: Planes of MobileNet and the papers' largest tensor.
ACROSS_PLANES = ((1, 256, 14, 14), (1, 1024, 7, 7), (1, 64, 56, 56), (8, 256, 28, 28), (10, 1024, 32, 32))
#: The three stages of ResNet-20, and one of ResNet-50 in size.
PERCEPTRONS = ((1, 16, 32, 32), (1, 32, 16, 16), (1, 64, 8, 8), (1, 256, 14, 14))
DENSE = ((64, 512), (512, 1024))


def comparisons(target: Target) -> List[Comparison]:
    """Return the comparisons for ``target``; the perceptron has a kernel on a CPU alone."""
    perceptrons = PERCEPTRONS if target.device == "cpu" else ()
    return ([depthwise(target, shape) for shape in ACROSS_PLANES]
            + [perceptron(target, shape) for shape in perceptrons] + [dense(target, shape) for shape in DENSE])


def depthwise(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """The multiplication-free members and the project's own convolution against the best depthwise convolution."""
    base = Case("Depthwise 3x3", "best", BEST, shape, device=target.device, threads=target.threads,
                options=(("groups", shape[1]), ("kernel", 3), ("relu", False)))
    plain = base._replace(options=())
    return Comparison(
        "kernels-depthwise-" + _name(shape), "Depthwise 3x3 layers, " + _name(shape), base,
        tuple(plain._replace(layer="MF depthwise 3x3 " + member, implementation="fused", builder=MF_DEPTHWISE,
                             options=(("member", member),)) for member in MEMBERS)
        + (plain._replace(implementation="default", builder=DEPTHWISE),
           plain._replace(implementation="own kernel", builder=OWN_DEPTHWISE)) + copies(plain),
        "torch's own depthwise convolution leaves much of a CPU unused; the own kernel is the honest one to beat.")


def copies(case: Case) -> Tuple[Case, ...]:
    """What one read and one write of memory take: by the kernels' own threads on a CPU, by torch elsewhere."""
    if case.device != "cpu":
        return (case._replace(layer="Copy", implementation="", builder=COPY),)
    return tuple(case._replace(layer="Copy", implementation=form, builder=KERNELS_COPY)
                 for form in ("memcpy", "past the caches"))


def perceptron(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """The HT-perceptron with three paths against the best 3x3 convolution."""
    base = Case("Conv 3x3", "best", BEST, shape, device=target.device, threads=target.threads,
                options=(("kernel", 3),))
    layer = base._replace(layer="HT-perceptron, 3 paths", builder=HT, options=(("paths", 3),))
    return Comparison(
        "kernels-ht-" + _name(shape), "HT-perceptron for a 3x3 convolution, " + _name(shape), base,
        (layer._replace(implementation="fused"), layer._replace(implementation="matrix"),
         base._replace(implementation="default", builder=CONVOLUTION)),
        "Both sides mix all channels; the convolution's ReLU is the perceptron's thresholds.")


def dense(target: Target, shape: Tuple[int, ...]) -> Comparison:
    """The multiplication-free members against the best dense layer."""
    base = Case("Linear", "best", BEST_LINEAR, shape, device=target.device, threads=target.threads)
    return Comparison(
        "kernels-linear-" + _name(shape), "Multiplication-free dense layers, " + _name(shape), base,
        tuple(base._replace(layer="MF linear " + member, implementation="fused", builder=MF_LINEAR,
                            options=(("member", member),)) for member in MEMBERS)
        + (base._replace(implementation="default", builder=LINEAR),),
        "A pair of min takes two vector operations where the product takes one: half the speed is its ceiling where "
        "both run in the same units.")


def _name(shape: Tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
