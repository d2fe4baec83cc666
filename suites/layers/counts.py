"""Multiply-accumulates by rule, for the form that runs.

One multiply-accumulate is one product added to a sum; one addition or subtraction of a butterfly counts as one too,
so that forms can be compared; so does one multiplication-free operation that takes the place of a product.
Elementwise work (bias, activation, threshold, scale) is not counted.
"""

from typing import Tuple

from suites.layers.matrices import transform_size


def convolution_macs(images: int, plane_out: int, in_channels: int, out_channels: int, taps: int = 1,
                     groups: int = 1) -> int:
    """Return the count of a direct convolution giving ``plane_out`` pixels from ``taps`` taps per channel."""
    return images * plane_out * (in_channels // groups) * out_channels * taps


def transform_macs(size: int, rows_in: int, rows_out: int, form: str) -> int:
    """Return the count of one transform of ``size`` points given ``rows_in``, keeping ``rows_out`` of them."""
    bits = size.bit_length() - 1
    if form == "matrix":
        return rows_in * rows_out
    if form == "two-stage":
        fast, slow = 1 << (bits // 2), 1 << (bits - bits // 2)
        slow_in, slow_out = -(-rows_in // fast), -(-rows_out // fast)
        along_fast = (slow_in if slow_in < slow or slow_out == slow else slow_out) * fast * fast
        return along_fast + slow_in * slow_out * fast
    return bits * size


def wht1d_macs(vectors: int, in_channels: int, out_channels: int, form: str) -> int:
    """Return the count of the 1-D layer on ``vectors`` pixels."""
    size = transform_size(in_channels, out_channels)
    return vectors * (transform_macs(size, in_channels, size, form)
                      + transform_macs(size, size, out_channels, form))


def block_wht1d_macs(vectors: int, blocks: int, block_size: int, form: str) -> int:
    """Return the count of the block layer transforming ``blocks`` blocks for each of ``vectors`` pixels."""
    return 2 * vectors * blocks * transform_macs(block_size, block_size, block_size, form)


def wht2d_macs(planes: int, height: int, width: int, down: str, across: str) -> int:
    """Return the count of the 2-D layer on ``planes`` channel planes, there and back.

    ``down`` and ``across`` are the forms along the height and along the width.
    """
    size = transform_size(height, width)
    return planes * (_one_way(height, width, (size, size), down, across, True)
                     + _one_way(height, width, (size, size), down, across, False))


def ht_macs(images: int, in_channels: int, out_channels: int, plane: Tuple[int, int], paths: int, down: str,
            across: str) -> int:
    """Return the count of the HT-perceptron layer: transforms of both widths and a 1x1 convolution in each path."""
    sizes = (transform_size(plane[0]), transform_size(plane[1]))
    there = in_channels * _one_way(plane[0], plane[1], sizes, down, across, True)
    back = out_channels * _one_way(plane[0], plane[1], sizes, down, across, False)
    return images * (there + back + paths * in_channels * out_channels * sizes[0] * sizes[1])


def _one_way(height: int, width: int, sizes: Tuple[int, int], down: str, across: str, there: bool) -> int:
    rows, columns = sizes
    if there:
        return (height * transform_macs(columns, width, columns, across)
                + columns * transform_macs(rows, height, rows, down))
    return (columns * transform_macs(rows, rows, height, down)
            + height * transform_macs(columns, columns, width, across))
