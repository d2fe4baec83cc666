"""Multiply-accumulates by rule, for the form that runs.

One multiply-accumulate is one product added to a sum; one addition or subtraction of a butterfly counts as one too,
so that forms can be compared. Elementwise work (bias, activation, threshold, scale) is not counted.
"""

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


def wht2d_macs(planes: int, height: int, width: int, down: str, across: str) -> int:
    """Return the count of the 2-D layer on ``planes`` channel planes, there and back.

    ``down`` and ``across`` are the forms along the height and along the width.
    """
    size = transform_size(height, width)
    there = height * transform_macs(size, width, size, across) + size * transform_macs(size, height, size, down)
    back = size * transform_macs(size, size, height, down) + height * transform_macs(size, size, width, across)
    return planes * (there + back)
