"""Calls of the CPU kernel for frozen heterogeneous convolutions: direct, over the kept blocks of weights alone."""

import ctypes
import functools
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.handles import Handle
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.packed import Packed
from suites.kernels.prepared import Call, bound_call

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
ROWS, LANES = 0, 1
#: Vectors that the pixels of a plane must fill to lie in lanes; on smaller ones outputs do.
LEAST_VECTORS = 4
MOST_PLANS = 256
#: Most rows or columns of a kernel, as the C++ side has it.
MOST_TAPS = 64


class Spec(NamedTuple):
    """A layer but for its weights and for which of them are kept; pairs are (vertical, horizontal)."""

    in_channels: int
    out_channels: int
    group_out: int
    groups: int
    kernel: Tuple[int, int]
    stride: Tuple[int, int]
    padding: Tuple[int, int]


def output_shape(shape: Sequence[int], spec: Spec) -> Tuple[int, int, int, int]:
    """Return the shape of the output for an input (N, C, H, W)."""
    height, width = [(shape[2 + axis] + 2 * spec.padding[axis] - spec.kernel[axis]) // spec.stride[axis] + 1
                     for axis in range(2)]
    return shape[0], spec.out_channels, height, width


@functools.lru_cache(maxsize=None)
def library() -> Loaded:
    """Return the kernels' library, built and loaded on the first call of this process."""
    found = loaded("lhc")
    if found.handle is not None:
        found.handle.lhc_plan.restype = POINTER
        found.handle.lhc_plan.argtypes = [POINTER] * 3
        found.handle.lhc_plan_free.argtypes = [POINTER]
        found.handle.lhc_plan_free.restype = None
        found.handle.lhc_forward.argtypes = [POINTER] * 4 + [ctypes.c_int]
    return found


def shape_for(out_height: int, out_width: int) -> int:
    """Return how a register tile lies on planes of this size: pixels in lanes (ROWS) or outputs (LANES)."""
    vector = library().handle.lhc_vector_bytes() // 4
    return LANES if out_height * out_width < LEAST_VECTORS * vector else ROWS


class Kernel:
    """The kernel of one layer, with a plan for each kind of input it has met.

    ``blocks`` are the kept ones, group after group: (group of outputs, first input channel, number of them, row and
    column of the tap).
    """

    def __init__(self, spec: Spec, blocks: Sequence[Sequence[int]]) -> None:
        self.spec, self._blocks = spec, blocks
        self._plans: Dict[Tuple, Tuple[Handle, Tuple[int, ...], int]] = {}
        self._packed = Packed(self._pack)

    def prepare(self, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Call:
        """Return the layer's call for tensors like ``x``, which :func:`reason` has nothing against.

        ``weight`` holds for each group its matrix (outputs, kept inputs in the order of the blocks), flat. Outputs
        are contiguous and of x's type.
        """
        plan, shape, lies = self._plan(x)
        packed = self._packed.get((weight, bias), lies)
        call = bound_call(library().handle.lhc_forward, plan, packed, x, shape, True)
        if x.is_contiguous() and not x.is_neg():
            return call
        return lambda x: self.prepare(x.resolve_neg(), weight, bias)(x.resolve_neg()) if x.is_neg() else call(x)

    def _plan(self, x: Tensor) -> Tuple[Handle, Tuple[int, ...], int]:
        key = (x.shape, x.stride(), x.dtype)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            spec, shape = self.spec, output_shape(x.shape, self.spec)
            lies = shape_for(shape[2], shape[3])
            numbers = [DTYPES[x.dtype], x.shape[0], spec.in_channels, spec.out_channels, spec.group_out,
                       spec.groups, lies, x.shape[2], x.shape[3], shape[2], shape[3]]
            numbers += list(spec.kernel + spec.stride + spec.padding) + list(x.stride())
            begin = [sum(block[0] < group for block in self._blocks) for group in range(spec.groups + 1)]
            blocks = [number for block in self._blocks for number in block[1:]]
            handle = library().handle
            pointer = handle.lhc_plan(_numbers(numbers), _numbers(begin), _numbers(blocks))
            found = self._plans[key] = (Handle(pointer, handle.lhc_plan_free), shape, lies)
        return found

    def _pack(self, tensors: Sequence[Optional[Tensor]], lies: int) -> Tensor:
        weight, bias = tensors
        assert weight is not None
        spec, part = self.spec, library().handle.lhc_part(lies)
        padded = -(-spec.group_out // part) * part
        flat, start, found = weight.detach().float(), 0, []
        biases = flat.new_zeros(spec.groups, padded)
        for group in range(spec.groups):
            outputs = min(spec.group_out, spec.out_channels - group * spec.group_out)
            inputs = sum(block[2] for block in self._blocks if block[0] == group)
            matrix = flat[start:start + outputs * inputs].reshape(outputs, inputs)
            start += outputs * inputs
            matrix = torch.cat([matrix, matrix.new_zeros(padded - outputs, inputs)])  # torch 1.10 pads no empty ones
            rows = matrix.reshape(padded // part, part, inputs)
            found.append(rows.transpose(1, 2).reshape(-1))
            if bias is not None:
                biases[group, :outputs] = bias.detach()[group * spec.group_out:][:outputs]
        return torch.cat(found + [biases.reshape(-1)])


def _numbers(values: List[int]) -> Any:
    return (ctypes.c_int64 * max(len(values), 1))(*values)


def _make(tensors: Sequence[Optional[Tensor]], spec: Spec) -> Kernel:
    assert tensors[0] is not None
    return Kernel(spec, tensors[0].tolist())


#: The kernel of each layer, by the tensor of its blocks (count, 5) and its :class:`Spec`.
KERNELS = Packed(_make)


def reason(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why the kernel does not take ``x``, in a sentence, or ``None`` if it does."""
    if x.device.type != "cpu":
        return "there is no LHC kernel for the device '{}'".format(x.device.type)
    if x.dtype not in DTYPES:
        return "the LHC kernel does float32, bfloat16 and float16, not {}".format(str(x.dtype).replace("torch.", ""))
    if x.layout != torch.strided:
        return "the LHC kernel does dense tensors only"
    if spec.kernel[0] > MOST_TAPS or spec.kernel[1] > MOST_TAPS:
        return "the LHC kernel does at most {} taps in a row".format(MOST_TAPS)
    return library().reason


def prepare(x: Tensor, weight: Tensor, bias: Optional[Tensor], blocks: Tensor, spec: Spec) -> Call:
    """Return the call of the layer with these kept ``blocks`` for tensors like ``x``: see :class:`Kernel`."""
    return KERNELS.get((blocks,), spec).prepare(x, weight, bias)


def run(x: Tensor, weight: Tensor, bias: Optional[Tensor], blocks: Tensor, spec: Spec) -> Tensor:
    """Return the output of the layer with these kept ``blocks``: see :class:`Kernel`."""
    return prepare(x, weight, bias, blocks, spec)(x)
