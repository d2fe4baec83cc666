"""What a meter said at one instant, and how that travels from the meter's process to the one that measures."""

from typing import Any, Dict, Mapping, NamedTuple, Optional

_NOTHING: Dict[str, float] = {}


class Reading(NamedTuple):
    """What a meter said at one instant of ``time.monotonic``. Empty or ``None``: it does not tell.

    ``power_w`` by rail; ``energy_j`` by counter, counted up since the meter was started, wrap-arounds
    taken out; ``temperature_c`` by zone; ``clock_hz`` by unit (``gpu``, ``cpu``).
    The mappings are never changed after the reading is made.
    """

    time_s: float
    power_w: Mapping[str, float] = _NOTHING
    energy_j: Mapping[str, float] = _NOTHING
    temperature_c: Mapping[str, float] = _NOTHING
    clock_hz: Mapping[str, float] = _NOTHING
    ram_used_bytes: Optional[int] = None


_KEYS = (("p", "power_w"), ("e", "energy_j"), ("c", "temperature_c"), ("f", "clock_hz"), ("r", "ram_used_bytes"))


def reading_to_dict(reading: Reading) -> Dict[str, Any]:
    """Return ``reading`` as short JSON data; what it lacks is left out."""
    data: Dict[str, Any] = {"t": reading.time_s}
    data.update((short, getattr(reading, long)) for short, long in _KEYS
                if getattr(reading, long) not in (None, {}))
    return data


def reading_from_dict(data: Dict[str, Any]) -> Reading:
    """Read back what :func:`reading_to_dict` made."""
    return Reading(data["t"], **{long: data[short] for short, long in _KEYS if short in data})
