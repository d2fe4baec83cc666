"""Calls of the CPU kernel for DeBut chains: a whole chain of factors, tile by tile, in one read and one write."""

import ctypes
import functools
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels import on_cuda
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.packed import Packed

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
#: Most taps of a kernel, as the C++ side has it.
MOST_TAPS = 64
MOST_PLANS = 256
LARGEST_OFFSET = 2 ** 31 - 1


class Spec(NamedTuple):
    """A layer but for its weights: ``shapes`` of the factors (blocks, r, s, t), first applied first.

    ``kernel`` is ``None`` for a linear layer. ``tap_order``: the channels of one tap side by side.
    """

    shapes: Tuple[Tuple[int, int, int, int], ...]
    in_features: int
    out_features: int
    kernel: Optional[Tuple[int, int]] = None
    stride: Tuple[int, int] = (1, 1)
    padding: Tuple[int, int] = (0, 0)
    tap_order: bool = False


def output_shape(shape: Sequence[int], spec: Spec) -> Tuple[int, ...]:
    """Return the shape of the output for an input of ``shape``: (..., features) or (N, C, H, W)."""
    if spec.kernel is None:
        return tuple(shape[:-1]) + (spec.out_features,)
    sizes = [(shape[2 + axis] + 2 * spec.padding[axis] - spec.kernel[axis]) // spec.stride[axis] + 1
             for axis in range(2)]
    return (shape[0], spec.out_features, sizes[0], sizes[1])


@functools.lru_cache(maxsize=None)
def library() -> Loaded:
    """Return the kernels' library, built and loaded on the first call of this process."""
    found = loaded("debut")
    if found.handle is not None:
        handle = found.handle
        handle.debut_chain.restype = handle.debut_plan.restype = POINTER
        handle.debut_chain.argtypes = handle.debut_chain_free.argtypes = handle.debut_plan_free.argtypes = [POINTER]
        handle.debut_chain_free.restype = handle.debut_plan_free.restype = handle.debut_pack.restype = None
        handle.debut_packed_floats.argtypes = [POINTER]
        handle.debut_packed_floats.restype = ctypes.c_int64
        handle.debut_pack.argtypes = [POINTER, POINTER, POINTER, ctypes.c_int64, POINTER]
        handle.debut_plan.argtypes = [POINTER, POINTER]
        handle.debut_forward.argtypes = [POINTER] * 4 + [ctypes.c_int]
    return found


class Kernel:
    """The kernel of one :class:`Spec`, with a plan for each shape of input it has met."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._library = library().handle
        self.forward = self._library.debut_forward
        numbers = [len(spec.shapes)] + [number for shape in spec.shapes for number in shape]
        self.chain = _there(self._library.debut_chain((ctypes.c_int64 * len(numbers))(*numbers)))
        self.floats = self._library.debut_packed_floats(self.chain)
        self._plans: Dict[Tuple, Tuple[Any, Tuple[int, ...]]] = {}

    def plan(self, x: Tensor) -> Tuple[Any, Tuple[int, ...]]:
        """Return the plan for tensors like ``x`` and the shape of its output."""
        key = (x.shape, x.stride(), x.dtype)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= MOST_PLANS:
                self._drop_plans()
            numbers = geometry(x, self.spec)
            pointer = _there(self._library.debut_plan(self.chain, (ctypes.c_int64 * len(numbers))(*numbers)))
            found = self._plans[key] = (pointer, output_shape(x.shape, self.spec))
        return found

    def pack(self, tensors: Sequence[Optional[Tensor]]) -> Tensor:
        """Return ``tensors``, the factors and last the bias or ``None``, in the order the kernel reads them."""
        rows = [None if tensor is None else tensor.detach().float().contiguous() for tensor in tensors]
        factors, bias = [row for row in rows[:-1] if row is not None], rows[-1]
        packed = torch.empty(self.floats, dtype=torch.float32)
        pointers = (POINTER * len(factors))(*[factor.data_ptr() for factor in factors])
        self._library.debut_pack(self.chain, pointers, None if bias is None else bias.data_ptr(),
                                 0 if bias is None else bias.numel(), packed.data_ptr())
        return packed

    def _drop_plans(self) -> None:
        for pointer, _ in self._plans.values():
            self._library.debut_plan_free(pointer)
        self._plans.clear()

    def __del__(self) -> None:
        if getattr(self, "chain", None) is not None:
            self._drop_plans()
            self._library.debut_chain_free(self.chain)


def _there(pointer: Any) -> Any:
    if not pointer:
        raise MemoryError("no memory for a kernel plan: close other programs")
    return pointer


@functools.lru_cache(maxsize=1024)
def kernel_of(spec: Spec) -> Kernel:
    """Return the kernel of ``spec``; the library must be there."""
    return Kernel(spec)


def geometry(x: Tensor, spec: Spec) -> List[int]:
    """Return the numbers of the C++ side's ``Geometry`` for ``x`` (rows, features) or (N, C, H, W)."""
    if spec.kernel is None:
        return [1, DTYPES[x.dtype], 1, spec.in_features, spec.out_features, 0, x.shape[0], 1, x.shape[0], 1,
                1, 1, 1, 1, 0, 0, 0, 1, x.stride(0), 1]
    _, _, out_h, out_w = output_shape(x.shape, spec)
    return ([0, DTYPES[x.dtype], x.shape[0], spec.in_features, spec.out_features, int(spec.tap_order),
             x.shape[2], x.shape[3], out_h, out_w] + list(spec.kernel) + list(spec.stride) + list(spec.padding)
            + list(x.stride()))


def reason(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why the kernel does not take ``x``, in a sentence, or ``None`` if it does."""
    if x.is_cuda:
        return on_cuda.problem("debut_launch", x, spec)
    if x.device.type != "cpu":
        return "there is no DeBut kernel for the device '{}'".format(x.device.type)
    if x.dtype not in DTYPES:
        return "the DeBut kernel does float32, bfloat16 and float16, not {}".format(
            str(x.dtype).replace("torch.", ""))
    if x.layout != torch.strided:
        return "the DeBut kernel does dense tensors only"
    if spec.kernel is not None and spec.kernel[0] * spec.kernel[1] > MOST_TAPS:
        return "the DeBut kernel does at most {} taps".format(MOST_TAPS)
    if x.numel() and sum((size - 1) * abs(stride) for size, stride in zip(x.shape, x.stride())) > LARGEST_OFFSET // 4:
        return "one image is too large for the DeBut kernel's offsets"
    return library().reason


def _pack(tensors: Sequence[Optional[Tensor]], spec: Spec) -> Tensor:
    return kernel_of(spec).pack(tensors)


PACKED = Packed(_pack)


def run(x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output for a tensor that :func:`reason` has nothing against; contiguous, of x's type."""
    if x.is_cuda:
        y: Tensor = on_cuda.launcher("debut_launch").run(x, factors, bias, spec)
        return y
    kernel = kernel_of(spec)
    rows = x
    if spec.kernel is None:
        if x.dim() != 2:
            rows = x.reshape(-1, spec.in_features)
        if rows.stride(1) != 1:
            rows = rows.contiguous()
    plan, shape = kernel.plan(rows)
    y = torch.empty(shape if rows is x else output_shape(x.shape, spec), dtype=x.dtype)
    packed = PACKED.get((*factors, bias), spec)
    if kernel.forward(plan, rows.data_ptr(), y.data_ptr(), packed.data_ptr(), torch.get_num_threads()):
        raise MemoryError("no memory for the kernel's scratch: close other programs")
    return y
