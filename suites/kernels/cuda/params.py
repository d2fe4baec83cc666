"""The kernel's one argument, laid out as ``struct WhtParams`` of ``tile.cuh``."""

import ctypes
from typing import Tuple

from suites.kernels.cuda.work import Layout, Options, Work


class View(ctypes.Structure):
    """``WhtView``: strides in elements."""

    _fields_ = [("outer0", ctypes.c_longlong), ("outer1", ctypes.c_longlong), ("high", ctypes.c_int),
                ("step", ctypes.c_int)]


class Divisor(ctypes.Structure):
    """``GpuDivisor``: a division as a multiplication and a shift."""

    _fields_ = [("value", ctypes.c_uint), ("factor", ctypes.c_uint), ("shift", ctypes.c_uint)]


class Params(ctypes.Structure):
    """``WhtParams``: pointers first, then numbers that stay the same for every call of one shape."""

    _fields_ = [
        ("x", ctypes.c_void_p), ("g", ctypes.c_void_p), ("y", ctypes.c_void_p), ("threshold", ctypes.c_void_p),
        ("scale", ctypes.c_void_p), ("partial", ctypes.c_void_p), ("grad_threshold", ctypes.c_void_p),
        ("grad_scale", ctypes.c_void_p),
        ("x_view", View), ("g_view", View), ("y_view", View), ("inner", Divisor), ("outer1", Divisor),
        ("units", ctypes.c_uint), ("length_in", ctypes.c_int), ("length_out", ctypes.c_int),
        ("plane_height", ctypes.c_int), ("plane_width", ctypes.c_int), ("partial_rows", ctypes.c_int),
        ("alpha", ctypes.c_float), ("beta", ctypes.c_float)]


def divisor(value: int) -> Divisor:
    """Return ``value`` (1 to 2^31 - 1) ready for exact division of numbers below 2^31.

    Raises ``ValueError`` outside that.
    """
    if not 1 <= value < 1 << 31:
        raise ValueError("a divisor must be 1 to 2^31 - 1, got {}".format(value))
    shift = (value - 1).bit_length()
    return Divisor(value, (((1 << shift) - value) << 32) // value + 1, shift)


def norm_factors(points: int, norm: str) -> Tuple[float, float]:
    """Return the factors of the transform and of its inverse."""
    if norm == "ortho":
        return points ** -0.5, points ** -0.5
    return (1.0, 1.0 / points) if norm == "backward" else (1.0 / points, 1.0)


def params(work: Work, options: Options, partial_rows: int = 0) -> Params:
    """Return the argument with everything but the pointers.

    ``work.layouts`` are those of x and y, or, backward, of x, the output's gradient and the input's gradient.
    """
    x, others = work.layouts[0], work.layouts[1:]
    alpha, beta = norm_factors(1 << work.log2_points, options.norm)
    return Params(x_view=_view(x), g_view=_view(others[0]), y_view=_view(others[-1]), inner=divisor(work.inner),
                  outer1=divisor(work.outer1), units=work.units, length_in=work.length_in,
                  length_out=work.length_out, plane_height=work.plane_height, plane_width=work.plane_width,
                  partial_rows=partial_rows, alpha=alpha, beta=beta)


def _view(layout: Layout) -> View:
    return View(layout.outer0, layout.outer1, layout.high, layout.step)
