"""Tensors that ``vmap`` hands on: many under one name, and no memory that a kernel could read or write.

A backward pass gets such gradients from ``torch.autograd.grad(is_grads_batched=True)``, from
``torch.autograd.functional.jacobian(vectorize=True)`` and from ``torch.func.vmap`` around ``torch.autograd.grad``.
What is written for one gradient is run here for one after the other. torch has no public names for telling these
tensors from others; the ones used are those of its own Python.
"""

import functools
from typing import Any, Callable, Optional, Sequence, Tuple, TypeVar

import torch
from torch import Tensor

from suites.torch_modes import is_compiling

Backward = TypeVar("Backward", bound=Callable[..., Any])
_FUNCTORCH = getattr(torch._C, "_functorch", None)
_is_batched = getattr(_FUNCTORCH, "is_batchedtensor", lambda tensor: False)
# Older torch does not tell: then it may be any gradient met inside a vmap.
_is_legacy = getattr(_FUNCTORCH, "is_legacy_batchedtensor", lambda tensor: _level() > 0)


def one_by_one(backward: Backward) -> Backward:
    """Let ``backward(ctx, gradient)`` of an autograd function take batched gradients: it is called for each.

    It returns tensors in lists and tuples; what else it returns must be the same for every gradient. The tensors that
    ``ctx`` saved must not be batched, as those of an eager forward are not.
    """
    @functools.wraps(backward)
    def run(ctx: Any, gradient: Tensor) -> Any:
        batch = _apart(gradient)
        if batch is None:
            return backward(ctx, gradient)
        parts, together = batch
        return _joined([run(ctx, part) for part in parts], together)

    return run  # type: ignore[return-value]


def _joined(each: Sequence[Any], together: Callable[[Tensor], Tensor]) -> Any:
    """Return the results of all calls as one: tensors batched, in lists and tuples too, others as they are."""
    if isinstance(each[0], Tensor):
        return together(torch.stack(list(each)))
    if isinstance(each[0], (tuple, list)):
        return type(each[0])(_joined(part, together) for part in zip(*each))
    return each[0]


def _apart(gradient: Tensor) -> Optional[Tuple[Sequence[Tensor], Callable[[Tensor], Tensor]]]:
    """Return the gradients that a batched one stands for and how to batch a stack of results; else ``None``."""
    if is_compiling():  # which follows this function, with gradients of its own
        return None
    if _is_batched(gradient):
        level, dim = _FUNCTORCH.maybe_get_level(gradient), _FUNCTORCH.maybe_get_bdim(gradient)  # type: ignore
        return (_FUNCTORCH.get_unwrapped(gradient).unbind(dim),  # type: ignore[union-attr]
                lambda stack: _FUNCTORCH._add_batch_dim(stack, 0, level))  # type: ignore[union-attr]
    if not _is_legacy(gradient):
        return None
    level = max(_level(), 1)  # a thread's own, and CUDA's gradients come in another
    # Of a tensor that is not batched it makes as many as it is told: none.
    parts = torch._remove_batch_dim(gradient, level, 0, 0).unbind(0)
    return (parts, lambda stack: torch._add_batch_dim(stack, 0, level)) if parts else None


def _level() -> int:
    """Return how many vmaps of the older kind are around this call, in this thread."""
    level = torch._C._vmapmode_increment_nesting()
    torch._C._vmapmode_decrement_nesting()
    return level - 1


def map_over(operator: Any) -> None:
    """Let ``torch.func.vmap`` take an operator of one output, where torch asks for a rule (2.5): call by call."""
    def batched(info: Any, dims: Any, *arguments: Any) -> Tuple[Tensor, int]:
        calls = [operator(*[_one(argument, dim, index) for argument, dim in zip(arguments, dims)])
                 for index in range(info.batch_size)]
        return torch.stack(calls), 0

    if hasattr(operator, "register_vmap"):
        operator.register_vmap(batched)


def _one(argument: Any, dim: Any, index: int) -> Any:
    """Return the argument of one call: ``dim`` is its batched axis, a list of them for tensors in a list."""
    if isinstance(dim, (list, tuple)):
        return [_one(each, at, index) for each, at in zip(argument, dim)]
    return argument if dim is None else argument.select(dim, index)
