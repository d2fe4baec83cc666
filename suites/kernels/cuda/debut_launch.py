"""Runs DeBut layers on CUDA tensors: from a call to a compiled kernel and its launch on torch's stream."""

import ctypes
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.cuda import debut_form, devices, launch
from suites.kernels.cuda.debut_form import Form, UnfitError
from suites.kernels.cuda.debut_pack import pack
from suites.kernels.cuda.driver import Kernel
from suites.kernels.cuda.geometry import DTYPES
from suites.kernels.debut import Spec, output_shape
from suites.kernels.packed import Packed

PROGRAM = "debut"
#: Elements of a tensor: the kernel counts them in 31 bits.
MOST_ELEMENTS = 2 ** 31


class Params(ctypes.Structure):
    """``DebutParams`` of ``debut.cuh``: pointers, then strides in elements and sizes."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("x", "y", "weights", "bias")] + [
        (name, ctypes.c_int) for name in (
            "x_image", "x_channel", "x_row", "x_column", "y_image", "y_feature", "y_position", "channels", "height",
            "width", "out_features", "out_height", "out_width", "stride_y", "stride_x", "pad_y", "pad_x",
            "positions")]


class Plan(NamedTuple):
    """Everything about a call but its pointers."""

    kernel: Kernel
    form: Form
    template: Params
    blocks: Tuple[int, int]
    shape: Tuple[int, ...]


_PLANS: Dict[tuple, Plan] = {}
_REASONS: Dict[tuple, Optional[str]] = {}


def why_not(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why no kernel takes ``x``, in a sentence, or ``None`` if one does."""
    key = (x.dtype, x.device, tuple(x.shape), tuple(x.stride()), spec)
    if key not in _REASONS:
        launch.trim(_REASONS)
        _REASONS[key] = _why_not(x, spec)
    return _REASONS[key]


def _why_not(x: Tensor, spec: Spec) -> Optional[str]:
    if x.dtype not in launch.DTYPES:
        return "the CUDA kernels take float32, float16 and bfloat16, not {}".format(str(x.dtype).split(".")[-1])
    if x.layout != torch.strided:
        return "the DeBut kernel does dense tensors only"
    if spec.kernel is not None and spec.kernel[0] * spec.kernel[1] > debut_form.MOST_TAPS:
        return "the DeBut kernel does at most {} taps".format(debut_form.MOST_TAPS)
    shape = output_shape(x.shape, spec)
    if x.numel() == 0 or min(shape) < 1:
        return "an empty tensor needs no kernel"
    if max(_reach(x), _numel(shape)) >= MOST_ELEMENTS:
        return "the tensor has more elements than the CUDA kernel counts"
    try:
        debut_form.choose(spec.shapes, _numel(shape) // spec.out_features, 1)
    except UnfitError as unfit:
        return str(unfit)
    return devices.problem(launch.index_of(x))


def run(x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output, contiguous, of x's type; call only where :func:`why_not` gives ``None``."""
    x = rows = x.resolve_neg()
    if spec.kernel is None and x.dim() != 2:
        rows = x.reshape(-1, spec.in_features)
    plan = _plan(rows, bias is not None, spec)
    return run_plan(plan, rows, factors, bias, spec).reshape(output_shape(x.shape, spec))


def run_plan(plan: Plan, x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the output by ``plan``, made by :func:`make_plan` for tensors like these."""
    y = torch.empty(plan.shape, dtype=x.dtype, device=x.device)
    weights = PACKED.get(tuple(factors), (spec.shapes, plan.form))
    call = Params.from_buffer_copy(plan.template)
    call.x, call.y, call.weights = x.data_ptr(), y.data_ptr(), weights.data_ptr()
    if bias is not None:
        bias = bias.detach().float().contiguous()
        call.bias = bias.data_ptr()
    device = launch.device_of(x)
    device.driver.launch(device.index, launch.stream_of(x), plan.kernel, plan.blocks, call)
    return y


def _plan(x: Tensor, bias: bool, spec: Spec) -> Plan:
    key = (x.dtype, x.device, x.shape, x.stride(), bias, spec)
    plan = _PLANS.get(key)
    if plan is None:
        launch.trim(_PLANS)
        plan = _PLANS[key] = make_plan(x, bias, spec)
    return plan


def make_plan(x: Tensor, bias: bool, spec: Spec, form: Optional[Form] = None) -> Plan:
    """Return the plan of a call with its kernel built and loaded; ``form`` replaces the one chosen here.

    ``x`` is (rows, features) or (N, C, H, W).
    """
    call = params(x.shape, x.stride(), spec)
    device = launch.device_of(x)
    fixed = form is not None or device.may_fix_strides(PROGRAM)
    form = form or debut_form.choose(spec.shapes, call.positions, device.multiprocessors)
    macros = debut_form.macros(spec, form, DTYPES.index(launch.DTYPES[x.dtype]), bias,
                               (call.x_channel, call.x_row, call.x_column) if fixed else None)
    names = [("debut_forward", form.threads, 4 * form.shared_words)]
    kernel, = device.kernels(macros, names, device.driver.capturing(device.index, launch.stream_of(x)), PROGRAM)
    return Plan(kernel, form, call, (-(-call.positions // form.positions), form.slices),
                output_shape(x.shape, spec))


def params(shape: Sequence[int], strides: Sequence[int], spec: Spec) -> Params:
    """Return the argument with everything but the pointers for a tensor (rows, features) or (N, C, H, W)."""
    outputs = spec.out_features
    if spec.kernel is None:
        # A 1x1 convolution over an image that is one column of rows.
        return Params(x_channel=strides[1], x_row=strides[0], y_feature=1, y_position=outputs,
                      channels=spec.in_features, height=shape[0], width=1, out_features=outputs, out_height=shape[0],
                      out_width=1, stride_y=1, stride_x=1, positions=shape[0])
    images, _, out_height, out_width = output_shape(shape, spec)
    plane = out_height * out_width
    return Params(x_image=strides[0], x_channel=strides[1], x_row=strides[2], x_column=strides[3],
                  y_image=outputs * plane, y_feature=plane, y_position=1, channels=spec.in_features, height=shape[2],
                  width=shape[3], out_features=outputs, out_height=out_height, out_width=out_width,
                  stride_y=spec.stride[0], stride_x=spec.stride[1], pad_y=spec.padding[0], pad_x=spec.padding[1],
                  positions=images * plane)


def _pack(tensors: Sequence[Optional[Tensor]], option: Tuple) -> Tensor:
    return pack([tensor for tensor in tensors if tensor is not None], *option)


PACKED = Packed(_pack)


def _numel(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _reach(x: Tensor) -> int:
    return 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride()))
