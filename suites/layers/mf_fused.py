"""The door to the kernels of the multiplication-free layers: bound to torch with the gradients of ``mf_sums``."""

from typing import Optional, Sequence

import torch

from suites.kernels import depthwise as kernel
from suites.kernels import mf as dense_kernel
from suites.kernels.bound import Bound, Gradients, Rule, apart
from suites.layers.mf_sums import dense_gradient, dense_sum, depthwise_gradient, depthwise_sum
from suites.torch_modes import stock_only


def _depthwise(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], stride: int, member: str,
               scale: float) -> torch.Tensor:
    if kernel.reason(x) is None:
        return kernel.run(x, weight, bias, stride, member, scale)
    with torch.no_grad():
        y = depthwise_sum(x, weight, stride, member) * scale
        y = y if bias is None else y + bias.reshape(-1, 1, 1)
        return y.contiguous(memory_format=kernel.memory_format(x))


def _depthwise_fake(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], stride: int, member: str,
                    scale: float) -> torch.Tensor:
    return torch.empty(kernel.output_shape(x.shape, stride), dtype=x.dtype, device=x.device,
                       memory_format=kernel.memory_format(x))


def _depthwise_gradient(gradient: torch.Tensor, needed: Sequence[bool], x: torch.Tensor, weight: torch.Tensor,
                        bias: Optional[torch.Tensor], stride: int, member: str, scale: float) -> Gradients:
    of_bias = gradient.sum((0, 2, 3)) if bias is not None and needed[2] else None
    return depthwise_gradient(gradient * scale, needed, x, weight, stride, member) + (of_bias,)


#: ``scale`` times the depthwise sum, plus the bias.
DEPTHWISE = Bound(Rule("mf_depthwise", "Tensor x, Tensor weight, Tensor? bias, int stride, str member, float scale",
                       3, kernel.run, _depthwise, _depthwise_fake, _depthwise_gradient))


def depthwise_problem(x: torch.Tensor, weight: torch.Tensor, asked: str) -> Optional[str]:
    """Return why no kernel takes ``x`` and ``weight`` where ``asked`` for, in a sentence, or ``None`` if one does."""
    problem = apart(x, weight)
    if problem is not None:
        return problem
    if asked == "fused" or stock_only():  # it may take an empty tensor; a graph must not ask for its size
        return DEPTHWISE.problem() or kernel.reason_of_type(x)
    return kernel.reason(x)


def _dense(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], member: str,
           scale: float) -> torch.Tensor:
    if dense_kernel.reason(x) is None:
        return dense_kernel.run(x, weight, bias, member, scale)
    with torch.no_grad():
        y = dense_sum(x, weight, member) * scale
        return y if bias is None else y + bias


def _dense_fake(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], member: str,
                scale: float) -> torch.Tensor:
    return torch.empty(tuple(x.shape[:-1]) + (weight.shape[0],), dtype=x.dtype, device=x.device)


def _dense_gradient(gradient: torch.Tensor, needed: Sequence[bool], x: torch.Tensor, weight: torch.Tensor,
                    bias: Optional[torch.Tensor], member: str, scale: float) -> Gradients:
    of_bias = gradient.reshape(-1, weight.shape[0]).sum(0) if bias is not None and needed[2] else None
    return dense_gradient(gradient * scale, needed, x, weight, member) + (of_bias,)


#: ``scale`` times the dense sum, plus the bias.
DENSE = Bound(Rule("mf_dense", "Tensor x, Tensor weight, Tensor? bias, str member, float scale", 3,
                   dense_kernel.run, _dense, _dense_fake, _dense_gradient))


def dense_problem(x: torch.Tensor, weight: torch.Tensor, asked: str) -> Optional[str]:
    """Return why no kernel takes ``x`` and ``weight`` where ``asked`` for, in a sentence, or ``None`` if one does."""
    problem = apart(x, weight)
    if problem is not None:
        return problem
    if asked == "fused" or stock_only():  # it may take an empty tensor; a graph must not ask for its size
        return DENSE.problem() or dense_kernel.reason_of_type(x)
    return dense_kernel.reason(x)
