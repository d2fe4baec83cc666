"""The fused layers in ncnn: layers written in Python, as its wheel takes them, that call the built library."""

import ctypes
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from suites.runtimes.operators import library

#: One image as the library needs it: channels, height, width, side of the padded plane (0: the transform is over the
#: channels), elements from channel to channel of both blobs, threads.
Shape = Tuple[int, int, int, int, int, int, int]

#: The name of each operator and whether it transforms planes.
OPERATORS = {"EdgeWht1d": False, "EdgeWht2d": True}
WRONG_SHAPE = -100


class Kernel:
    """The library's layers, one for each shape of blob. Raises ``RuntimeError`` where the library cannot be had."""

    def __init__(self) -> None:
        found = library("ncnn")
        if found.path is None:
            raise RuntimeError("the project's operator for ncnn is not there ({}): {}".format(
                found.reason, found.remedy))
        self._library = ctypes.CDLL(found.path)
        self._library.edge_layer_make.restype = ctypes.c_void_p
        self._library.edge_layer_make.argtypes = [ctypes.c_int64] * 6 + [ctypes.c_int]
        self._library.edge_layer_problem.restype = ctypes.c_char_p
        self._library.edge_layer_problem.argtypes = [ctypes.c_int64] * 4
        self._library.edge_layer_run.argtypes = [ctypes.c_void_p] * 5
        self._library.edge_layer_free.argtypes = [ctypes.c_void_p]
        self._layers: Dict[Shape, int] = {}

    def run(self, shape: Shape, x: int, y: int, threshold: int, scale: Optional[int]) -> bool:
        """Compute at these addresses; return whether there is a layer of ``shape``. Raises ``MemoryError``."""
        layer = self._layers.get(shape)
        if layer is None:
            if self._library.edge_layer_problem(*shape[:4]):
                return False
            layer = self._library.edge_layer_make(*shape)
            if not layer:
                raise MemoryError("no memory for the operator's plan: close other programs")
            self._layers[shape] = layer
        if self._library.edge_layer_run(layer, x, y, threshold, scale):
            raise MemoryError("no memory for the operator's scratch: close other programs")
        return True

    def close(self) -> None:
        """Free the layers."""
        for layer in self._layers.values():
            self._library.edge_layer_free(layer)
        self._layers.clear()


def register(net: Any, operators: Sequence[str]) -> None:
    """Let ``net`` know the ``operators``. Raises ``RuntimeError`` where their library cannot be built."""
    kernel = Kernel()
    for name in operators:
        _register(net, name, kernel)


def _register(net: Any, name: str, kernel: Kernel) -> None:
    import ncnn

    planes = OPERATORS[name]

    class Fused(ncnn.Layer):
        """Blobs x (C, H, W) and threshold: (C), or of planes (S, S) and, if there is one, a weight like it."""

        def __init__(self) -> None:
            ncnn.Layer.__init__(self)
            self.one_blob_only = False
            self.support_packing = False

        def forward(self, bottom: List[Any], top: List[Any], option: Any) -> int:
            """Compute ``top[0]``."""
            x, threshold, y = bottom[0], bottom[1], top[0]
            y.create(x.w, x.h, x.c)
            tables = [(one.w, one.h) for one in bottom[1:]]
            if y.empty() or any(one != ((threshold.w, threshold.w) if planes else (x.c, 1)) for one in tables):
                return WRONG_SHAPE
            shape = (x.c, x.h, x.w, threshold.w if planes else 0, x.cstep, y.cstep, option.num_threads)
            scale = _address(bottom[2]) if len(bottom) > 2 else None
            return 0 if kernel.run(shape, _address(x), _address(y), _address(threshold), scale) else WRONG_SHAPE

    made: List[Any] = []

    def create() -> Any:
        made.append(Fused())
        return made[-1]

    def destroy(layer: Any) -> None:
        made.remove(layer)

    if net.register_custom_layer(name, create, destroy):
        raise RuntimeError("ncnn did not take the operator {}".format(name))


def _address(blob: Any) -> int:
    return int(np.array(blob, copy=False).ctypes.data)
