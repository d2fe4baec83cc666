"""See, operator by operator, whether a run uses some tensors at all: by whatever name or view somebody holds them."""

import contextlib
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, TypeVar

import torch
from torch import Tensor

Key = TypeVar("Key")
#: Whether this torch can show the operators of a run, and can show structured layers as operators of their own (2.4).
CAN_SEE = hasattr(torch, "library") and hasattr(torch.library, "custom_op")


class _Memory(NamedTuple):
    device: torch.device
    begin: int
    end: int

    def meets(self, other: "Optional[_Memory]") -> bool:
        return (other is not None and self.device == other.device and self.begin < other.end
                and other.begin < self.end)


def _memory_of(tensor: Tensor) -> Optional[_Memory]:
    """Return the bytes from the first to the last of ``tensor``, ``None`` where that cannot be told."""
    if type(tensor) not in (Tensor, torch.nn.Parameter) or tensor.layout is not torch.strided:
        return None
    if tensor.is_meta or tensor.numel() == 0:
        return None
    begin = tensor.data_ptr()
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    return _Memory(tensor.device, begin, begin + (last + 1) * tensor.element_size())


def share_memory(one: Tensor, other: Tensor) -> bool:
    """Whether both tensors have a stretch of memory in common."""
    place = _memory_of(one)
    return place is not None and place.meets(_memory_of(other))


@contextlib.contextmanager
def uses_of(tensors: Dict[Key, Tensor]) -> Iterator[Set[Key]]:
    """Yield the set that gets the keys of those of ``tensors`` that an operator takes inside the block.

    It stays empty where torch shows no operators (before 2.4).
    """
    seen: Set[Key] = set()
    if not CAN_SEE or not tensors:
        yield seen
        return
    from torch.utils._python_dispatch import TorchDispatchMode

    known = [(key, tensor, _memory_of(tensor)) for key, tensor in tensors.items()]

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            for given in tensors_in((args, tuple((kwargs or {}).values()))):
                place = _memory_of(given)
                seen.update(key for key, tensor, its in known if given is tensor
                            or place is not None and place.meets(its))
            return func(*args, **(kwargs or {}))

    with Mode():
        yield seen


def tensors_in(values: Any) -> List[Tensor]:
    """Return the tensors among ``values``, which may be tuples and lists of others."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, (tuple, list)):
        return [tensor for value in values for tensor in tensors_in(value)]
    return []
