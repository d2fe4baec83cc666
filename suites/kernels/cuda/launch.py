"""Runs the fused layer on CUDA tensors: from a call to a compiled kernel and its launch on torch's stream."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from suites.kernels.cuda import devices, geometry, work
from suites.kernels.cuda.devices import Device
from suites.kernels.cuda.driver import Kernel
from suites.kernels.cuda.params import Params, params
from suites.kernels.geometry import Spec, dense_like, out_shape, padded, table_order

DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
MOST_PLANS = 512
REDUCE_THREADS, REDUCE_COLUMNS = 256, 32


class Plan(NamedTuple):
    """Everything about a call but its pointers. ``copied``: tensors whose layout a dense copy replaces."""

    kernels: List[Kernel]
    template: Params
    blocks: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]
    copied: Tuple[bool, bool]


_PLANS = {}  # type: Dict[tuple, Plan]
_REASONS = {}  # type: Dict[tuple, Optional[str]]
_ORDERS = {}  # type: Dict[tuple, Tensor]


def why_not(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why no kernel takes ``x``, in one sentence, or ``None`` if one does."""
    key = (x.dtype, x.device, tuple(x.shape), spec)
    if key not in _REASONS:
        trim(_REASONS)
        _REASONS[key] = _why_not(x, spec)
    return _REASONS[key]


def _why_not(x: Tensor, spec: Spec) -> Optional[str]:
    if x.dtype not in DTYPES:
        return "the CUDA kernels take float32, float16 and bfloat16, not {}".format(str(x.dtype).split(".")[-1])
    try:
        shape = tuple(x.shape)
        dense = work.Tensor(shape, dense_like(shape, x.stride()))
        target = out_shape(shape, spec)
        work.describe(dense, [work.Tensor(target, dense_like(target, x.stride())), dense], options_of(shape, spec))
    except work.UnfitError as unfit:
        return str(unfit)
    return devices.problem(index_of(x))


def options_of(shape: Tuple[int, ...], spec: Spec) -> work.Options:
    """Return ``spec`` with the padded sizes it has for an input of ``shape``."""
    first, second = padded(shape, spec)
    sizes = (second,) if spec.dims == (1,) else (first, second)
    return work.Options(spec.dims, sizes, spec.nonlinearity, spec.threshold_mode, spec.residual, spec.keep_first,
                        spec.norm, spec.out_channels)


def forward(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output, in x's memory order; call only where :func:`why_not` gives ``None``."""
    x = x.resolve_neg()
    return run_forward(_forward_plan(x, scale is not None, spec), x, threshold, scale, spec)


def run_forward(plan: Plan, x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output by ``plan``, made by :func:`make_plan` for tensors like these."""
    if plan.copied[0]:
        x = _dense(x)
    y = torch.empty_strided(plan.shape, plan.strides, dtype=x.dtype, device=x.device)
    tables = _tables(threshold, scale, x, spec)
    call = Params.from_buffer_copy(plan.template)
    call.x, call.y, call.threshold = x.data_ptr(), y.data_ptr(), tables[0].data_ptr()
    if scale is not None:
        call.scale = tables[1].data_ptr()
    device = device_of(x)
    device.driver.launch(device.index, stream_of(x), plan.kernels[0], (plan.blocks, 1), call)
    return y


def backward(gradient: Tensor, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
             spec: Spec) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, threshold and scale; the last is empty where there is no scale.

    The sums over pixels and images are taken in a fixed order: the same call gives the same bits on a device.
    """
    gradient, x = gradient.resolve_neg(), x.resolve_neg()
    plan = _backward_plan(gradient, x, scale is not None, spec)
    if plan.copied[0]:
        x = _dense(x)
    if plan.copied[1] or gradient.dtype != x.dtype:
        gradient = _dense(gradient.to(x.dtype), x)
    grad_x = torch.empty_strided(plan.shape, plan.strides, dtype=x.dtype, device=x.device)
    tables = _tables(threshold, scale, x, spec)
    points = tables[0].numel()
    partial = torch.empty((2 if scale is not None else 1, plan.blocks, points), dtype=torch.float32, device=x.device)
    # Two buffers: an operator must not return two views of one.
    sums = [torch.empty(points, dtype=torch.float32, device=x.device) for _ in range(1 if scale is None else 2)]
    call = Params.from_buffer_copy(plan.template)
    call.x, call.g, call.y = x.data_ptr(), gradient.data_ptr(), grad_x.data_ptr()
    call.threshold, call.partial = tables[0].data_ptr(), partial.data_ptr()
    call.grad_threshold = sums[0].data_ptr()
    if scale is not None:
        call.scale, call.grad_scale = tables[1].data_ptr(), sums[1].data_ptr()
    device, stream = device_of(x), stream_of(x)
    device.driver.launch(device.index, stream, plan.kernels[0], (plan.blocks, 1), call)
    columns = -(-points // REDUCE_COLUMNS)
    device.driver.launch(device.index, stream, plan.kernels[1], (columns, partial.shape[0]), call)
    grad_scale = x.new_empty(0) if scale is None else _table_gradient(sums[1], scale, x, spec)
    return grad_x, _table_gradient(sums[0], threshold, x, spec), grad_scale


def _forward_plan(x: Tensor, scaled: bool, spec: Spec) -> Plan:
    key = (x.dtype, x.device, x.shape, x.stride(), scaled, spec)
    plan = _PLANS.get(key)
    if plan is None:
        plan = make_plan(x, [output_of(x, spec)], scaled, spec, backward=False)
        trim(_PLANS)
        _PLANS[key] = plan
    return plan


def _backward_plan(gradient: Tensor, x: Tensor, scaled: bool, spec: Spec) -> Plan:
    key = (x.dtype, x.device, x.shape, x.stride(), gradient.stride(), scaled, spec)
    plan = _PLANS.get(key)
    if plan is None:
        shape = tuple(x.shape)
        result = work.Tensor(shape, dense_like(shape, x.stride()))
        plan = make_plan(x, [work.Tensor(tuple(gradient.shape), tuple(gradient.stride())), result], scaled,
                         spec, backward=True)
        trim(_PLANS)
        _PLANS[key] = plan
    return plan


def output_of(x: Tensor, spec: Spec) -> work.Tensor:
    """Return shape and strides of the layer's output for ``x``."""
    shape = out_shape(tuple(x.shape), spec)
    return work.Tensor(shape, dense_like(shape, x.stride()))


def make_plan(x: Tensor, others: List[work.Tensor], scaled: bool, spec: Spec, backward: bool,
              form: Optional[geometry.Geometry] = None) -> Plan:
    """Return the plan of a call with its kernels built and loaded.

    ``form`` replaces the one chosen here; its strides are compiled in however many kernels there are, so that forms
    are compared alike.

    Raises ``UnfitError`` where no kernel takes the call, also on copies.
    """
    shape, dtype = tuple(x.shape), DTYPES[x.dtype]
    options = options_of(shape, spec)
    given = [work.Tensor(shape, tuple(x.stride()))] + others
    dense = [work.Tensor(tensor.shape, dense_like(tensor.shape, x.stride())) for tensor in given]
    attempts = [(False, False), (True, False), (False, True), (True, True)] if backward else [(False, False),
                                                                                            (True, False)]
    for copied in attempts:
        tensors = [dense[0] if copied[0] else given[0], dense[1] if copied[1] else given[1]] + given[2:]
        try:
            job = work.describe(tensors[0], tensors[1:], options)
            break
        except work.UnfitError as unfit:
            if not unfit.layout or copied == attempts[-1]:
                raise
    device = device_of(x)
    fixed = form is not None or device.may_fix_strides()
    form = form or geometry.choose(job, backward, device.arch, device.multiprocessors, fixed)
    macros = geometry.macros(job, options, scaled, dtype, form, backward, fixed)
    shared = form.shared_bytes(options.points, job.strided, backward)
    names = [("wht_backward" if backward else "wht_forward", form.threads, shared)]
    kernels = device.kernels(macros, names + ([("wht_reduce", REDUCE_THREADS, 0)] if backward else []),
                             device.driver.capturing(device.index, stream_of(x)))
    blocks = -(-job.units // form.units_per_block(options.points, job.strided))
    if backward:
        # Each block goes through many tiles and keeps its sums: fewer, and as many as run at once.
        blocks = min(blocks, device.multiprocessors * device.driver.resident_blocks(device.index, kernels[0]))
    return Plan(kernels, params(job, options, blocks), blocks, given[-1].shape, given[-1].strides, copied)


def device_of(x: Tensor) -> Device:
    """Return the device ``x`` lies on, as the launcher knows it."""
    return devices.get(index_of(x))


def index_of(x: Tensor) -> int:
    """Return the number of the device ``x`` lies on."""
    return torch.cuda.current_device() if x.device.index is None else int(x.device.index)


def stream_of(x: Tensor) -> int:
    """Return torch's current stream on x's device, a ``cudaStream_t`` as a number."""
    return int(torch.cuda.current_stream(x.device).cuda_stream)


def _dense(x: Tensor, like: Optional[Tensor] = None) -> Tensor:
    strides = dense_like(x.shape, (x if like is None else like).stride())
    return torch.empty_strided(x.shape, strides, dtype=x.dtype, device=x.device).copy_(x)


def _order(x: Tensor, spec: Spec) -> Optional[Tensor]:
    """Return for each natural coefficient its place in the caller's tables, on x's device; kept."""
    if spec.order == "natural":
        return None
    first, second = padded(x.shape, spec)
    key = (first, second, x.device)
    if key not in _ORDERS:
        trim(_ORDERS)
        _ORDERS[key] = torch.tensor(table_order(first, second, spec.order), device=x.device)
    return _ORDERS[key]


def _tables(threshold: Tensor, scale: Optional[Tensor], x: Tensor, spec: Spec) -> List[Tensor]:
    """Return T and the scale as the kernel reads them: float32, gapless, in natural order."""
    order, tables = _order(x, spec), []
    for table in (threshold,) if scale is None else (threshold, scale):
        if order is not None:
            table = table.detach().reshape(-1)[order]
        if table.dtype != torch.float32 or not table.is_contiguous():
            table = table.detach().to(torch.float32).contiguous()
        tables.append(table)
    return tables


def _table_gradient(gradient: Tensor, table: Tensor, x: Tensor, spec: Spec) -> Tensor:
    order = _order(x, spec)
    if order is not None:
        gradient = torch.empty_like(gradient).index_copy_(0, order, gradient)
    return gradient.to(table.dtype).reshape(table.shape)


def trim(kept: Dict[tuple, Any]) -> None:
    """Make room in a cache of plans."""
    if len(kept) >= MOST_PLANS:
        kept.clear()


def describe() -> Dict[str, Any]:
    """Return the CUDA half of :func:`suites.kernels.status`."""
    return devices.describe()


__all__ = ["Device", "backward", "describe", "forward", "why_not"]
