"""Findings without a character that could command a terminal: the gate between a record and every format."""

from enum import Enum
from typing import Any

from harness.text import printable

#: What most values are, and needs no cleaning.
PLAIN = frozenset([float, int, bool, type(None)])


def cleaned(value: Any) -> Any:
    """Return ``value`` with every control character in its texts replaced: XML and terminals take none."""
    if type(value) in PLAIN or isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value if value.isprintable() else printable(value, keep="\n")
    if isinstance(value, dict):
        return {cleaned(key): cleaned(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        if value and isinstance(value[0], float) and not hasattr(value, "_make"):
            return value
        inside = [one if type(one) in PLAIN else cleaned(one) for one in value]
        return value._make(inside) if hasattr(value, "_make") else type(value)(inside)
    return value
