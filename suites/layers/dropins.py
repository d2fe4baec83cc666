"""Ready replacements: the block layers in the shape of what they stand in for (paper 2201.02711).

Each takes the layer that is there now, or its sizes, and returns a module of the same input and output shape. Bias,
batch norm and activation around it are the caller's to keep; none of these layers has any.
"""

from typing import Optional, Tuple, Union

from torch import nn

from suites.layers.bwht1d import BlockWalshHadamard1d, largest_block_size
from suites.layers.wht2d import WalshHadamard2d

Plane = Union[int, Tuple[int, int]]


def for_conv1x1(convolution: nn.Conv2d, block_size: Optional[int] = None,
                implementation: str = "auto") -> BlockWalshHadamard1d:
    """Return the 1-D block layer with the channels and the stride of a 1x1 ``convolution``.

    ``block_size`` ``None`` takes the largest that fits. Raises ``ValueError`` for any other convolution.
    """
    _check(convolution, (1, 1))
    in_channels, out_channels = convolution.in_channels, convolution.out_channels
    size = block_size or _block_size(in_channels, out_channels)
    return BlockWalshHadamard1d(in_channels, out_channels, size, convolution.stride[0], implementation)


def for_conv3x3(convolution: nn.Conv2d, plane: Plane, block_size: Optional[int] = None,
                implementation: str = "auto") -> nn.Module:
    """Return the 2-D layer on input planes of size ``plane`` with the stride of a padded 3x3 ``convolution``.

    Where the channels change, a 1-D block layer (of ``block_size``, by default the largest that fits) goes before
    it, as the paper does. Raises ``ValueError`` for any other convolution.
    """
    _check(convolution, (3, 3))
    spatial = WalshHadamard2d(plane, convolution.stride[0], implementation=implementation)
    in_channels, out_channels = convolution.in_channels, convolution.out_channels
    if in_channels == out_channels:
        return spatial
    size = block_size or _block_size(in_channels, out_channels)
    mixing = BlockWalshHadamard1d(in_channels, out_channels, size, implementation=implementation)
    return nn.Sequential(mixing, spatial)


def for_squeeze_excite(plane: Plane, implementation: str = "auto") -> WalshHadamard2d:
    """Return the 2-D layer that stands where a squeeze-and-excite block stood, on planes of size ``plane``."""
    return WalshHadamard2d(plane, implementation=implementation)


def before_global_average(plane: Plane, pooling: Optional[nn.Module] = None,
                          implementation: str = "auto") -> nn.Sequential:
    """Return the 2-D layer followed by ``pooling`` (by default global average pooling to (N, C, 1, 1)).

    Without its weights and thresholds the layer would change nothing there: pooling sees coefficient 0 alone.
    """
    return nn.Sequential(WalshHadamard2d(plane, implementation=implementation),
                         nn.AdaptiveAvgPool2d(1) if pooling is None else pooling)


def _block_size(in_channels: int, out_channels: int) -> int:
    size = largest_block_size(in_channels, out_channels)
    if size == 1:
        raise ValueError("no block of two or more channels fits {} channels to {}, and blocks of one mix nothing: "
                         "use WalshHadamard1d, which pads with zeros".format(in_channels, out_channels))
    return size


def _check(convolution: nn.Conv2d, kernel: Tuple[int, int]) -> None:
    same = (kernel[0] // 2, kernel[1] // 2)
    strides = tuple(convolution.stride)
    if (tuple(convolution.kernel_size) != kernel or convolution.groups != 1 or tuple(convolution.dilation) != (1, 1)
            or tuple(convolution.padding) != same or strides[0] != strides[1]):
        raise ValueError("this form replaces {}x{} convolutions with padding {}, one group, no dilation and equal "
                         "strides, got {}".format(kernel[0], kernel[1], same[0], convolution))
