"""The fused layer in ncnn: a layer written in Python, as its wheel takes them, that calls the built library."""

import ctypes
from typing import Any, Dict, List, Tuple

import numpy as np

from suites.runtimes.engine import CUSTOM_OPERATOR
from suites.runtimes.operators import library

#: One image as the library needs it: channels, pixels, elements from channel to channel of both blobs, threads.
Shape = Tuple[int, int, int, int, int]


class Kernel:
    """The library's layers, one for each shape of blob."""

    def __init__(self) -> None:
        found = library("ncnn")
        if found.path is None:
            raise RuntimeError("the project's operator for ncnn is not there ({}): {}".format(
                found.reason, found.remedy))
        self._library = ctypes.CDLL(found.path)
        self._library.edge_layer_make.restype = ctypes.c_void_p
        self._library.edge_layer_make.argtypes = [ctypes.c_int64] * 4 + [ctypes.c_int]
        self._library.edge_layer_run.argtypes = [ctypes.c_void_p] * 4
        self._library.edge_layer_free.argtypes = [ctypes.c_void_p]
        self._layers: Dict[Shape, int] = {}

    def run(self, shape: Shape, x: int, y: int, threshold: int) -> None:
        """Compute at the addresses ``x``, ``y`` and ``threshold``; raises ``MemoryError``."""
        layer = self._layers.get(shape)
        if layer is None:
            layer = self._library.edge_layer_make(*shape)
            if not layer:
                raise MemoryError("no memory for the operator's plan: close other programs")
            self._layers[shape] = layer
        if self._library.edge_layer_run(layer, x, y, threshold):
            raise MemoryError("no memory for the operator's scratch: close other programs")

    def close(self) -> None:
        """Free the layers."""
        for layer in self._layers.values():
            self._library.edge_layer_free(layer)
        self._layers.clear()


def register(net: Any) -> None:
    """Let ``net`` know the operator. Raises ``RuntimeError`` where its library cannot be built."""
    import ncnn

    kernel = Kernel()

    class EdgeWht1d(ncnn.Layer):
        """Blobs x (C, H, W) and threshold (C)."""

        def __init__(self) -> None:
            ncnn.Layer.__init__(self)
            self.one_blob_only = False
            self.support_packing = False

        def forward(self, bottom: List[Any], top: List[Any], option: Any) -> int:
            """Compute ``top[0]``."""
            x, threshold, y = bottom[0], bottom[1], top[0]
            y.create(x.w, x.h, x.c)
            if y.empty() or x.c < 2 or x.c & (x.c - 1) or threshold.w != x.c:
                return -100
            shape = (x.c, x.w * x.h, x.cstep, y.cstep, option.num_threads)
            kernel.run(shape, _address(x), _address(y), _address(threshold))
            return 0

    made: List[Any] = []

    def create() -> Any:
        made.append(EdgeWht1d())
        return made[-1]

    def destroy(layer: Any) -> None:
        made.remove(layer)

    if net.register_custom_layer(CUSTOM_OPERATOR, create, destroy):
        raise RuntimeError("ncnn did not take the operator {}".format(CUSTOM_OPERATOR))


def _address(blob: Any) -> int:
    return int(np.array(blob, copy=False).ctypes.data)
