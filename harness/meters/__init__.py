"""Sources of readings: power, energy, memory, clocks and temperatures.

A meter is one file with one class (see :mod:`harness.meters.base`) and one line here. A class is
imported only when it is asked for.
"""

import importlib
from typing import Any, Dict, List, NamedTuple, Optional

from harness.meters.base import QUANTITIES, Meter

METERS = {
    # the order is the order of preference
    "ina3221": "harness.meters.ina3221:Ina3221Meter",
    "tegrastats": "harness.meters.tegrastats:TegrastatsMeter",
    "jtop": "harness.meters.jtop:JtopMeter",
    "nvml": "harness.meters.nvml:NvmlMeter",
    "rapl": "harness.meters.rapl:RaplMeter",
    "proc": "harness.meters.proc:ProcMeter",
}
"""Name and class of every meter. Direct reading comes before helpers, whole boards before parts."""

FIRST_FOR = {("power", "cpu"): "rapl", ("ram", None): "proc", ("temperature", None): "proc", ("clock", None): "proc"}
"""Where another meter than the first in the list suits better: quantity and device."""

BOARD_METERS = ("ina3221", "tegrastats", "jtop")
"""Meters that see a whole board; no part's meter goes before them."""


class Choice(NamedTuple):
    """The meter chosen for a quantity (``None``: none is available) and what was found out about each.

    ``entries`` are dicts ``{"name", "quantity", "available", "chosen", "reason", "remedy"}``. ``reason``
    is one sentence when there is no meter.
    """

    meter: Optional[Meter]
    entries: List[Dict[str, Any]]
    reason: Optional[str] = None


def make_meter(name: str, root: str = "/") -> Meter:
    """Return the meter ``name``. Raises ``ValueError`` with the known names."""
    if name not in METERS:
        raise ValueError("there is no meter '{}': choose one of {}".format(name, ", ".join(METERS)))
    module, _, cls = METERS[name].partition(":")
    return getattr(importlib.import_module(module), cls)(root)


def check_named(named: str, quantity: str) -> None:
    """Raise ``ValueError`` in one sentence unless there is a meter ``named`` that measures ``quantity``."""
    if quantity not in make_meter(named).quantities:
        raise ValueError("meter '{}' does not measure {}: choose one of {}".format(
            named, quantity, ", ".join(name for name in METERS if quantity in make_meter(name).quantities)))


def order(quantity: str, device: Optional[str] = None) -> List[str]:
    """Return the names of all meters, best first, for ``quantity`` on ``device`` (``cpu``, ``cuda``, ``None``)."""
    first = FIRST_FOR.get((quantity, device)) or FIRST_FOR.get((quantity, None))
    names = list(METERS)
    if first is None:
        return names
    head = [name for name in BOARD_METERS if quantity == "power"] + [first]
    return head + [name for name in names if name not in head]


def choose(quantity: str, named: Optional[str] = None, root: str = "/", device: Optional[str] = None,
           probed: Optional[Dict[str, Dict]] = None, thorough: bool = True) -> Choice:
    """Choose the best meter for ``quantity`` by a successful reading, or check the one ``named``.

    Every meter of the quantity is probed, so that every refusal can be shown (``thorough`` false: only until
    one works); ``probed`` keeps the answers between calls.
    A named meter that does not work is not replaced by another. On a PC ``device``
    decides whether the processor (``cpu``: RAPL) or the GPU (NVML) is measured.
    Raises ``ValueError`` for a quantity or a name that does not exist.
    """
    if quantity not in QUANTITIES:
        raise ValueError("there is no quantity '{}': choose one of {}".format(quantity, ", ".join(QUANTITIES)))
    probed = {} if probed is None else probed
    meters = [make_meter(name, root) for name in order(quantity, device)]
    if named is not None:
        check_named(named, quantity)
    chosen: Optional[Meter] = None
    entries = []
    for meter in meters:
        if quantity not in meter.quantities or not thorough and (chosen or named not in (None, meter.name)):
            continue
        if meter.name not in probed:
            probed[meter.name] = meter.probe()
        found = probed[meter.name][quantity]
        if found.available and chosen is None and named in (None, meter.name):
            chosen = meter
        entries.append({"name": meter.name, "quantity": quantity, "available": found.available,
                        "chosen": chosen is meter, "reason": found.reason, "remedy": found.remedy})
    return Choice(chosen, entries, None if chosen else _none(quantity, named, entries))


def _none(quantity: str, named: Optional[str], entries: List[Dict[str, Any]]) -> str:
    if named is None:
        return "no meter on this machine measures {}: 'doctor' lists each with its remedy".format(quantity)
    entry = next(entry for entry in entries if entry["name"] == named)
    return "meter {} was asked for but {}{}".format(
        named, entry["reason"], ": " + entry["remedy"] if entry["remedy"] else "")


def survey(named: Optional[str] = None, root: str = "/", device: Optional[str] = None) -> List[Dict[str, Any]]:
    """Return the entries of :func:`choose` for every quantity; each meter is probed once.

    ``named`` is the meter asked for power. For the record's ``meters`` section and for ``doctor``.
    """
    probed: Dict[str, Dict] = {}
    entries: List[Dict[str, Any]] = []
    for quantity in QUANTITIES:
        entries += choose(quantity, named if quantity == "power" else None, root, device, probed).entries
    return entries
