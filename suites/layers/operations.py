"""Operations by rule: additions, products, comparisons and functions, one each.

A layer made of multiply-accumulates takes two for each, a sum beginning with its bias; only what is not is counted
here. Factors that stand for the whole transform (normalisation) belong to the tables and are not counted.
"""

from typing import Tuple

from suites.layers.counts import block_wht1d_macs, ht_macs, wht1d_macs, wht2d_macs
from suites.layers.matrices import transform_size

#: Forms that add and subtract alone; the others are products of matrices.
BUTTERFLIES = ("fused", "butterfly")
#: A function (tanh or sign), a magnitude, a difference, its positive part, and a product.
THRESHOLD = 5
#: For each pair of ``x`` and ``w``, accumulated. ``min``: the lesser magnitude with the sign of x (one instruction of
#: AVX-512), a product with the sign of w, a sum. ``match-min``: two comparisons instead. ``sum``: two products.
PAIR = {"min": 3, "match-min": 4, "sum": 4}


def wht1d_operations(vectors: int, in_channels: int, out_channels: int, form: str) -> int:
    """Return those of the 1-D layer on ``vectors`` pixels."""
    size = transform_size(in_channels, out_channels)
    return _each(form) * wht1d_macs(vectors, in_channels, out_channels, form) + vectors * size * THRESHOLD


def block_wht1d_operations(vectors: int, blocks: int, block_size: int, form: str) -> int:
    """Return those of the block layer, whose coefficients have a weight each."""
    return (_each(form) * block_wht1d_macs(vectors, blocks, block_size, form)
            + vectors * blocks * block_size * (1 + THRESHOLD))


def wht2d_operations(planes: int, height: int, width: int, down: str, across: str) -> int:
    """Return those of the 2-D layer on ``planes`` channel planes, whose coefficients have a weight each."""
    size = transform_size(height, width)
    return (_each(down) * wht2d_macs(planes, height, width, down, across) + planes * size * size * (1 + THRESHOLD))


def ht_operations(images: int, in_channels: int, out_channels: int, plane: Tuple[int, int], paths: int, down: str,
                  across: str) -> int:
    """Return those of the HT-perceptron: in each path a scale, a threshold and the sum of the paths."""
    spectrum = transform_size(plane[0]) * transform_size(plane[1])
    mixing = images * paths * in_channels * out_channels * spectrum
    transforms = ht_macs(images, in_channels, out_channels, plane, paths, down, across) - mixing
    between = images * out_channels * spectrum * (paths * (1 + THRESHOLD) + paths - 1)
    return _each(down) * transforms + 2 * mixing + between


def multiplication_free_operations(pairs: int, inputs: int, outputs: int, member: str) -> int:
    """Return those of ``pairs``, with the sign of each input for ``sum`` and a scale for each output."""
    return pairs * PAIR[member] + inputs * (member == "sum") + outputs


def _each(form: str) -> int:
    return 1 if form in BUTTERFLIES else 2
