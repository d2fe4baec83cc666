"""Learnable heterogeneous convolution at inference: block-sparse layers against the dense convolution, by density.

Shapes are those of VGG at 32x32 and of ImageNet stages. The papers give operation counts and no times;
``results/published/lhc.csv`` holds them.
"""

from typing import List

from harness.plan import Case, Comparison, Suite, Target

BEST = "suites.builders.best:convolution"
DENSE = "suites.builders.debut:dense_layer"
LHC = "suites.builders.lhc:lhc"

#: Channels and plane: VGG-16 on 32x32 images, then stages of a 224x224 network.
SHAPES = ((64, 32), (128, 16), (256, 8), (512, 4), (512, 2), (128, 56), (256, 28), (512, 14))
DENSITIES = (0.1, 0.25, 0.5)
#: Planes on which the plain forms of the block-sparse layer are worth seeing.
ALL_FORMS = ((256, 8), (512, 14))
QUICK = ("64-32x32", "256-8x8", "512-2x2", "256-28x28", "512-14x14")


def comparison(channels: int, side: int, target: Target) -> Comparison:
    """Return the best dense 3x3 convolution against its block-sparse forms at falling density, and F.conv2d."""
    shape = (1, channels, side, side)
    dense = Case("Conv 3x3", "", DENSE, shape, device=target.device, threads=target.threads,
                 options=(("kernel", 3), ("out_features", channels)))
    best = dense._replace(implementation="best", builder=BEST, options=(("kernel", 3), ("relu", False)))
    rivals = [dense._replace(layer="LHC {:.0f}%".format(100 * density), builder=LHC, options=(("density", density),))
              for density in DENSITIES]
    if (channels, side) in ALL_FORMS:
        rivals += [rivals[0]._replace(implementation=form) for form in ("gathered", "shifted")]
    rivals.append(rivals[0]._replace(layer="LHC 10%", implementation="masked"))
    rivals.append(dense._replace(implementation="default"))
    return Comparison("{0}-{1}x{1}".format(channels, side),
                      "3x3, {0} to {0} channels, {1}x{1}".format(channels, side), best, tuple(rivals),
                      "Percent: share of 32x16 blocks kept. Masked is the training form, a full convolution. The "
                      "baseline is the fastest convolution found here; 'default' is F.conv2d on the input as it is.")


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``."""
    return [comparison(channels, side, target) for channels, side in SHAPES]


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons that ``--quick`` runs."""
    return [one for one in every if one.id in QUICK]


SUITE = Suite("lhc", "Learnable heterogeneous convolution, block-sparse at inference, by density", comparisons, quick)
