"""Weights in the order that a kernel reads them, made once and anew when a weight changes.

A weight has changed when torch's version counter or its place in memory has. What is written through ``tensor.data``
escapes the counter, as it escapes autograd: write under ``torch.no_grad()`` instead.
"""

import weakref
from typing import Any, Callable, Dict, Generic, Optional, Sequence, Tuple, TypeVar

from torch import Tensor

T = TypeVar("T")


class Packed(Generic[T]):
    """Packed weights, one value for each first tensor, dropped with that tensor.

    ``pack`` makes the value from the tensors and an option that tells apart several packings of the same weights.
    """

    def __init__(self, pack: Callable[[Sequence[Optional[Tensor]], Any], T]) -> None:
        self._pack = pack
        self._kept: Dict[Tuple[int, Any], Tuple] = {}

    def get(self, tensors: Sequence[Optional[Tensor]], option: Any = None) -> T:
        """Return the packed form of ``tensors`` as they are now; the first one must not be ``None``."""
        first = tensors[0]
        assert first is not None
        key = (id(first), option)
        try:
            states = [None if tensor is None else (tensor._version, tensor.data_ptr()) for tensor in tensors]
        except RuntimeError:  # tensors made in inference mode have no counter: trust nothing
            return self._pack(tensors, option)
        found = self._kept.get(key)
        if found is not None and found[0] == states and found[1]() is first:
            return found[2]
        packed = self._pack(tensors, option)
        kept = self._kept

        def drop(_: Any) -> None:
            kept.pop(key, None)

        # The aliases keep the memory, so that no other weight can come to lie at the same place unseen.
        aliases = [tensor.detach() for tensor in tensors if tensor is not None]
        self._kept[key] = (states, weakref.ref(first, drop), packed, aliases)
        return packed

    def __len__(self) -> int:
        return len(self._kept)
