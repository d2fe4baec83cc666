"""See how a network uses some of its layers during a run: called as layers, or their weights taken and used."""

import contextlib
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple, Type

import torch
from torch import nn

Shape = Optional[Tuple[int, ...]]


class Watch:
    """What was seen of one layer.

    ``calls`` of its forward, the shapes of the first input and of the output of each (``None`` where that is no
    tensor), the ``keywords`` of inputs given by name, the parameters that were ``read`` while its forward was not
    running, the names it was asked for in vain (``missing``), and the error its forward raised.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.inputs: List[Shape] = []
        self.outputs: List[Shape] = []
        self.keywords: Set[str] = set()
        self.read: Set[str] = set()
        self.missing: List[str] = []
        self.error: Optional[Exception] = None
        self.inside = 0


@contextlib.contextmanager
def watched(layers: Dict[str, nn.Module]) -> Iterator[Dict[str, Watch]]:
    """Watch ``layers`` by name inside the block; outside it they are as before."""
    seen = {name: Watch() for name in layers}
    classes = [(layer, type(layer)) for layer in layers.values()]
    try:
        for name, layer in layers.items():
            # Hooks would not see attributes; a class of its own for each instance sees both.
            layer.__class__ = _watching(type(layer), seen[name])
        yield seen
    finally:
        for layer, kind in classes:
            layer.__class__ = kind


def _watching(kind: Type[nn.Module], watch: Watch) -> Type[nn.Module]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch.calls += 1
        watch.inside += 1
        watch.keywords.update(kwargs)
        given = args[0] if args else next(iter(kwargs.values()), None)
        watch.inputs.append(_shape(given))
        try:
            result = kind.__call__(self, *args, **kwargs)
        except Exception as error:
            watch.error = error
            raise
        finally:
            watch.inside -= 1
        watch.outputs.append(_shape(result))
        return result

    def get(self: Any, name: str) -> Any:
        # torch's parametrized layers keep their weights one level down.
        if not watch.inside and (name in self._parameters or name == "parametrizations"):
            watch.read.add(name)
        try:
            return kind.__getattr__(self, name)
        except AttributeError:
            watch.missing.append(name)
            raise

    def describe(self: Any) -> str:
        watch.inside += 1  # print asks whether there is a bias, and uses none
        try:
            return kind.extra_repr(self)
        finally:
            watch.inside -= 1

    return type(kind.__name__, (kind,), {"__call__": call, "__getattr__": get, "extra_repr": describe,
                                         "__module__": kind.__module__})


def _shape(value: Any) -> Shape:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None
