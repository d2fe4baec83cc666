"""A layer in a few words."""

from torch import nn


def describe(layer: nn.Module) -> str:
    """Return a layer in a few words, such as ``Conv2d 320 -> 1280, 1x1``."""
    sizes = [(getattr(layer, a, None), getattr(layer, b, None)) for a, b in (
        ("in_channels", "out_channels"), ("in_features", "out_features"))]
    ends = next(("{} -> {}".format(a, b) for a, b in sizes if a is not None and b is not None), "")
    kernel = getattr(layer, "kernel_size", None)
    stride = getattr(layer, "stride", 1)
    words = [ends] if ends else []
    if isinstance(kernel, tuple):
        words.append("x".join(map(str, kernel)))
    if isinstance(getattr(layer, "groups", 1), int) and getattr(layer, "groups", 1) > 1:
        words.append("{} groups".format(layer.groups))
    if (stride[0] if isinstance(stride, tuple) else stride) != 1:
        words.append("stride {}".format(stride[0] if isinstance(stride, tuple) else stride))
    if isinstance(getattr(layer, "block_size", None), int):
        words.append("blocks of {}".format(layer.block_size))
    return "{} {}".format(type(layer).__name__, ", ".join(words)).strip()
