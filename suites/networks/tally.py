"""What was counted of a network's run so far."""

from typing import List, NamedTuple, Optional, Tuple

from torch import nn


class LayerCount(NamedTuple):
    """One call of a layer: its name, itself, its multiply-accumulates."""

    name: str
    layer: nn.Module
    macs: int


class Tally:
    """The calls counted so far, the layers whose work no rule knows, and how deep the run is inside known layers."""

    def __init__(self) -> None:
        self.calls: List[LayerCount] = []
        self.unknown: List[Tuple[str, nn.Module]] = []
        self.depth = 0

    def macs_of(self, layer: nn.Module) -> Optional[int]:
        """Return the count of ``layer`` and what it is made of; ``None`` where a part has no rule."""
        parts = {id(part) for part in layer.modules()}
        if any(id(part) in parts for _, part in self.unknown):
            return None
        return sum(call.macs for call in self.calls if id(call.layer) in parts)
