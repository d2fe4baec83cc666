"""A rule for surgery: which layers it replaces, which of those it must leave, and how it makes the new ones."""

import fnmatch
from typing import Any, Callable, List, Optional, Sequence, Union

from torch import nn

from suites.networks.table import Refused

Names = Union[None, str, Sequence[str]]
Make = Callable[[str, Any], nn.Module]
WILDCARDS = frozenset("*?[")


class LayerRule:
    """A rule in parts: ``kind(name, layer)`` tells what it is for, ``refuse`` what of that it cannot replace and why.

    ``begin()`` returns the function that makes the new layers of one network, in the order of the network; whatever
    it remembers from layer to layer starts afresh with each network. ``names`` is a pattern such as ``features.*``, a
    list of names and patterns, or ``None`` for every layer.
    """

    def __init__(self, kind: Callable[[str, nn.Module], bool], begin: Callable[[], Make], names: Names = None,
                 refuse: Optional[Callable[[str, Any], Optional[Refused]]] = None) -> None:
        self._kind, self._refuse = kind, refuse
        self.begin = begin
        self.names = [names] if isinstance(names, str) else None if names is None else list(names)

    @property
    def exact_names(self) -> List[str]:
        """The names given in full: each of these layers must be replaced."""
        return [name for name in self.names or () if not WILDCARDS & set(name)]

    def applies(self, name: str, layer: nn.Module) -> bool:
        """Return whether ``layer`` is named by the rule and of a kind that it replaces."""
        named = self.names is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in self.names)
        return named and self._kind(name, layer)

    def refusal(self, name: str, layer: nn.Module) -> Optional[Refused]:
        """Return why the rule leaves ``layer``, to which it applies; ``None`` if it does not."""
        return None if self._refuse is None else self._refuse(name, layer)

    def fits(self, name: str, layer: nn.Module) -> bool:
        """Return whether the rule would replace ``layer``."""
        return self.applies(name, layer) and self.refusal(name, layer) is None

    def __call__(self, name: str, layer: nn.Module) -> Optional[nn.Module]:
        """Return the new layer, or ``None`` to leave ``layer``."""
        return self.begin()(name, layer) if self.fits(name, layer) else None

    def only(self, names: Sequence[str]) -> "LayerRule":
        """Return the same rule for exactly these layers."""
        return LayerRule(self.applies, self.begin, list(names), self._refuse)
