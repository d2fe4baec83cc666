"""The layer as a torch operator: with a fake and a gradient where torch knows them, else an autograd function.

The operator runs the kernel that takes the call and plain torch where none does, so that a compiled graph
may hold it for any tensor.
"""

import importlib
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from suites.kernels import cpu_call
from suites.kernels.geometry import Spec, dense_like, out_shape
from suites.kernels.plain import plain_layer

NAMESPACE = "edge_transform_bench"
_HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")
_OPTIONS = ("int[] dims, int block, str nonlinearity, str threshold_mode, bool residual, bool keep_first, str norm, "
            "str order, int out_channels")

if hasattr(torch, "compiler") and hasattr(torch.compiler, "is_compiling"):
    is_compiling = torch.compiler.is_compiling
else:
    def is_compiling() -> bool:
        """No compiler in this torch."""
        return False


def cuda_reason(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why no CUDA kernel takes ``x``, in a sentence, or ``None`` if one does."""
    launcher = _cuda_launcher()
    return launcher if isinstance(launcher, str) else launcher.why_not(x, spec)


def _cuda_launcher() -> Any:
    try:
        return importlib.import_module("suites.kernels.cuda.launch")
    except ImportError as error:
        return "the CUDA kernels are not there: {}".format(error)


def pack(spec: Spec) -> Tuple:
    """Return the options as the operator takes them: no option is 0."""
    return (list(spec.dims), spec.block or 0, spec.nonlinearity, spec.threshold_mode, spec.residual, spec.keep_first,
            spec.norm, spec.order, spec.out_channels or 0)


def unpack(dims: List[int], block: int, nonlinearity: str, threshold_mode: str, residual: bool, keep_first: bool,
           norm: str, order: str, out_channels: int) -> Spec:
    """Return the options :func:`pack` packed."""
    return Spec(tuple(dims), block or None, nonlinearity, threshold_mode, residual, keep_first, norm, order,
                out_channels or None)


def forward(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output, in x's memory order, by the kernel that takes it or by plain torch."""
    if x.device.type == "cpu" and cpu_call.reason(x, spec) is None:
        return cpu_call.forward(x, threshold, scale, spec)
    if x.device.type == "cuda" and cuda_reason(x, spec) is None:
        return _cuda_launcher().forward(x, threshold, scale, spec)
    y = x.new_empty(0)
    with torch.no_grad():
        y = plain_layer(x, threshold, scale, spec)
    laid_out = torch.empty_strided(y.shape, dense_like(y.shape, x.stride()), dtype=y.dtype, device=y.device)
    return laid_out.copy_(y)


def backward(gradient: Tensor, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
             spec: Spec) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, threshold and scale; the last is empty where there is no scale."""
    if x.device.type == "cpu" and cpu_call.reason(x, spec) is None:
        return cpu_call.backward(gradient, x, threshold, scale, spec)
    if x.device.type == "cuda" and cuda_reason(x, spec) is None:
        return _cuda_launcher().backward(gradient, x, threshold, scale, spec)
    inputs = [x, threshold] + ([] if scale is None else [scale])
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in inputs]
        y = plain_layer(leaves[0], leaves[1], leaves[2] if len(leaves) > 2 else None, spec)
    found = torch.autograd.grad(y, leaves, gradient, allow_unused=True)
    grads = [torch.zeros_like(t) if g is None else g for g, t in zip(found, leaves)]
    g_x = torch.empty_strided(x.shape, dense_like(x.shape, x.stride()), dtype=x.dtype, device=x.device)
    return g_x.copy_(grads[0]), grads[1].clone(), grads[2].clone() if scale is not None else x.new_empty(0)


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
        ctx.save_for_backward(x, threshold, *([] if scale is None else [scale]))
        ctx.spec = spec
        return forward(x, threshold, scale, spec)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tuple:
        x, threshold, scale = (tuple(ctx.saved_tensors) + (None,))[:3]
        g_x, g_threshold, g_scale = backward(gradient, x, threshold, scale, ctx.spec)
        return g_x, g_threshold, None if scale is None else g_scale, None


def _register() -> Callable:
    """Register both operators with torch (2.4 and newer) and return the layer's."""
    library = torch.library
    layer = library.custom_op(
        NAMESPACE + "::wht_layer",
        lambda x, threshold, scale, *options: forward(x, threshold, scale, unpack(*options)), mutates_args=(),
        schema="(Tensor x, Tensor threshold, Tensor? scale, {}) -> Tensor".format(_OPTIONS))
    layer_backward = library.custom_op(
        NAMESPACE + "::wht_layer_backward",
        lambda gradient, x, threshold, scale, *options: backward(gradient, x, threshold, scale, unpack(*options)),
        mutates_args=(),
        schema="(Tensor gradient, Tensor x, Tensor threshold, Tensor? scale, {}) -> (Tensor, Tensor, Tensor)".format(
            _OPTIONS))

    def layer_fake(x: Tensor, threshold: Tensor, scale: Optional[Tensor], *options: Any) -> Tensor:
        shape = out_shape(x.shape, unpack(*options))
        return x.new_empty_strided(shape, dense_like(shape, x.stride()))

    def backward_fake(gradient: Tensor, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
                      *options: Any) -> Tuple:
        return (x.new_empty_strided(x.shape, dense_like(x.shape, x.stride())), threshold.new_empty(threshold.shape),
                x.new_empty(0) if scale is None else scale.new_empty(scale.shape))

    def setup(ctx: Any, inputs: Tuple, output: Tensor) -> None:
        x, threshold, scale = inputs[:3]
        ctx.save_for_backward(x, threshold, scale)
        ctx.options = inputs[3:]

    def gradient_rule(ctx: Any, gradient: Tensor) -> Tuple:
        x, threshold, scale = ctx.saved_tensors
        g_x, g_threshold, g_scale = layer_backward(gradient, x, threshold, scale, *ctx.options)
        return (g_x, g_threshold, None if scale is None else g_scale) + (None,) * len(ctx.options)

    layer.register_fake(layer_fake)
    layer_backward.register_fake(backward_fake)
    layer.register_autograd(gradient_rule, setup_context=setup)
    return layer


LAYER = _register() if _HAS_OPERATORS else None


def apply(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Run the layer with its gradient rule: the operator when a graph is compiled, else the cheaper function."""
    if LAYER is not None and is_compiling():
        return LAYER(x, threshold, scale, *pack(spec))
    return _Function.apply(x, threshold, scale, spec)


def describe_binding() -> str:
    """Say how the layer is bound to this torch."""
    return ("custom operator {}::wht_layer".format(NAMESPACE) if LAYER is not None
            else "autograd function (torch {} has no custom operators)".format(torch.__version__))


def describe_cuda() -> Dict[str, Any]:
    """Return the CUDA half of :func:`suites.kernels.status`."""
    launcher = _cuda_launcher()
    if isinstance(launcher, str):
        return {"available": False, "reason": launcher, "remedy": None}
    return launcher.describe()
