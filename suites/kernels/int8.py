"""Calls of the CPU kernel for the 1-D layer in 8-bit integers, and the operator that a graph can hold.

For inference only: integers have no gradient.
"""

import ctypes
import functools
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.batched import map_over
from suites.kernels.bound import library_problem, plain_type_reason
from suites.kernels.int8_plain import integer_thresholds, is_finite, plain_layer
from suites.kernels.int8_plan import Scale, Spec, constants_of, core_order, size_of, stages_of, tanh_pieces
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.operator import NAMESPACE
from suites.kernels.packed import Packed

#: What bytes a tensor may hold: plain integers, or torch's quantised ones, whose bytes they are.
STORED = {torch.uint8: False, torch.int8: True, torch.quint8: False, torch.qint8: True}
KINDS = {"smooth": 0, "soft": 1}


@functools.lru_cache(maxsize=None)
def library() -> Loaded:
    """Return the kernels' library, built and loaded on the first call of this process."""
    found = loaded("int8")
    if found.handle is not None:
        found.handle.int8_forward.argtypes = [POINTER] * 4 + [ctypes.c_int]
    return found


def reason_of_type(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take tensors like ``x`` of any size, in a sentence, or ``None`` if it does."""
    return plain_type_reason(x, "int8 kernel", tuple(STORED)) or library_problem("int8")


def reason(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take ``x`` (N, C, ...), in a sentence, or ``None`` if it does."""
    return reason_of_type(x) or ("an empty tensor needs no kernel" if x.numel() == 0 else None)


@functools.lru_cache(maxsize=1024)
def _numbers(images: int, pixels: int, spec: Spec) -> Any:
    stages = stages_of(size_of(spec))
    numbers = (images, spec.channels, spec.out_channels, pixels, KINDS[spec.nonlinearity]
               ) + tuple(stages) + tuple(constants_of(spec))
    return (ctypes.c_int64 * len(numbers))(*numbers)


def _pack(tensors: Sequence[Optional[Tensor]], spec: Spec) -> Tensor:
    threshold = tensors[0]
    assert threshold is not None
    if not is_finite(threshold):
        raise ValueError("a threshold is not a finite number: a layer in int8 needs finite ones")
    order = core_order(stages_of(size_of(spec)))
    starts, rises = tanh_pieces(spec)
    tanh = torch.tensor(starts + rises, dtype=torch.int32, device="cpu")
    return torch.cat((integer_thresholds(threshold, spec)[order], tanh)).to(torch.int16)


PACKED = Packed(_pack)


def run(x: Tensor, threshold: Tensor, spec: Spec) -> Tensor:
    """Return the layer's output for an ``x`` (N, C, ...) that :func:`reason` has nothing against, typed as ``x``.

    Contiguous; ``threshold`` is in real units and natural order. The same bits for every number of threads.

    Raises ``MemoryError`` where there is none for the kernel's scratch.
    """
    x = x.contiguous()
    shape = (x.shape[0], spec.out_channels) + tuple(x.shape[2:])
    if x.is_quantized:
        y = torch._empty_affine_quantized(shape, scale=spec.after.step, zero_point=spec.after.zero, dtype=x.dtype)
    else:
        y = x.new_empty(shape)
    tables = PACKED.get((threshold,), spec)
    numbers = _numbers(x.shape[0], x.numel() // (x.shape[0] * spec.channels), spec)
    if library().handle.int8_forward(ctypes.addressof(numbers), x.data_ptr(), y.data_ptr(), tables.data_ptr(),
                                     torch.get_num_threads()):
        raise MemoryError("no memory for the kernel's scratch: close other programs")
    return y


def stock(x: Tensor, threshold: Tensor, spec: Spec) -> Tensor:
    """Return the same bytes by stock torch operations, for any device and any number of elements."""
    if not x.is_quantized:
        return plain_layer(x, threshold, spec)
    y = plain_layer(x.int_repr(), threshold, spec)
    return torch._make_per_tensor_quantized_tensor(y, spec.after.step, spec.after.zero)


def _spec(x: Tensor, channels: int, out_channels: int, before_step: float, before_zero: int, after_step: float,
          after_zero: int, nonlinearity: str) -> Spec:
    return Spec(channels, out_channels, Scale(before_step, before_zero), Scale(after_step, after_zero), nonlinearity,
                STORED[x.dtype])


def _forward(x: Tensor, threshold: Tensor, *numbers: Any) -> Tensor:
    spec = _spec(x, *numbers)
    return run(x, threshold, spec) if reason(x) is None else stock(x, threshold, spec).contiguous()


def _fake(x: Tensor, threshold: Tensor, channels: int, out_channels: int, *numbers: Any) -> Tensor:
    shape: Tuple[Any, ...] = (x.shape[0], out_channels) + tuple(x.shape[2:])
    return torch.empty(shape, dtype=x.dtype, device=x.device)


def _register() -> Any:
    operator = torch.library.custom_op(
        NAMESPACE + "::int8_wht1d", lambda *arguments: _forward(*arguments), mutates_args=(),
        schema="(Tensor x, Tensor threshold, int channels, int out_channels, float before_step, int before_zero, "
               "float after_step, int after_zero, str nonlinearity) -> Tensor")
    operator.register_fake(lambda *arguments: _fake(*arguments))
    map_over(operator)
    return operator


OPERATOR = _register() if hasattr(torch, "library") and hasattr(torch.library, "custom_op") else None


def record(x: Tensor, threshold: Tensor, spec: Spec) -> Tensor:
    """Run the layer on plain bytes as the operator, which a graph can hold; call only where there is one."""
    assert OPERATOR is not None
    return OPERATOR(x, threshold, spec.channels, spec.out_channels, spec.before.step, spec.before.zero,
                    spec.after.step, spec.after.zero, spec.nonlinearity)
