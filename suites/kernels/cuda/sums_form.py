"""Which form of the depthwise and of the multiplication-free dense kernel a layer gets. Pure numbers."""

import ctypes
from typing import Dict, NamedTuple, Sequence, Tuple, Union

from suites.kernels.cuda.params import Divisor, divisor

#: What takes the place of the product, as ``member.cuh`` numbers it.
MEMBERS = {"product": 0, "sum": 1, "min": 2, "match-min": 3}
THREADS = 256
#: As ``depthwise.cu`` and ``mf.cu`` have them.
WRITTEN_OUT, SIDE, TILE_COLUMNS, DEPTH = 5, 16, 64, 16
#: Rows of a thread, most first: each loaded value then serves more of them.
ROWS = (4, 2, 1)
#: Blocks wanted for each multiprocessor before a thread gets more rows.
BLOCKS_WANTED = 2


class DepthwiseParams(ctypes.Structure):
    """``DepthwiseParams`` of ``depthwise.cu``."""

    _fields_ = [
        ("x", ctypes.c_void_p), ("y", ctypes.c_void_p), ("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p),
        ("channels", Divisor), ("columns", Divisor), ("groups", Divisor), ("x_image", ctypes.c_int),
        ("x_channel", ctypes.c_int), ("x_row", ctypes.c_int), ("x_column", ctypes.c_int), ("y_image", ctypes.c_int),
        ("y_channel", ctypes.c_int), ("y_row", ctypes.c_int), ("y_column", ctypes.c_int), ("height", ctypes.c_int),
        ("width", ctypes.c_int), ("out_height", ctypes.c_int), ("units", ctypes.c_uint), ("scale", ctypes.c_float)]


class MfParams(ctypes.Structure):
    """``MfParams`` of ``mf.cu``."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("x", "y", "weight", "bias")] + [
        ("x_row", ctypes.c_longlong)] + [(name, ctypes.c_int) for name in ("rows", "inputs", "outputs")] + [
        ("scale", ctypes.c_float)]


Call = Union[DepthwiseParams, MfParams]


class Depthwise(NamedTuple):
    """A depthwise layer: the odd side of its window, its stride, what takes the place of the product."""

    kernel: int
    stride: int
    member: str


def depthwise_rows(layer: Depthwise, shape: Sequence[int], multiprocessors: int) -> int:
    """Return the output rows of a thread for an output of ``shape`` (N, C, H, W)."""
    if layer.kernel > WRITTEN_OUT:
        return 1
    for rows in ROWS:
        if blocks(depthwise_units(shape, rows)) >= BLOCKS_WANTED * multiprocessors:
            return rows
    return ROWS[-1]


def depthwise_units(shape: Sequence[int], rows: int) -> int:
    """Return the threads for an output of ``shape`` (N, C, H, W)."""
    return shape[0] * shape[1] * -(-shape[2] // rows) * shape[3]


def blocks(units: int) -> int:
    """Return the thread blocks for so many threads."""
    return -(-units // THREADS)


def depthwise_params(shape: Sequence[int], strides: Sequence[int], out_shape: Sequence[int],
                     out_strides: Sequence[int], rows: int, scale: float) -> DepthwiseParams:
    """Return the argument with everything but the pointers; shapes are (N, C, H, W), strides in elements."""
    return DepthwiseParams(
        channels=divisor(shape[1]), columns=divisor(out_shape[3]), groups=divisor(-(-out_shape[2] // rows)),
        x_image=strides[0], x_channel=strides[1], x_row=strides[2], x_column=strides[3], y_image=out_strides[0],
        y_channel=out_strides[1], y_row=out_strides[2], y_column=out_strides[3], height=shape[2], width=shape[3],
        out_height=out_shape[2], units=depthwise_units(out_shape, rows), scale=scale)


def depthwise_macros(layer: Depthwise, rows: int, dtype: int, bias: bool, last: bool,
                     column_stride: int) -> Dict[str, int]:
    """Return the macros that name the depthwise kernel; ``last``: neighbours in memory are channels.

    ``column_stride``: elements between neighbouring columns of the input.
    """
    return {"GPU_DTYPE": dtype, "GPU_THREADS": THREADS, "GPU_MIN_BLOCKS": 2, "GPU_DYNAMIC_SHARED": 0,
            "MEMBER": MEMBERS[layer.member], "DEPTHWISE_KERNEL": layer.kernel, "DEPTHWISE_STRIDE": layer.stride,
            "DEPTHWISE_ROWS": rows, "DEPTHWISE_BIAS": int(bias), "DEPTHWISE_LAST": int(last),
            "DEPTHWISE_NEIGHBOURS": int(column_stride == 1)}


def mf_rows(rows: int, outputs: int, multiprocessors: int) -> int:
    """Return the rows of a thread of the dense kernel."""
    wide = mf_blocks(rows, outputs, ROWS[0])
    return ROWS[0] if rows > SIDE * ROWS[-1] and wide[0] * wide[1] >= multiprocessors else ROWS[-1]


def mf_blocks(rows: int, outputs: int, per_thread: int) -> Tuple[int, int]:
    """Return the grid of the dense kernel: tiles of rows, tiles of outputs."""
    return -(-rows // (SIDE * per_thread)), -(-outputs // TILE_COLUMNS)


def mf_shared_bytes(per_thread: int) -> int:
    """Return the bytes of shared memory of a block of the dense kernel."""
    return 4 * DEPTH * (SIDE * per_thread + 2 + TILE_COLUMNS + 2)


def mf_macros(member: str, per_thread: int, dtype: int, bias: bool) -> Dict[str, int]:
    """Return the macros that name the dense kernel."""
    return {"GPU_DTYPE": dtype, "GPU_THREADS": THREADS, "GPU_MIN_BLOCKS": 2, "GPU_DYNAMIC_SHARED": 0,
            "MEMBER": MEMBERS[member], "MF_ROWS": per_thread, "MF_BIAS": int(bias)}
