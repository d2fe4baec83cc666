"""Runs depthwise and multiplication-free dense layers on CUDA tensors, on torch's stream."""

from typing import Dict, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from suites.kernels.bound import float_table
from suites.kernels.cuda import devices, launch, sums_form
from suites.kernels.cuda.driver import Kernel
from suites.kernels.cuda.geometry import DTYPES
from suites.kernels.depthwise import memory_format, output_shape

#: Elements of a depthwise layer's tensor: the kernel counts them in 31 bits.
MOST_ELEMENTS = 2 ** 31


class DepthwisePlan(NamedTuple):
    """Everything about a call of the depthwise kernel but its pointers."""

    kernel: Kernel
    template: sums_form.DepthwiseParams
    grid: Tuple[int, int]


class MfPlan(NamedTuple):
    """The dense kernel and its grid."""

    kernel: Kernel
    grid: Tuple[int, int]


_DEPTHWISE: Dict[tuple, DepthwisePlan] = {}
_MF: Dict[tuple, MfPlan] = {}


def why_not(x: Tensor) -> Optional[str]:
    """Return why no kernel takes tensors like ``x`` of any size, in a sentence, or ``None`` if one does."""
    if x.dtype not in launch.DTYPES:
        return "the CUDA kernels take float32, float16 and bfloat16, not {}".format(str(x.dtype).split(".")[-1])
    return devices.problem(launch.index_of(x))


def too_large(x: Tensor) -> Optional[str]:
    """Return why the depthwise kernel does not take the size of ``x``, or ``None`` if it does."""
    if 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride())) >= MOST_ELEMENTS:
        return "the tensor has more elements than the CUDA kernel counts"
    return None


def depthwise(x: Tensor, weight: Tensor, bias: Optional[Tensor], stride: int, member: str, scale: float) -> Tensor:
    """Return ``scale sum f(x, weight) + bias`` over the taps, in x's memory order; see ``kernels.depthwise.run``."""
    x, layer = x.resolve_neg(), sums_form.Depthwise(int(weight.shape[-1]), stride, member)
    key = (x.dtype, x.device, x.shape, x.stride(), layer, bias is not None, scale)
    plan = _DEPTHWISE.get(key)
    if plan is None:
        launch.trim(_DEPTHWISE)
        plan = _DEPTHWISE[key] = depthwise_plan(x, layer, bias is not None, scale)
    return run_depthwise(plan, x, weight, bias, stride)


def run_depthwise(plan: DepthwisePlan, x: Tensor, weight: Tensor, bias: Optional[Tensor], stride: int) -> Tensor:
    """Return the output by ``plan``, made by :func:`depthwise_plan` for tensors like these."""
    y = _depthwise_output(x, stride)
    return _launched(x, y, weight, bias, plan.kernel, plan.grid,
                     sums_form.DepthwiseParams.from_buffer_copy(plan.template))


def _depthwise_output(x: Tensor, stride: int) -> Tensor:
    return torch.empty(output_shape(x.shape, stride), dtype=x.dtype, device=x.device, memory_format=memory_format(x))


def depthwise_plan(x: Tensor, layer: sums_form.Depthwise, bias: bool, scale: float,
                   rows: Optional[int] = None) -> DepthwisePlan:
    """Return the plan of a call with its kernel built and loaded; ``rows`` replaces the number chosen here.

    Raises ``RuntimeError`` for a tensor that is too large for the kernel's indices.
    """
    problem = too_large(x)
    if problem is not None:
        raise RuntimeError("the fused kernel cannot run: {}; use implementation='auto'".format(problem))
    device = launch.device_of(x)
    y = _depthwise_output(x, layer.stride)
    rows = rows or sums_form.depthwise_rows(layer, y.shape, device.multiprocessors)
    macros = sums_form.depthwise_macros(layer, rows, DTYPES.index(launch.DTYPES[x.dtype]), bias,
                                        memory_format(x) == torch.channels_last, x.stride(3))
    kernel, = device.kernels(macros, [("depthwise_forward", sums_form.THREADS, 0)],
                             device.driver.capturing(device.index, launch.stream_of(x)), "depthwise")
    call = sums_form.depthwise_params(x.shape, x.stride(), y.shape, y.stride(), rows, scale)
    return DepthwisePlan(kernel, call, (sums_form.blocks(call.units), 1))


def dense(x: Tensor, weight: Tensor, bias: Optional[Tensor], member: str, scale: float) -> Tensor:
    """Return ``scale sum_i f(x_i, weight_oi) + bias_o``; see ``kernels.mf.run``."""
    outputs, inputs = (int(size) for size in weight.shape)
    rows = x.resolve_neg().reshape(-1, inputs)
    key = (x.dtype, x.device, rows.shape[0], inputs, outputs, member, bias is not None)
    plan = _MF.get(key)
    if plan is None:
        launch.trim(_MF)
        plan = _MF[key] = dense_plan(rows, outputs, member, bias is not None)
    return run_dense(plan, rows, weight, bias, scale).reshape(tuple(x.shape[:-1]) + (outputs,))


def run_dense(plan: MfPlan, x: Tensor, weight: Tensor, bias: Optional[Tensor], scale: float) -> Tensor:
    """Return the output for (rows, inputs) by ``plan``, made by :func:`dense_plan` for tensors like these."""
    if x.stride(1) != 1:
        x = x.contiguous()
    (rows, inputs), outputs = x.shape, weight.shape[0]
    y = torch.empty((rows, outputs), dtype=x.dtype, device=x.device)
    call = sums_form.MfParams(x_row=x.stride(0), rows=rows, inputs=inputs, outputs=outputs, scale=scale)
    return _launched(x, y, weight, bias, plan.kernel, plan.grid, call)


def dense_plan(x: Tensor, outputs: int, member: str, bias: bool, per_thread: Optional[int] = None) -> MfPlan:
    """Return the plan of a call with its kernel built and loaded; ``per_thread`` replaces the rows chosen here."""
    device, rows = launch.device_of(x), x.shape[0]
    per_thread = per_thread or sums_form.mf_rows(rows, outputs, device.multiprocessors)
    macros = sums_form.mf_macros(member, per_thread, DTYPES.index(launch.DTYPES[x.dtype]), bias)
    names = [("mf_forward", sums_form.THREADS, sums_form.mf_shared_bytes(per_thread))]
    kernel, = device.kernels(macros, names, device.driver.capturing(device.index, launch.stream_of(x)), "mf")
    return MfPlan(kernel, sums_form.mf_blocks(rows, outputs, per_thread))


def _launched(x: Tensor, y: Tensor, weight: Tensor, bias: Optional[Tensor], kernel: Kernel, grid: Tuple[int, int],
              call: sums_form.Call) -> Tensor:
    tables = float_table(weight), float_table(bias)
    call.x, call.y = x.data_ptr(), y.data_ptr()
    call.weight, call.bias = (None if table is None else table.data_ptr() for table in tables)
    device = launch.device_of(x)
    device.driver.launch(device.index, launch.stream_of(x), kernel, grid, call)
    return y
