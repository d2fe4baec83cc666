"""Findings without a character that could command a terminal: the gate between a record and every format."""

from enum import Enum
from typing import Any

from harness.text import printable


def cleaned(value: Any) -> Any:
    """Return ``value`` with every control character in its texts replaced: XML and terminals take none."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value if value.isprintable() else printable(value, keep="\n")
    if isinstance(value, dict):
        return {cleaned(key): cleaned(one) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make([cleaned(one) for one in value])
    if isinstance(value, (tuple, list)):
        return value if value and isinstance(value[0], float) else type(value)(cleaned(one) for one in value)
    return value
