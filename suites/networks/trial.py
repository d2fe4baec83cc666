"""Make the new layers, put them in on trial, run the network: all of them stay, or none."""

import contextlib
import itertools
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from torch import nn

from suites.networks.describe import describe
from suites.networks.macs import counting
from suites.networks.sample import Example, run
from suites.networks.slots import Slot, below
from suites.networks.table import Refusal, Refused
from suites.networks.tally import Tally
from suites.networks.uses import Places, uses_of
from suites.networks.watch import Watch, watched

Layers = Dict[str, nn.Module]


def make_layers(old: Layers, make: Callable[[str, nn.Module], nn.Module]) -> Layers:
    """Return a new layer for each of ``old`` by name, in its device, dtype and mode."""
    new: Layers = {}
    for name, layer in old.items():
        with naming(name, layer):
            with _evaluating(layer):
                new[name] = make(name, layer)
            _match(new[name], layer)
    return new


@contextlib.contextmanager
def _evaluating(layer: nn.Module) -> Iterator[None]:
    """Keep a weight that is made anew for every reader (under a spectral norm) from being changed by one."""
    modes = [(part, part.training) for part in layer.modules()]
    try:
        layer.eval()
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextlib.contextmanager
def naming(name: str, layer: nn.Module) -> Iterator[None]:
    """Turn any error into a ``ValueError`` that names the layer."""
    try:
        yield
    except Exception as error:
        raise ValueError("layer '{}' ({}) cannot be replaced: {}".format(name, describe(layer), error)) from error


@contextlib.contextmanager
def placed(places: Sequence[Slot], old: Layers, new: Layers) -> Iterator[Callable[[], None]]:
    """Put the new layers in; at the end of the block they go out again unless the function given was called."""
    becomes = {id(layer): new[name] for name, layer in old.items()}
    changed = [slot for slot in places if id(slot.layer) in becomes]
    kept: List[bool] = []
    try:
        for slot in changed:
            slot.parent._modules[slot.short] = becomes[id(slot.layer)]
        yield lambda: kept.append(True)
    finally:
        if not kept:
            for slot in changed:
                slot.parent._modules[slot.short] = slot.layer


def first_run(network: nn.Module, example: Example, old: Layers) -> Tuple[Dict[str, Watch], Tally]:
    """Run the network as it is; return how it uses the layers ``old`` and the counts. Raises ``ValueError``."""
    try:
        with watched(old) as used:
            tally = _watched_run(network, example)
        return used, _count(network, example) if tally is None else tally
    except Exception as error:
        raise ValueError("{} does not run on the example: {}".format(type(network).__name__, error)) from error


def trial_run(network: nn.Module, example: Example, old: Layers, new: Layers,
              used: Dict[str, Watch]) -> Tuple[List[Refusal], Tally]:
    """Run the network with ``new`` in place of ``old``; return those of ``old`` that it still uses, and the counts.

    Raises ``ValueError``, naming the layer, if it does not run or a new layer's output has another shape.
    """
    # A rule may give one layer for several places, and may keep the old layer inside the new one.
    first = {id(layer): name for name, layer in reversed(list(new.items()))}
    kept = below(list(new.values()))
    gone = {name: layer for name, layer in old.items() if id(layer) not in kept}
    with watched({name: new[name] for name in first.values()}) as seen, watched(gone) as still:
        try:
            tally = _watched_run(network, example)
        except Exception as error:
            raise ValueError(_why(error, old, new, seen, used)) from error
    for name, watch in seen.items():
        if _differs(watch, used[name]):
            raise ValueError(_shapes(name, old, new, watch, used[name]))
    left = [Refusal(name, describe(layer), Refused.BYPASSED) for name, layer in old.items()
            if not seen[first[id(new[name])]].calls or name in still and still[name].calls]
    return left or _still_used(network, example, old, new), _count(network, example) if tally is None else tally


def _still_used(network: nn.Module, example: Example, old: Layers, new: Layers) -> List[Refusal]:
    """Return those of ``old``, no longer in the network, whose weights a run still uses."""
    # What a new layer took over it may use.
    taken = Places(dict(enumerate(tensor for layer in new.values()
                                  for tensor in itertools.chain(layer.parameters(), layer.buffers()))))
    gone = {(name, short): tensor for name, layer in old.items()
            for short, tensor in itertools.chain(layer.named_parameters(), layer.named_buffers())
            if not taken.of(tensor)}
    with uses_of(gone) as seen:
        run(network, example)
    return [Refusal(name, describe(layer), Refused.READ_ELSEWHERE,
                    ", ".join(sorted(short for owner, short in seen if owner == name)))
            for name, layer in old.items() if any(owner == name for owner, _ in seen)]


def _watched_run(network: nn.Module, example: Example) -> Optional[Tally]:
    """Run the network as it would run unwatched; return the counts, ``None`` where they need a run of their own."""
    # Counting takes hooks, and torch's attention and encoder layers take another path where there are some.
    if any(isinstance(layer, nn.MultiheadAttention) for layer in network.modules()):
        run(network, example)
        return None
    return _count(network, example)


def _count(network: nn.Module, example: Example) -> Tally:
    with counting(network) as tally:
        run(network, example)
    return tally


def _why(error: Exception, old: Layers, new: Layers, seen: Dict[str, Watch], used: Dict[str, Watch]) -> str:
    for name, watch in seen.items():
        if watch.error is not None:
            return "layer '{}' ({}) cannot be replaced: {} fails on the example: {}".format(
                name, describe(old[name]), type(new[name]).__name__, watch.error)
    for name, watch in seen.items():
        if _differs(watch, used[name]):
            return _shapes(name, old, new, watch, used[name])
    for name, watch in seen.items():
        if isinstance(error, AttributeError) and watch.missing:
            return "layer '{}' ({}) cannot be replaced: the network asks it for '{}', which {} does not have".format(
                name, describe(old[name]), watch.missing[-1], type(new[name]).__name__)
    return "the network does not run with new layers for {}: {}".format(", ".join(new), error)


def _differs(now: Watch, before: Watch) -> bool:
    return any(one != other for one, other in zip(now.outputs, before.outputs))


def _shapes(name: str, old: Layers, new: Layers, now: Watch, before: Watch) -> str:
    pair = next(pair for pair in zip(now.outputs, before.outputs) if pair[0] != pair[1])
    return "layer '{}' ({}) cannot be replaced: {} gives {} where it gave {}".format(
        name, describe(old[name]), type(new[name]).__name__, *pair)


def _match(new: nn.Module, old: nn.Module) -> None:
    """Bring ``new`` to the device, dtype, memory format and mode of ``old``."""
    tensor = next(iter(old.parameters()), None)
    if tensor is not None:
        new.to(device=tensor.device, dtype=tensor.dtype)
        if tensor.dim() == 4 and not tensor.is_contiguous():
            new.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    new.train(old.training)
