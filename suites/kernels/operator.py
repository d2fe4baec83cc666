"""The layer as a torch operator: with a fake and a gradient where torch knows them, else an autograd function.

The operator runs the kernel that takes the call and plain torch where none does, so that a compiled graph
may hold it for any tensor.
"""

from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from suites import torch_modes
from suites.batched import one_by_one
from suites.kernels import cpu_call, on_cuda
from suites.kernels.geometry import Spec, dense_like, out_shape
from suites.kernels.plain import plain_gradient, plain_layer

NAMESPACE = "edge_transform_bench"
_HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")
_OPTIONS = ("int[] dims, int block, str nonlinearity, str threshold_mode, bool residual, bool keep_first, str norm, "
            "str order, int out_channels")


def graph_problem() -> Optional[str]:
    """Return why no kernel may run where torch records or transforms the call, in a sentence, or ``None``."""
    if torch_modes.transforming():
        return "torch.func and forward-mode derivatives go through stock torch operations only"
    if not _HAS_OPERATORS:
        return "a graph cannot hold the kernel in torch {}: operators came with 2.4".format(torch.__version__)
    return "ONNX has stock operations only" if torch_modes.exporting_onnx() else None


def cuda_reason(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why no CUDA kernel takes ``x``, in a sentence, or ``None`` if one does."""
    return on_cuda.problem("launch", x, spec)


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
        return on_cuda.launcher("launch").forward(x, threshold, scale, spec)
    with torch.no_grad():
        return _laid_out(plain_layer(x, threshold, scale, spec), x)


def backward(gradient: Tensor, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
             spec: Spec) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, threshold and scale; the last is empty where there is no scale."""
    if x.device.type == "cpu" and cpu_call.reason(x, spec) is None:
        return cpu_call.backward(gradient, x, threshold, scale, spec)
    if x.device.type == "cuda" and cuda_reason(x, spec) is None:
        return on_cuda.launcher("launch").backward(gradient, x, threshold, scale, spec)
    with torch.no_grad():
        g_x, g_threshold, g_scale = plain_gradient(gradient, x, threshold, scale, spec)
    return _laid_out(g_x, x), g_threshold, x.new_empty(0) if g_scale is None else g_scale


def _laid_out(y: Tensor, x: Tensor) -> Tensor:
    """Return ``y`` in the memory order of ``x``."""
    strides = dense_like(y.shape, x.stride())
    if y.stride() == strides:
        return y
    return torch.empty_strided(y.shape, strides, dtype=y.dtype, device=y.device).copy_(y)


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
        ctx.save_for_backward(x, threshold, *([] if scale is None else [scale]))
        ctx.spec = spec
        return forward(x, threshold, scale, spec)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: Tensor) -> Tuple:
        x, threshold, scale = (tuple(ctx.saved_tensors) + (None,))[:3]
        if torch.is_grad_enabled() or torch_modes.transforming():
            # Somebody wants the gradient's gradient, which the kernels do not have.
            return plain_gradient(gradient, x, threshold, scale, ctx.spec) + (None,)
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

    @one_by_one
    def gradient_rule(ctx: Any, gradient: Tensor) -> Tuple:
        x, threshold, scale = ctx.saved_tensors
        others = (None,) * len(ctx.options)
        if torch.is_grad_enabled():
            return plain_gradient(gradient, x, threshold, scale, unpack(*ctx.options)) + others
        g_x, g_threshold, g_scale = layer_backward(gradient, x, threshold, scale, *ctx.options)
        return (g_x, g_threshold, None if scale is None else g_scale) + others

    def batched(info: Any, in_dims: Tuple, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
                *options: Any) -> Tuple[Tensor, int]:
        if in_dims[1] is None and in_dims[2] is None:
            x = x.movedim(in_dims[0], 0)
            y = layer(x.flatten(0, 1), threshold, scale, *options)
            return y.reshape(tuple(x.shape[:2]) + tuple(y.shape[1:])), 0
        tensors = zip(*[[t] * info.batch_size if t is None or dim is None else t.unbind(dim)
                        for t, dim in zip((x, threshold, scale), in_dims)])
        return torch.stack([layer(*each, *options) for each in tensors]), 0

    layer.register_fake(layer_fake)
    layer_backward.register_fake(backward_fake)
    layer.register_autograd(gradient_rule, setup_context=setup)
    if hasattr(layer, "register_vmap"):
        layer.register_vmap(batched)
    return layer


LAYER = _register() if _HAS_OPERATORS else None


def apply(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Run the layer with its gradient rule in an eager call, by a function cheaper than the operator."""
    return _Function.apply(x, threshold, scale, spec)


def record(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Run the layer as the operator, which a graph can hold; call only where there is one."""
    assert LAYER is not None
    return LAYER(x, threshold, scale, *pack(spec))


def describe_binding() -> str:
    """Say how the layer is bound to this torch."""
    return ("custom operator {}::wht_layer".format(NAMESPACE) if LAYER is not None
            else "autograd function (torch {} has no custom operators)".format(torch.__version__))


def describe_cuda() -> Dict[str, Any]:
    """Return the CUDA half of :func:`suites.kernels.status`."""
    launcher = on_cuda.launcher("launch")
    if isinstance(launcher, str):
        return {"available": False, "reason": launcher, "remedy": None}
    return launcher.describe()
