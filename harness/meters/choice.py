"""Every meter there is, and which of them measures a quantity best on this machine.

A meter is one file with one class (see :mod:`harness.meters.base`) and one line here. A class is
imported only when it is asked for.
"""

import importlib
from typing import Callable, Dict, List, NamedTuple, Optional

from harness.meters.base import QUANTITIES, Availability, Meter, Sees
from harness.meters.handle import MeterHandle
from harness.record.lines import MeterStatus

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

FIRST_FOR = {"ram": "proc", "temperature": "proc", "clock": "proc"}
"""Where another meter than the first in the list suits better."""

FITS = {"cpu": (Sees.BOARD, Sees.CPU), "cuda": (Sees.BOARD, Sees.GPU)}
"""Whose power counts for a case on each device: the whole board's, or that of the part that computes."""


class Choice(NamedTuple):
    """The meter chosen for a quantity (``None``: none is available) and what was found out about each.

    ``reason`` is one sentence when there is no meter.
    """

    meter: Optional[MeterHandle]
    entries: List[MeterStatus]
    reason: Optional[str] = None


def make_meter(name: str, root: str = "/") -> Meter:
    """Return the meter ``name``. Raises ``ValueError`` with the known names."""
    if name not in METERS:
        raise ValueError("there is no meter '{}': choose one of {}".format(name, ", ".join(METERS)))
    module, _, cls = METERS[name].partition(":")
    return getattr(importlib.import_module(module), cls)(root)


def check_named(named: str, quantity: str, device: Optional[str] = None) -> None:
    """Raise ``ValueError`` in one sentence unless there is a meter ``named`` for ``quantity`` on ``device``.

    Nothing is read: whether it works on this machine shows only later.
    """
    meter = make_meter(named)
    if quantity not in meter.quantities:
        raise ValueError("meter '{}' does not measure {}: choose one of {}".format(
            named, quantity, ", ".join(name for name in METERS if quantity in make_meter(name).quantities)))
    misfit = _misfit(meter, device) if quantity == "power" else None
    if misfit is not None:
        raise ValueError("{}: {}".format(misfit.reason, misfit.remedy))


MakeMeter = Callable[[str, str], Meter]


def order(quantity: str) -> List[str]:
    """Return the names of all meters, best first, for ``quantity``."""
    first = FIRST_FOR.get(quantity)
    return ([first] if first else []) + [name for name in METERS if name != first]


def choose(quantity: str, named: Optional[str] = None, root: str = "/", device: Optional[str] = None,
           probed: Optional[Dict[str, Dict]] = None, thorough: bool = True, make: MakeMeter = make_meter) -> Choice:
    """Choose the best meter for ``quantity`` by a successful reading, or check the one ``named``.

    ``device`` is where the case runs (``cpu``, ``cuda``; ``None``: not said). The watts of another part of the
    machine are never taken for it: a meter that sees the GPU alone is refused for a case on the CPU, and the
    reverse. Every meter of the quantity is probed, so that every refusal can be shown (``thorough`` false: only
    until one works); ``probed`` keeps the answers between calls.
    A named meter that does not work is not replaced by another. ``make`` stands in for the meters in tests.
    Raises ``ValueError`` for a quantity or a name that does not exist.
    """
    if quantity not in QUANTITIES:
        raise ValueError("there is no quantity '{}': choose one of {}".format(quantity, ", ".join(QUANTITIES)))
    probed = {} if probed is None else probed
    if named is not None:
        check_named(named, quantity)
    chosen: Optional[Meter] = None
    entries = []
    for meter in [make(name, root) for name in order(quantity)]:
        if quantity not in meter.quantities or not thorough and (chosen or named not in (None, meter.name)):
            continue
        misfit = _misfit(meter, device) if quantity == "power" else None
        if misfit is None or thorough:  # a meter that is not here at all has that for its reason
            if meter.name not in probed:
                probed[meter.name] = meter.probe()
            found = probed[meter.name][quantity]
        if misfit is not None and (not thorough or found.available):
            found = misfit
        if found.available and chosen is None and named in (None, meter.name):
            chosen = meter
        entries.append(MeterStatus(meter.name, quantity, found.available, chosen is meter, found.reason, found.remedy,
                                   meter.sees.value if quantity == "power" and meter.sees else None))
    if chosen is None:
        return Choice(None, entries, _none(quantity, named, entries))
    return Choice(MeterHandle(chosen), entries)


def _misfit(meter: Meter, device: Optional[str]) -> Optional[Availability]:
    """Return why the watts of ``meter`` are not those of a case on ``device``, ``None`` if they are."""
    if device is None or meter.sees in FITS[device]:
        return None
    return Availability(False, "{} sees the {} alone, not what a case on {} draws".format(
        meter.name, "GPU" if meter.sees is Sees.GPU else "CPU package", device),
        "use it for a run with --device {}".format("cuda" if meter.sees is Sees.GPU else "cpu"))


def _none(quantity: str, named: Optional[str], entries: List[MeterStatus]) -> str:
    if named is None:
        return "no meter on this machine measures {}: 'doctor' lists each with its remedy".format(quantity)
    entry = next(entry for entry in entries if entry.name == named)
    return "meter {} was asked for but {}{}".format(
        named, entry.reason, ": " + entry.remedy if entry.remedy else "")


def survey(named: Optional[str] = None, root: str = "/", device: Optional[str] = None,
           make: MakeMeter = make_meter) -> List[MeterStatus]:
    """Return the entries of :func:`choose` for every quantity; each meter is probed once.

    ``named`` is the meter asked for power. For the record's ``meters`` section and for ``doctor``.
    """
    probed: Dict[str, Dict] = {}
    entries: List[MeterStatus] = []
    for quantity in QUANTITIES:
        entries += choose(quantity, named if quantity == "power" else None, root, device, probed, make=make).entries
    return entries
