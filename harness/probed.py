"""What the first worker of a session finds: torch, the GPU, the meters and optional parts, as types."""

from typing import Any, Dict, NamedTuple, Tuple

from harness.record.codec import Decoder
from harness.record.lines import MeterStatus, Section
from harness.rule import Rule


class Probed(NamedTuple):
    """The answer of the probe. ``torch`` has no ``version`` where it cannot be imported, ``gpu`` no ``name``.

    ``status`` is what optional parts said of themselves, by the name of the function asked. ``rule`` is the worker's.
    """

    torch: Section
    gpu: Section
    meters: Tuple[MeterStatus, ...] = ()
    status: Dict[str, Section] = {}
    rule: Rule = Rule()


def probed_of(payload: Dict[str, Any]) -> Probed:
    """Return the worker's JSON answer as a type; raises ``TypeError`` where a part of it lacks."""
    return Decoder().decode(Probed, payload)
