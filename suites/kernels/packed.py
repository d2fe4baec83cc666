"""Weights in the order that a kernel reads them, made once and anew when a weight changes.

A weight has changed when torch's version counter or its place in memory has, and may have whenever an optimizer made
a step: torch's fused ones, and foreign ones that write through ``tensor.data``, go past the counter. What else is
written through ``tensor.data`` escapes it, as it escapes autograd: write under ``torch.no_grad()`` instead. Tensors
made in inference mode have no counter: they are compared, bit for bit, with a copy of what was packed.
"""

import weakref
from typing import Any, Callable, Dict, Generic, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
Tensors = Sequence[Optional[Tensor]]

#: Whole numbers as wide as an element, by bytes: they tell apart what compares equal (zeros) and match a NaN.
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Steps:
    """How many steps optimizers have made in this process, whichever they are."""

    def __init__(self) -> None:
        self.count = 0

    def made(self, *_: Any) -> None:
        """Count one more."""
        self.count += 1


STEPS = Steps()
try:
    from torch.optim.optimizer import register_optimizer_step_post_hook
except ImportError:  # torch 1, which has no fused optimizers either
    pass
else:
    register_optimizer_step_post_hook(STEPS.made)


def is_counted(tensor: Tensor) -> bool:
    """Whether torch counts the changes of ``tensor``: not if it was made in inference mode."""
    return not (hasattr(torch, "inference_mode") and tensor.is_inference())


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same type, shape and bits."""
    if one.dtype != other.dtype or one.shape != other.shape or one.element_size() not in _BITS:
        return False
    kind = _BITS[one.element_size()]
    with torch.no_grad():
        return torch.equal(one.detach().view(kind), other.detach().view(kind))


class _Kept(NamedTuple):
    states: List[Optional[Tuple]]
    first: Any  # a weak reference
    packed: Any
    #: They keep the memory, so that no other weight can come to lie at the same place unseen.
    aliases: List[Tensor]
    copies: List[Optional[Tensor]]  # of the tensors whose changes torch does not count

    def holds(self, tensors: Tensors, states: List[Optional[Tuple]]) -> bool:
        """Whether ``tensors`` are those that were packed, unchanged."""
        return (self.first() is tensors[0] and self.states == states
                and all(copy is None or (tensor is not None and same_bits(tensor, copy))
                        for tensor, copy in zip(tensors, self.copies)))


class Packed(Generic[T]):
    """Packed weights, one value for each first tensor, dropped with that tensor.

    ``pack`` makes the value from the tensors and an option that tells apart several packings of the same weights.
    """

    def __init__(self, pack: Callable[[Tensors, Any], T]) -> None:
        self._pack = pack
        self._kept: Dict[Tuple[int, Any], _Kept] = {}

    def get(self, tensors: Tensors, option: Any = None) -> T:
        """Return the packed form of ``tensors`` as they are now; the first one must not be ``None``."""
        first = tensors[0]
        assert first is not None
        key = (id(first), option)
        states = [None if tensor is None else _state(tensor) for tensor in tensors]
        found = self._kept.get(key)
        if found is not None and found.holds(tensors, states):
            return found.packed
        # Copied first: what changes while it is packed is then seen by the next call.
        copies = [tensor.detach().clone() if tensor is not None and not is_counted(tensor) else None
                  for tensor in tensors]
        packed = self._pack(tensors, option)
        kept = self._kept

        def drop(_: Any) -> None:
            kept.pop(key, None)

        aliases = [tensor.detach() for tensor in tensors if tensor is not None]
        kept[key] = _Kept(states, weakref.ref(first, drop), packed, aliases, copies)
        return packed

    def __len__(self) -> int:
        return len(self._kept)


def _state(tensor: Tensor) -> Tuple:
    return (tensor._version if is_counted(tensor) else None, tensor.data_ptr(),
            STEPS.count if tensor.is_floating_point() else 0)
