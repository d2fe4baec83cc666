"""A kernel's forward bound to torch, with a gradient made of stock operations.

As an operator, where this torch has them, which a compiled or exported graph can hold; in eager calls as an autograd
function, which costs less.
"""

from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.batched import map_over, one_by_one
from suites.kernels.library import loaded
from suites.kernels.operator import NAMESPACE, graph_problem
from suites.torch_modes import kept, stock_only

_HAS_OPERATORS = hasattr(torch, "library") and hasattr(torch.library, "custom_op")
Gradients = Sequence[Optional[Tensor]]


class Rule(NamedTuple):
    """What a bound kernel is made of; all take the arguments in the schema's order, tensors first.

    ``schema`` is the operator's arguments, ``tensors`` the number of those that are tensors or ``None``.
    ``kernel(*arguments)`` runs the kernel on a call it takes, ``forward`` also stock operations where it does not.
    ``fake`` returns an empty output, ``gradient(of_output, needed, *arguments)`` one gradient for each tensor, or
    ``None`` where ``needed`` says that nobody asks for it.
    """

    name: str
    schema: str
    tensors: int
    kernel: Callable[..., Tensor]
    forward: Callable[..., Tensor]
    fake: Callable[..., Tensor]
    gradient: Callable[..., Gradients]

    def run(self, *arguments: Any) -> Tensor:
        """Run the kernel on a call it takes, or on an empty tensor, which it must not see, stock operations."""
        return (self.kernel if arguments[0].numel() else self.forward)(*arguments)


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rule: Rule, *arguments: Any) -> Tensor:
        ctx.rule, ctx.options = rule, arguments[rule.tensors:]
        ctx.save_for_backward(*arguments[:rule.tensors])
        return rule.run(*arguments)

    @staticmethod
    @one_by_one
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tuple:
        needed = ctx.needs_input_grad[1:1 + ctx.rule.tensors]
        found = ctx.rule.gradient(gradient, needed, *ctx.saved_tensors, *ctx.options)
        return (None,) + tuple(found) + (None,) * len(ctx.options)


class Bound:
    """A kernel with its gradient: call it with the rule's arguments, where the kernel takes them."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.operator = _register(rule) if _HAS_OPERATORS else None

    @staticmethod
    def problem() -> Optional[str]:
        """Return why no bound kernel may run in a call like this one, in a sentence, or ``None`` if it may."""
        return graph_problem() if stock_only() else None

    def __call__(self, *arguments: Any) -> Tensor:
        """Run as the operator while torch records a graph, else as the cheaper function.

        The caller has asked :meth:`problem`.
        """
        if self.operator is not None and stock_only():
            return self.operator(*arguments)
        if torch.is_grad_enabled():
            for tensor in arguments[:self.rule.tensors]:
                if tensor is not None and tensor.requires_grad:
                    return _Function.apply(self.rule, *arguments)
        return self.rule.run(*arguments)


def _register(rule: Rule) -> Any:
    """Register the operator and, as another, its gradient, which a graph must not be traced into either."""
    def backward(gradient: Tensor, needed: List[bool], *arguments: Any) -> Tuple[Tensor, ...]:
        with torch.no_grad():
            found = rule.gradient(gradient, needed, *arguments)
        return tuple(gradient.new_empty(0) if not wanted or one is None else one.contiguous()
                     for wanted, one in zip(needed, found))

    def backward_fake(gradient: Tensor, needed: List[bool], *arguments: Any) -> Tuple[Tensor, ...]:
        return tuple(gradient.new_empty(tensor.shape if wanted else 0) for wanted, tensor in zip(needed, arguments))

    layer = torch.library.custom_op(
        NAMESPACE + "::" + rule.name, lambda *arguments: rule.forward(*arguments), mutates_args=(),
        schema="({}) -> Tensor".format(rule.schema))
    layer_backward = torch.library.custom_op(
        NAMESPACE + "::" + rule.name + "_backward", backward, mutates_args=(),
        schema="(Tensor gradient, bool[] needed, {}) -> ({})".format(
            rule.schema, ", ".join(["Tensor"] * rule.tensors)))

    def setup(ctx: Any, inputs: Tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:rule.tensors])
        ctx.options = inputs[rule.tensors:]

    @one_by_one
    def gradient_rule(ctx: Any, gradient: Tensor) -> Tuple:
        needed = [bool(one) for one in ctx.needs_input_grad[:rule.tensors]]
        found = layer_backward(gradient, needed, *ctx.saved_tensors, *ctx.options)
        return tuple(one if wanted else None for wanted, one in zip(needed, found)) + (None,) * len(ctx.options)

    layer.register_fake(lambda *arguments: rule.fake(*arguments))
    layer_backward.register_fake(backward_fake)
    layer.register_autograd(gradient_rule, setup_context=setup)
    map_over(layer)
    return layer


def plain_type_reason(x: Tensor, kernel: str, types: Sequence[torch.dtype]) -> Optional[str]:
    """Return why no ``kernel`` on the CPU takes a tensor like ``x``, in a sentence, or ``None``."""
    if x.device.type != "cpu":
        return "there is no {} for the device '{}'".format(kernel, x.device.type)
    if x.dtype not in types:
        names = [str(one).replace("torch.", "") for one in tuple(types) + (x.dtype,)]
        return "the {} does {} and {}, not {}".format(kernel, ", ".join(names[:-2]), names[-2], names[-1])
    if x.layout != torch.strided:
        return "the {} does dense tensors only".format(kernel)
    return None


def apart(x: Tensor, weight: Tensor) -> Optional[str]:
    """Return that ``x`` and ``weight`` are of two types or on two devices, in a sentence, or ``None``."""
    if x.dtype != weight.dtype:
        return "input and weight are of two types"
    if x.device != weight.device:
        return "the input is on {}, the weight on {}".format(x.device, weight.device)
    return None


@kept  # a graph must not be traced into the building of a library
def library_problem(family: str) -> Optional[str]:
    """Return why there is no library of ``family`` here, in a sentence, or ``None`` if there is one."""
    return loaded(family).reason


def float_table(table: Optional[Tensor]) -> Optional[Tensor]:
    """Return ``table`` as the kernels read it: contiguous float32 without a gradient."""
    if table is None or (table.dtype is torch.float32 and table.is_contiguous()):
        return table  # nothing is recorded of what a kernel reads through its address
    return table.detach().float().contiguous()


def pointers(*tables: Optional[Tensor]) -> List[Optional[int]]:
    """Return the addresses of ``tables``, ``None`` for none."""
    return [None if table is None else table.data_ptr() for table in tables]
