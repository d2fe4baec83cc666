"""The fused layer for torch: which kernel takes a call, and the gradient rule around it."""

from typing import Any, Dict, Optional, Sequence

import torch
from torch import Tensor

from suites import torch_modes
from suites.kernels import cpu_call, operator
from suites.kernels.geometry import Spec, check_spec, out_shape, padded
from suites.kernels.plain import plain_layer

#: Tensors that are what they seem; a subclass (a fake tensor, say) has a way of its own to run an operator.
PLAIN_TYPES = (Tensor, torch.nn.Parameter)
_SPECS = {}  # type: Dict[tuple, Spec]


def spec_of(dims: Sequence[int], block: Optional[int], nonlinearity: str, threshold_mode: str, residual: bool,
            keep_first: bool, norm: str, order: str, out_channels: Optional[int]) -> Spec:
    """Return the checked options; raises ``ValueError`` for one that has no meaning."""
    spec = Spec(tuple(dims), block, nonlinearity, threshold_mode, bool(residual), bool(keep_first), norm, order,
                out_channels)
    check_spec(spec)
    return spec


def check_call(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> None:
    """Raise ``ValueError`` if the tensors do not fit together, ``TypeError`` if ``x`` is not floating."""
    least = 4 if spec.dims == (2, 3) else 2
    if x.dim() < least or (spec.dims == (2, 3) and x.dim() != 4):
        raise ValueError("x has {} dimensions: dims {} needs {}".format(
            x.dim(), spec.dims, "(N, C, H, W)" if least == 4 else "(N, C, ...)"))
    if not x.is_floating_point():
        raise TypeError("fused_layer needs a real floating-point tensor, got {}: convert it, for instance with "
                        "x.float()".format(str(x.dtype).replace("torch.", "")))
    p1, p2 = padded(x.shape, spec)
    for name, table in (("threshold", threshold), ("scale", scale)):
        if table is not None and table.numel() != p1 * p2:
            raise ValueError("{} has {} values: this layer has {} coefficients".format(name, table.numel(), p1 * p2))
        if table is not None and table.device != x.device:
            raise ValueError("{} is on {}, x on {}: move them to one device".format(name, table.device, x.device))


def reason_not_fused(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why plain torch would run for ``x``, in one sentence, or ``None`` if a kernel will."""
    if torch_modes.stock_only() or type(x) not in PLAIN_TYPES:
        return _reason_in_graph(x, spec)
    if x.device.type == "cpu":
        return cpu_call.reason(x, spec)
    if x.device.type == "cuda":
        return operator.cuda_reason(x, spec)
    return "there is no kernel for the device '{}'".format(x.device.type)


def _reason_in_graph(x: Tensor, spec: Spec) -> Optional[str]:
    """Return the same for a call that torch records or transforms: strides and batch are not known then.

    The operator takes any, and runs plain torch inside itself where no kernel does.
    """
    problem = operator.graph_problem()
    if problem is not None:
        return problem
    lengths = (1, 1, _fixed(x.shape[2]), _fixed(x.shape[3])) if spec.dims == (2, 3) else (1, _fixed(x.shape[1]))
    return _reason_for_one(x.device, x.dtype, lengths, *spec)


def _fixed(size: int) -> int:
    """Return ``size`` as a plain number; where it is a graph's symbol, the comparisons make it that one."""
    top, value = 1, 0
    while top <= size:
        top *= 2
    while top:
        if value + top <= size:
            value += top
        top //= 2
    return value


@torch_modes.kept
def _reason_for_one(device: torch.device, dtype: torch.dtype, lengths: tuple, *options: Any) -> Optional[str]:
    return reason_not_fused(torch.empty(lengths, dtype=dtype, device=device), Spec(*options))


def run_layer(x: Tensor, threshold: Tensor, scale: Optional[Tensor], dims: Sequence[int], block: Optional[int],
              nonlinearity: str, threshold_mode: str, residual: bool, keep_first: bool, norm: str, order: str,
              out_channels: Optional[int], out: Optional[Tensor]) -> Tensor:
    """Run :func:`suites.kernels.fused_layer`. Raises ``ValueError`` and ``TypeError`` as that does."""
    if torch_modes.stock_only() or type(x) not in PLAIN_TYPES:
        spec = spec_of(dims, block, nonlinearity, threshold_mode, residual, keep_first, norm, order, out_channels)
        check_call(x, threshold, scale, spec)
        run = operator.record if _reason_in_graph(x, spec) is None else plain_layer
        result = run(x, threshold, scale, spec)
        return result if out is None else out.copy_(result)
    options = (dims, block, nonlinearity, threshold_mode, residual, keep_first, norm, order, out_channels)
    spec_found = _SPECS.get(options) if isinstance(dims, tuple) else None
    if spec_found is None:
        spec_found = spec_of(*options)
        if len(_SPECS) < 1024:
            _SPECS[options if isinstance(dims, tuple) else (tuple(dims),) + options[1:]] = spec_found
    grad = torch.is_grad_enabled() and (x.requires_grad or threshold.requires_grad
                                        or (scale is not None and scale.requires_grad))
    if not grad:
        y = cpu_call.fast(x, threshold, scale, spec_found, out)
        if y is not None:
            return y
    check_call(x, threshold, scale, spec_found)
    if out is not None:
        if grad:
            raise ValueError("out cannot be given where a gradient is asked for: call under torch.no_grad()")
        expected = out_shape(x.shape, spec_found)
        if tuple(out.shape) != expected or out.dtype != x.dtype or out.device != x.device:
            raise ValueError("out is {} {} on {}: this call needs {} {} on {}".format(
                tuple(out.shape), out.dtype, out.device, expected, x.dtype, x.device))
        return out.copy_(operator.apply(x, threshold, scale, spec_found))
    if reason_not_fused(x, spec_found) is not None:
        return plain_layer(x, threshold, scale, spec_found)
    return operator.apply(x, threshold, scale, spec_found)


def describe() -> Dict[str, Any]:
    """Return :func:`suites.kernels.status`."""
    return {"cpu": cpu_call.describe(), "cuda": operator.describe_cuda(), "operator": operator.describe_binding()}
