"""Calls of a kernel made ready once for each kind of input: a look-up, a check of the weights, one call of C.

A small layer takes a few microseconds; asking each time what its input is, which form runs and where its packed
weights lie would take more than that. Only eager calls without a gradient are made ready: all others go through
torch as before.
"""

import ctypes
import functools
from operator import itemgetter
from typing import Any, Callable, Collection, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.handles import Handle
from suites.kernels.packed import STEPS, is_counted

#: A kernel's call for tensors of one shape, layout and type: from the input to a new output.
Call = Callable[[Tensor], Tensor]
Weights = Sequence[Optional[Tensor]]
#: A module's own attributes, its ``__dict__``: read there, each costs a fifth of the module's look-up.
Own = Dict[str, Any]
Held = Collection[Optional[Tensor]]
MOST_CALLS = 64
_STRIDED, _grad_enabled = torch.strided, torch.is_grad_enabled


def bound_call(forward: Callable[..., int], plan: Any, packed: Tensor, like: Tensor, shape: Sequence[int],
               contiguous: bool, order: torch.memory_format = torch.contiguous_format) -> Call:
    """Return the call of ``forward(plan, x, y, packed, threads)`` for an x like ``like`` into a new ``shape``.

    ``plan`` is an array of numbers or a plan's handle; the call keeps it and ``packed``. Where inputs are not
    ``contiguous``, copies of them are what the kernel reads; where they are as they come, the caller keeps away views
    that torch negates when it reads them, as the imaginary part of a conjugate, which lie apart in memory.
    ``order`` is that of the output.
    """
    address, weights, threads = plan_address(plan), packed.data_ptr(), torch.get_num_threads
    new = outputs(tuple(shape), strides_of(tuple(shape), order), like.dtype)

    def call(x: Tensor, _kept: Any = (plan, packed)) -> Tensor:
        if not contiguous:
            x = x.detach().contiguous()
        y = new()
        if forward(address, x.data_ptr(), y.data_ptr(), weights, threads()):
            raise MemoryError("no memory for the kernel's scratch: close other programs")
        return y

    return call


def strides_of(shape: Tuple[int, ...], order: torch.memory_format) -> Tuple[int, ...]:
    """Return the strides of a tensor of this shape in this memory order."""
    steps, step = [0] * len(shape), 1
    axes = range(len(shape)) if order is torch.contiguous_format else (0, 2, 3, 1)
    for axis in reversed(axes):
        steps[axis], step = step, step * max(shape[axis], 1)
    return tuple(steps)


#: What the code that torch compiles itself makes its outputs with, at two thirds of the price.
_EMPTY = getattr(getattr(getattr(torch._C, "_dynamo", None), "guards", None), "_empty_strided_cpu", None)


@functools.lru_cache(maxsize=1024)
def outputs(shape: Tuple[int, ...], strides: Tuple[int, ...], dtype: torch.dtype) -> Callable[[], Tensor]:
    """Return what makes new tensors on the CPU, whatever the default device, as cheaply as this torch can.

    The strides are those of a dense tensor.
    """
    if _EMPTY is not None:
        return functools.partial(_EMPTY, shape, strides, dtype)
    like = torch.empty_strided(shape, strides, dtype=dtype, device="cpu")
    (like.untyped_storage() if hasattr(like, "untyped_storage") else like.storage()).resize_(0)
    return functools.partial(torch.empty_like, like)  # half of what torch.empty takes to read a shape


def plan_address(plan: Any) -> int:
    """Return the address of a plan: that of its handle, or of an array of numbers."""
    return plan.pointer if isinstance(plan, Handle) else ctypes.addressof(plan)


class _Ready:
    __slots__ = ("shape", "stride", "dtype", "device", "settings", "weights", "steps", "aliases", "call")

    def __init__(self, x: Tensor, settings: Any, weights: Weights, call: Call) -> None:
        self.shape, self.dtype, self.device, self.settings, self.call = x.shape, x.dtype, x.device, settings, call
        self.stride = None if x.is_contiguous() else x.stride()  # of one element along an axis it may be any
        self.weights = [(weight, None, 0) if weight is None else (weight, weight._version, weight.data_ptr())
                        for weight in weights]
        self.steps = STEPS.count  # of optimizers by then
        # They keep the memory, so that no other weight can come to lie at the same place unseen.
        self.aliases = [weight.detach() for weight in weights if weight is not None]


def parameters(own: Own) -> Held:
    """Return the parameters of the module with these attributes, past its look-up."""
    return own["_parameters"].values()


def _kind(x: Tensor, settings: Any) -> Tuple:
    return x.shape, None if x.is_contiguous() else x.stride(), x.dtype, x.device, settings


class Prepared:
    """The calls of one layer that are ready. A copy or a pickle of it is empty: they belong to these weights here.

    A call is ready for as long as every weight is the same tensor with the same version counter at the same place and
    no optimizer made a step: see :mod:`suites.kernels.packed` for what that does not see. Threads may use it at once:
    a call never changes.

    ``settings`` are the names of the layer's attributes that its calls depend on beside the weights, ``held`` returns
    these, given the layer's attributes.
    """

    __slots__ = ("_kept", "_last", "_settings", "_settings_of", "_held")

    def __init__(self, settings: Tuple[str, ...], held: Callable[[Own], Held] = parameters) -> None:
        self._settings, self._held = settings, held
        self._settings_of = itemgetter(*settings)
        self._kept: Dict[Tuple, _Ready] = {}
        self._last: Optional[_Ready] = None  # comparing with it costs less than a look-up, which hashes the whole key

    def find(self, x: Tensor, own: Own) -> Optional[Call]:
        """Return the call for ``x`` of the layer with the attributes ``own``, or ``None`` if none is ready.

        The caller has made sure that torch neither records nor transforms the call.
        """
        if (_grad_enabled() or type(x) is not Tensor or x.layout is not _STRIDED or x.is_neg()
                or own["_forward_pre_hooks"]):  # what prunes a weight makes it so, of the parameter it was
            return None
        found, settings = self._last, self._settings_of(own)
        if (found is None or x.shape != found.shape or x.dtype is not found.dtype or settings != found.settings
                or (not x.is_contiguous() if found.stride is None else x.stride() != found.stride)
                or x.device != found.device):
            found = self._kept.get(_kind(x, settings))
            if found is None:
                return None
            self._last = found
        held = self._held(own)
        if found.steps == STEPS.count and len(held) == len(found.weights):
            for weight, (same, version, place) in zip(held, found.weights):
                if weight is not same:
                    break
                if weight is not None and (weight._version != version or weight.data_ptr() != place):
                    break
            else:
                return found.call
        self._forget()
        return None

    def keep(self, x: Tensor, own: Own, used: Weights, call: Call) -> None:
        """Keep ``call``, found for ``x``, if the next one may use it: arguments as in :meth:`find`.

        ``used`` are the tensors ``call`` was made of. What a parametrization or a hook makes anew for each call is
        not among the layer's weights: then nothing is kept.
        """
        if _grad_enabled() or type(x) is not Tensor or x.layout is not _STRIDED or x.is_neg():
            return
        weights = list(self._held(own))
        if not all(one is None or any(one is weight for weight in weights) for one in used):
            return
        if not all(weight is None or is_counted(weight) for weight in weights):
            return  # whether they have changed is found out in every call: see Packed
        if len(self._kept) >= MOST_CALLS:
            self._forget()
        settings = self._settings_of(own)
        self._kept[_kind(x, settings)] = _Ready(x, settings, weights, call)

    def _forget(self) -> None:
        self._kept.clear()
        self._last = None

    def __len__(self) -> int:
        return len(self._kept)

    def __copy__(self) -> "Prepared":
        return Prepared(self._settings, self._held)

    def __deepcopy__(self, memo: Any) -> "Prepared":
        return Prepared(self._settings, self._held)

    def __reduce__(self) -> Tuple:
        return Prepared, (self._settings, self._held)
