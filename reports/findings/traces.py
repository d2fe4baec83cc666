"""Power, clock and temperature of the energy passes, thinned for drawing, with the phases and their means."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case
from harness.record import EnergyLine, Phase, Run
from harness.words import Word
from reports.findings.rows import Table

BUCKETS = 120
DRAWN = 8           # traces on a page; the figures hold all
FELL = 0.95         # a clock below this share of its highest under load has fallen


class Channel(Word):
    """What a panel shows, under its name in the record."""

    POWER = "power_w"
    CLOCK = "clock_hz"
    TEMPERATURE = "temperature_c"


class PhaseKind(Word):
    """What a stretch of the energy pass is to the reader."""

    IDLE = "idle"
    LOAD = "load"
    BUSY = "busy"               # calls run, but they are not counted
    BETWEEN = "between"


class Stretch(NamedTuple):
    """A phase in seconds from the first reading; ``mean_w`` is known for idle phases and the load."""

    name: str
    kind: PhaseKind
    start_s: float
    end_s: float
    mean_w: Optional[float] = None


class Panel(NamedTuple):
    """One channel in its own unit, ``None`` where nothing was read."""

    channel: Channel
    values: Tuple[Optional[float], ...]


class ClockDrop(NamedTuple):
    """Where the clock fell by more than 5 % under load."""

    time_s: float
    high_hz: float
    low_hz: float


class Trace(NamedTuple):
    """The readings of one energy pass; ``drawn`` of its ``readings`` are kept. ``chosen`` ones stand in the page."""

    case: str
    name: str
    title: str
    time_s: Tuple[float, ...]
    panels: Tuple[Panel, ...]
    phases: Tuple[Stretch, ...]
    drop: Optional[ClockDrop]
    readings: int
    meter: Optional[str]
    rail: Optional[str]
    chosen: bool = False
    by_turns: bool = False      # of all cases of the comparison, not of this one alone

    @property
    def source(self) -> str:
        """Meter and rail."""
        return " ".join(part for part in (self.meter, self.rail) if part)


def kept_places(channels: Sequence[Sequence[Optional[float]]], length: int, buckets: int = BUCKETS) -> List[int]:
    """Return the places to draw: per bucket of readings the lowest and the highest of every channel, in order."""
    if length <= 3 * buckets:
        return list(range(length))
    kept = {0, length - 1}
    for bucket in range(buckets):
        places = range(bucket * length // buckets, (bucket + 1) * length // buckets)
        for values in channels:
            known = [place for place in places if values[place] is not None]
            if known:
                kept.add(min(known, key=lambda place, v=values: v[place]))   # type: ignore[misc]
                kept.add(max(known, key=lambda place, v=values: v[place]))   # type: ignore[misc]
    return sorted(kept)


def trace_of(case: Case, title: str, line: Optional[EnergyLine]) -> Optional[Trace]:
    """Return the thinned traces of one energy pass, ``None`` if it recorded none."""
    if line is None or line.traces is None or len(line.traces.time_s) < 2:
        return None
    times = line.traces.time_s
    raw: List[Tuple[Channel, Sequence[Optional[float]]]] = []
    for channel in Channel:
        values = getattr(line.traces, channel.value)
        if len(values) == len(times) and any(value is not None for value in values):
            raw.append((channel, values))
    if not raw:
        return None
    zero, power = times[0], dict(raw).get(Channel.POWER)
    phases = tuple(_stretch(phase, times, power) for phase in line.phases
                   if phase.start_s < times[-1] and (phase.end_s is None or phase.end_s > zero))
    places = kept_places([values for _, values in raw], len(times))
    panels = tuple(Panel(channel, tuple(_short(values[i]) for i in places)) for channel, values in raw)
    return Trace(line.case, case.name, title, tuple(round(times[i] - zero, 3) for i in places), panels, phases,
                 clock_drop(times, dict(raw).get(Channel.CLOCK), phases, zero), len(times), line.meter, line.rail,
                 by_turns=bool(line.windows))


def _stretch(phase: Phase, times: Sequence[float], power: Optional[Sequence[Optional[float]]]) -> Stretch:
    name = phase.name.replace("-", " ")
    kind = (PhaseKind.LOAD if name == "load" else PhaseKind.IDLE if name.split(" ")[0] == "idle" else
            PhaseKind.BUSY if name in ("warm up", "run out") else PhaseKind.BETWEEN)
    start, end = phase.start_s - times[0], (times[-1] if phase.end_s is None else phase.end_s) - times[0]
    mean = None
    if power is not None and kind in (PhaseKind.LOAD, PhaseKind.IDLE):
        inside = [value for time, value in zip(times, power) if value is not None and start <= time - times[0] < end]
        mean = sum(inside) / len(inside) if inside else None
    return Stretch(name, kind, start, end, mean)


def _short(value: Optional[float]) -> Optional[float]:
    return None if value is None else float("{:.5g}".format(value))


def clock_drop(times: Sequence[float], clock: Optional[Sequence[Optional[float]]], phases: Sequence[Stretch],
               zero: float) -> Optional[ClockDrop]:
    """Return where the clock fell by more than 5 % under load, ``None`` if it did not or was not read."""
    if not clock:
        return None
    for phase in phases:
        if phase.kind is not PhaseKind.LOAD:
            continue
        top = 0.0
        for time, value in zip(times, clock):
            if value is None or not phase.start_s + 0.2 <= time - zero < phase.end_s - 0.2:
                continue
            if value < FELL * top:
                return ClockDrop(time - zero, top, value)
            top = max(top, value)
    return None


def traces(run: Run, tables: Sequence[Table], most: int = DRAWN) -> Tuple[Trace, ...]:
    """Return every trace; with many, only the baseline and the fastest of each table are ``chosen``."""
    titles = {row.case: table.title for table in tables for row in table.rows}
    known: Dict[str, Trace] = {}
    for place in run.places():
        one = trace_of(place.case, titles.get(place.id, ""), run.energy(place.id))
        if one is not None:
            known[place.id] = one
    chosen = set(known)
    if len(known) > most:
        wanted: List[str] = []
        for table in tables:
            if table.main:
                wanted.extend([row.case for row in table.rows if row.case in known][:2])
        chosen = set(wanted[:most])
    return tuple(one._replace(chosen=ident in chosen) for ident, one in known.items())
