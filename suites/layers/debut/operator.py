"""The fused layer for torch: an operator with a fake and a gradient where torch has them, else an autograd function.

The operator runs the kernel where it takes the call and stock torch operations where not, so that a compiled graph
may hold it for any tensor. Stock operations go back through the chain, and can be differentiated again.
"""

from typing import Any, Callable, List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from suites.batched import map_over, one_by_one
from suites.kernels import debut as kernel
from suites.kernels.debut import Spec, output_shape
from suites.layers.debut.factors import apply_blocks, transposed, weight_gradient
from suites.layers.debut.plain import columns_of, input_gradient, pad_features, plain_layer

NAME = "edge_transform_bench::debut_layer"
_HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")


def pack(spec: Spec) -> List[int]:
    """Return ``spec`` as the operator takes it: kernel (0, 0) is linear; the last numbers are the factors'."""
    pairs = list(spec.kernel or (0, 0)) + list(spec.stride) + list(spec.padding)
    return [spec.in_features, spec.out_features, int(spec.tap_order)] + pairs + [n for s in spec.shapes for n in s]


def unpack(numbers: Sequence[int]) -> Spec:
    """Return the ``Spec`` that :func:`pack` packed."""
    shapes = tuple((numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]) for i in range(9, len(numbers), 4))
    kernel_size = (numbers[3], numbers[4]) if numbers[3] else None
    return Spec(shapes, numbers[0], numbers[1], kernel_size, (numbers[5], numbers[6]), (numbers[7], numbers[8]),
                bool(numbers[2]))


def forward(x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output, contiguous, by the kernel if it takes ``x``, else by stock torch operations."""
    if kernel.reason(x, spec) is None:
        return kernel.run(x, factors, bias, spec)
    with torch.no_grad():
        return plain_layer(x, factors, bias, spec).contiguous().clone()


def backward(gradient: Tensor, x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor],
             spec: Spec) -> List[Tensor]:
    """Return the gradients of x, each factor, and the bias if there is one: the factors' transposes backwards.

    Written out, since torch runs no autograd inside an operator; faster than autograd's own way, which holds every
    factor's output and sums a product for every weight.
    """
    if x.numel() == 0:
        return [torch.zeros_like(t) for t in [x] + list(factors) + ([] if bias is None else [bias])]
    rows = gradient.flatten(2) if spec.kernel else gradient.reshape(
        -1, spec.out_features).t().unsqueeze(0)
    grads = [] if bias is None else [rows.sum((0, 2)).to(bias.dtype)]
    acts = [columns_of(pad_features(x, spec), spec)]
    for weight in factors[:-1]:
        acts.append(apply_blocks(acts[-1], weight))
    features = factors[-1].shape[0] * factors[-1].shape[1] * factors[-1].shape[3]
    rows = F.pad(rows, (0, 0, 0, features - spec.out_features))
    for weight, inputs in zip(reversed(list(factors)), reversed(acts)):
        grads.append(weight_gradient(rows, inputs, weight.shape))
        rows = apply_blocks(rows, transposed(weight))
    return [input_gradient(rows, x.shape, spec)] + grads[::-1] if bias is None else (
        [input_gradient(rows, x.shape, spec)] + grads[:0:-1] + grads[:1])


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spec: Spec, bias: Optional[Tensor], x: Tensor, *factors: Tensor) -> Tensor:
        ctx.save_for_backward(x, *factors, *([] if bias is None else [bias]))
        ctx.spec, ctx.count, ctx.has_bias = spec, len(factors), bias is not None
        return forward(x, factors, bias, spec)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: Tensor) -> Tuple:
        saved = ctx.saved_tensors
        bias = saved[-1] if ctx.has_bias else None
        found = backward(gradient, saved[0], saved[1:ctx.count + 1], bias, ctx.spec)
        return (None, found.pop() if ctx.has_bias else None) + tuple(found)


def _register() -> Callable:
    """Register both operators with torch (2.4 and newer) and return the layer's."""
    library = torch.library
    layer = library.custom_op(
        NAME, lambda x, factors, bias, numbers: forward(x, factors, bias, unpack(numbers)), mutates_args=(),
        schema="(Tensor x, Tensor[] factors, Tensor? bias, int[] numbers) -> Tensor")
    layer_backward = library.custom_op(
        NAME + "_backward",
        lambda gradient, x, factors, bias, numbers: backward(gradient, x, factors, bias, unpack(numbers)),
        mutates_args=(),
        schema="(Tensor gradient, Tensor x, Tensor[] factors, Tensor? bias, int[] numbers) -> Tensor[]")

    def layer_fake(x: Tensor, factors: List[Tensor], bias: Optional[Tensor], numbers: List[int]) -> Tensor:
        return x.new_empty(output_shape(x.shape, unpack(numbers)))

    def backward_fake(gradient: Tensor, x: Tensor, factors: List[Tensor], bias: Optional[Tensor],
                      numbers: List[int]) -> List[Tensor]:
        return [t.new_empty(t.shape) for t in [x] + list(factors) + ([] if bias is None else [bias])]

    def setup(ctx: Any, inputs: Tuple, output: Tensor) -> None:
        x, factors, bias, ctx.numbers = inputs
        ctx.save_for_backward(x, *factors, *([] if bias is None else [bias]))
        ctx.count, ctx.has_bias = len(factors), bias is not None

    @one_by_one
    def gradient_rule(ctx: Any, gradient: Tensor) -> Tuple:
        saved = ctx.saved_tensors
        bias = saved[-1] if ctx.has_bias else None
        found = layer_backward(gradient, saved[0], list(saved[1:ctx.count + 1]), bias, ctx.numbers)
        return found[0], list(found[1:ctx.count + 1]), found[-1] if ctx.has_bias else None, None

    layer.register_fake(layer_fake)
    layer_backward.register_fake(backward_fake)
    layer.register_autograd(gradient_rule, setup_context=setup)
    map_over(layer)
    return layer


LAYER = _register() if _HAS_OPERATORS else None


def apply(x: Tensor, factors: Sequence[Tensor], bias: Optional[Tensor], spec: Spec, compiling: bool) -> Tensor:
    """Run the layer with its gradient rule: the operator when a graph is compiled, else the cheaper way."""
    if compiling and LAYER is not None:
        return LAYER(x, list(factors), bias, pack(spec))
    return _Function.apply(spec, bias, x, *factors)
