"""Calls of a kernel made ready once for each kind of input: a look-up, a check of the weights, one call of C.

A small layer takes a few microseconds; asking each time what its input is, which form runs and where its packed
weights lie would take more than that. Only eager calls without a gradient are made ready: all others go through
torch as before.
"""

import ctypes
from operator import is_
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.handles import Handle
from suites.kernels.packed import STEPS, is_counted

#: A kernel's call for tensors of one shape, layout and type: from the input to a new output.
Call = Callable[[Tensor], Tensor]
Weights = Sequence[Optional[Tensor]]
MOST_CALLS = 64


def bound_call(forward: Callable[..., int], plan: Any, packed: Tensor, like: Tensor, shape: Tuple[int, ...],
               contiguous: bool) -> Call:
    """Return the call of ``forward(plan, x, y, packed, threads)`` for an x like ``like`` into a new ``shape``.

    ``plan`` is an array of numbers or a plan's handle; the call keeps it and ``packed``. Where inputs are not
    ``contiguous``, copies of them are what the kernel reads; where they are as they come, the caller keeps away views
    that torch negates when it reads them, as the imaginary part of a conjugate, which lie apart in memory.
    """
    address, weights, threads = plan_address(plan), packed.data_ptr(), torch.get_num_threads
    alike = tuple(like.shape) == tuple(shape) and (not contiguous or like.is_contiguous())

    def call(x: Tensor, _kept: Any = (plan, packed)) -> Tensor:
        if not contiguous:
            x = x.detach().contiguous()
        # Half a microsecond less without a shape to read; torch.empty heeds a default device.
        y = torch.empty_like(x) if alike else x.new_empty(shape)
        if forward(address, x.data_ptr(), y.data_ptr(), weights, threads()):
            raise MemoryError("no memory for the kernel's scratch: close other programs")
        return y

    return call


def plan_address(plan: Any) -> int:
    """Return the address of a plan: that of its handle, or of an array of numbers."""
    return plan.pointer if isinstance(plan, Handle) else ctypes.addressof(plan)


#: What a weight is known by, read without a frame of Python for each: a chain has a dozen weights.
_VERSION, _PLACE = Tensor._version.__get__, Tensor.data_ptr  # type: ignore[attr-defined]


class _Ready(NamedTuple):
    key: Tuple
    weights: Tuple[Optional[Tensor], ...]
    present: Tuple[Tensor, ...]  # those that are there, with their versions and places in memory
    versions: List[int]
    places: List[int]
    steps: int  # of optimizers by then
    aliases: List[Tensor]  # of their memory, so that no other weight can come to lie at the same place unseen
    call: Call

    def holds(self, weights: Weights) -> bool:
        """Whether ``weights`` are the same tensors as when the call was kept, and as they were."""
        # Identity first: then those that are there are the ones kept here.
        return (self.steps == STEPS.count and len(weights) == len(self.weights)
                and all(map(is_, weights, self.weights))
                and list(map(_VERSION, self.present)) == self.versions
                and list(map(_PLACE, self.present)) == self.places)


_NOTHING = _Ready((), (), (), [], [], 0, [], torch.neg)


class Prepared:
    """The calls of one layer that are ready. A copy or a pickle of it is empty: they belong to these weights here.

    A call is ready for as long as every weight is the same tensor with the same version counter at the same place and
    no optimizer made a step: see :mod:`suites.kernels.packed` for what that does not see. Threads may use it at once:
    a call never changes.
    """

    __slots__ = ("_kept", "_last")

    def __init__(self) -> None:
        self._kept: Dict[Tuple, _Ready] = {}
        self._last = _NOTHING  # comparing with it costs less than a look-up, which hashes the whole key

    def find(self, x: Tensor, options: Tuple, weights: Weights) -> Optional[Call]:
        """Return the call for ``x``, or ``None`` if none is ready.

        ``options`` is all that the call depends on beside ``x`` and ``weights``. The caller has made sure that torch
        neither records nor transforms the call.
        """
        if torch.is_grad_enabled() or type(x) is not Tensor or x.layout is not torch.strided:
            return None
        key = (x.shape, x.stride(), x.dtype, x.device, options)
        found = self._last
        if found.key != key:
            there = self._kept.get(key)
            if there is None:
                return None
            self._last = found = there
        if found.holds(weights):
            return found.call
        self._forget()
        return None

    def keep(self, x: Tensor, options: Tuple, weights: Weights, used: Weights, call: Call) -> None:
        """Keep ``call``, found for ``x``, if the next one may use it: arguments as in :meth:`find`.

        ``used`` are the tensors ``call`` was made of. What a parametrization or a hook makes anew for each call is
        not among the layer's ``weights``: then nothing is kept.
        """
        if torch.is_grad_enabled() or type(x) is not Tensor or x.layout is not torch.strided:
            return
        if not all(one is None or any(one is weight for weight in weights) for one in used):
            return
        key = (x.shape, x.stride(), x.dtype, x.device, options)
        present = tuple(weight for weight in weights if weight is not None)
        if not all(map(is_counted, present)):
            return  # whether they have changed is found out in every call: see Packed
        if len(self._kept) >= MOST_CALLS:
            self._forget()
        aliases = [weight.detach() for weight in present]
        self._kept[key] = _Ready(key, tuple(weights), present, list(map(_VERSION, present)),
                                 list(map(_PLACE, present)), STEPS.count, aliases, call)

    def _forget(self) -> None:
        self._kept.clear()
        self._last = _NOTHING

    def __len__(self) -> int:
        return len(self._kept)

    def __copy__(self) -> "Prepared":
        return Prepared()

    def __deepcopy__(self, memo: Any) -> "Prepared":
        return Prepared()

    def __reduce__(self) -> Tuple:
        return Prepared, ()
