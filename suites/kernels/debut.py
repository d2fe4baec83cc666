"""Calls of the CPU kernel for DeBut chains: a whole chain of factors, tile by tile, in one read and one write."""

import ctypes
import functools
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels import on_cuda
from suites.kernels.handles import Handle
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.packed import Packed
from suites.kernels.prepared import Call, bound_call

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
        handle.debut_packed_floats.argtypes = handle.debut_packing.argtypes = [POINTER]
        handle.debut_packed_floats.restype = handle.debut_packing.restype = ctypes.c_int64
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
        self.chain = Handle(self._library.debut_chain((ctypes.c_int64 * len(numbers))(*numbers)),
                            self._library.debut_chain_free)
        self._plans: Dict[Tuple, Tuple[Handle, int]] = {}
        self._packers: Dict[int, Handle] = {}

    def plan(self, x: Tensor) -> Tuple[Handle, int]:
        """Return the plan for tensors like ``x``, and which packing of the weights it reads."""
        key = (x.shape, x.stride(), x.dtype)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            numbers = geometry(x, self.spec)
            pointer = self._library.debut_plan(self.chain.pointer, (ctypes.c_int64 * len(numbers))(*numbers))
            plan = Handle(pointer, self._library.debut_plan_free, self.chain)
            found = self._plans[key] = plan, self._library.debut_packing(pointer)
            self._packers.setdefault(found[1], plan)
        return found

    def pack(self, tensors: Sequence[Optional[Tensor]], packing: int) -> Tensor:
        """Return ``tensors``, the factors and last the bias or ``None``, in the order plans of ``packing`` read."""
        plan = self._packers[packing].pointer
        rows = [None if tensor is None else tensor.detach().float().contiguous() for tensor in tensors]
        factors, bias = [row for row in rows[:-1] if row is not None], rows[-1]
        packed = torch.empty(self._library.debut_packed_floats(plan), dtype=torch.float32, device="cpu")
        pointers = (POINTER * len(factors))(*[factor.data_ptr() for factor in factors])
        self._library.debut_pack(plan, pointers, None if bias is None else bias.data_ptr(),
                                 0 if bias is None else bias.numel(), packed.data_ptr())
        return packed

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


def _pack(tensors: Sequence[Optional[Tensor]], option: Tuple[Spec, int]) -> Tensor:
    spec, packing = option
    return kernel_of(spec).pack(tensors, packing)


PACKED = Packed(_pack)


def prepare(x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec) -> Call:
    """Return the call of :func:`run` for tensors like ``x`` and these weights as they are now."""
    if x.is_cuda:
        there = on_cuda.launcher("debut_launch").run
        return lambda x: there(x, factors, bias, spec)
    kernel, rows = kernel_of(spec), _rows(x, spec)
    plan, packing = kernel.plan(rows)
    packed = PACKED.get((*factors, bias), (spec, packing))
    call = bound_call(kernel.forward, plan, packed, rows, output_shape(x.shape, spec), True)
    if rows is x and x.is_contiguous() and not x.is_neg():
        return call
    return lambda x: run(x.resolve_neg(), factors, bias, spec) if x.is_neg() else call(_rows(x, spec))


def _rows(x: Tensor, spec: Spec) -> Tensor:
    """Return ``x`` as the kernel reads it: a linear layer's as rows of adjacent features."""
    if spec.kernel is not None:
        return x
    if x.dim() != 2:
        x = x.reshape(-1, spec.in_features)
    return x if x.stride(1) == 1 else x.contiguous()


def run(x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output for a tensor that :func:`reason` has nothing against; contiguous, of x's type."""
    return prepare(x, factors, bias, spec)(x)
