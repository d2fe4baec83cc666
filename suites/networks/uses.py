"""See, operator by operator, whether a run uses some tensors at all: by whatever name or view somebody holds them."""

import bisect
import contextlib
import itertools
from typing import Any, Dict, Generic, Iterator, List, NamedTuple, Optional, Set, Tuple, TypeVar

import torch
from torch import Tensor

Key = TypeVar("Key")
#: Whether this torch can show the operators of a run, and can show structured layers as operators of their own (2.4).
CAN_SEE = hasattr(torch, "library") and hasattr(torch.library, "custom_op")


class _Memory(NamedTuple):
    device: torch.device
    begin: int
    end: int


def _memory_of(tensor: Tensor) -> Optional[_Memory]:
    """Return the bytes from the first to the last of ``tensor``, ``None`` where that cannot be told."""
    if type(tensor) not in (Tensor, torch.nn.Parameter) or tensor.layout is not torch.strided:
        return None
    if tensor.is_meta or tensor.numel() == 0:
        return None
    begin = tensor.data_ptr()
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    return _Memory(tensor.device, begin, begin + (last + 1) * tensor.element_size())


class Places(Generic[Key]):
    """Some tensors by their keys, found again by what lies in their memory."""

    def __init__(self, tensors: Dict[Key, Tensor]) -> None:
        self._kept = dict(tensors)  # or another could come to have the identity, or the memory, of one that is gone
        self._names: Dict[int, List[Key]] = {}
        lying: Dict[torch.device, List[Tuple[int, int, Key]]] = {}
        for key, tensor in tensors.items():
            self._names.setdefault(id(tensor), []).append(key)
            place = _memory_of(tensor)
            if place is not None:
                lying.setdefault(place.device, []).append((place.begin, place.end, key))
        # For each device by where they begin, with the furthest that any up to here reaches.
        self._lying = {}  # type: Dict[torch.device, Tuple[List[int], List[int], List[Tuple[int, Key]]]]
        for device, found in lying.items():
            found.sort(key=lambda one: one[0])
            reach = list(itertools.accumulate([end for _, end, _ in found], max))
            self._lying[device] = [begin for begin, _, _ in found], reach, [(end, key) for _, end, key in found]

    def of(self, tensor: Tensor) -> List[Key]:
        """Return the keys of those that are ``tensor`` or have a stretch of memory in common with it."""
        keys = list(self._names.get(id(tensor), ()))
        place = _memory_of(tensor)
        if place is None or place.device not in self._lying:
            return keys
        begins, reach, ends = self._lying[place.device]
        index = bisect.bisect_left(begins, place.end)
        while index and reach[index - 1] > place.begin:
            index -= 1
            if ends[index][0] > place.begin:
                keys.append(ends[index][1])
        return keys


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

    places = Places(tensors)

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            for given in tensors_in((args, tuple((kwargs or {}).values()))):
                seen.update(places.of(given))
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
