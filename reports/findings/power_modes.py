"""Speed against power over the power modes of a board, one run each, and who is on the Pareto line."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Reason
from harness.record import Run
from reports.findings.environment import text_of
from reports.findings.rows import Row, Table


class ModePoint(NamedTuple):
    """One case in one mode: images per second by the time pass, mean power (W) and joules per image under load.

    ``best`` tells that no other case in any mode is as fast with less power, or faster with as much; without power,
    for ``reason``, nothing can be told.
    """

    run: str
    mode: str
    case: str
    name: str
    baseline: bool
    images_per_s: float
    power_w: Optional[float]
    per_image_j: Optional[float]
    reason: Optional[Reason]
    best: bool = False


class ModeTable(NamedTuple):
    """One comparison in every mode, the modes in the order of the runs."""

    id: str
    title: str
    modes: Tuple[str, ...]
    points: Tuple[ModePoint, ...]

    @property
    def drawn(self) -> Tuple[ModePoint, ...]:
        """The points that have a power."""
        return tuple(point for point in self.points if point.power_w is not None)


def mode_of(run: Run) -> Optional[str]:
    """Return the power mode that the run was made in, ``None`` where the machine has none."""
    return text_of(run.environment.clocks, "power_mode")


def mode_tables(runs: Sequence[Run], tables: Sequence[Sequence[Table]]) -> Tuple[ModeTable, ...]:
    """Return a table for every comparison that was timed in two modes or more of one board, else none.

    ``tables`` holds the tables of each run. Runs of another board than the first's, or of no mode, are left out.
    """
    board = runs[0].environment.board.get("model")
    kept = [(run, mode, some) for run, some in zip(runs, tables) for mode in [mode_of(run)]
            if mode is not None and run.environment.board.get("model") == board]
    found: List[ModeTable] = []
    for key, title in _keys([some for _, _, some in kept]):
        points: List[ModePoint] = []
        for run, mode, some in kept:
            points += [point for table in some if table.main and table.key == key
                       for row in table.rows for point in [_point(run, mode, row)] if point is not None]
        modes = tuple(dict.fromkeys(point.mode for point in points))
        if len(modes) > 1:
            found.append(ModeTable(key, title, modes, pareto(points)))
    return tuple(found)


def _keys(tables: Sequence[Sequence[Table]]) -> List[Tuple[str, str]]:
    keys: Dict[str, str] = {}
    for some in tables:
        for table in some:
            if table.main:
                keys.setdefault(table.key, table.title)
    return list(keys.items())


def _point(run: Run, mode: str, row: Row) -> Optional[ModePoint]:
    if not row.median_s:
        return None
    line = run.energy(row.case)
    joules = None if line is None else line.energy_per_call_j
    power = None if line is None or joules is None else line.mean_w
    return ModePoint(run.id, mode, row.case, row.name, row.baseline, row.images / row.median_s, power,
                     None if joules is None else joules / row.images, row.energy.reason if power is None else None)


def pareto(points: Sequence[ModePoint]) -> Tuple[ModePoint, ...]:
    """Return ``points`` with those marked that no other one beats in speed and power at once."""
    known = [(point.power_w, point.images_per_s) for point in points if point.power_w is not None]

    def beaten(power: float, speed: float) -> bool:
        return any(watts <= power and fast >= speed and (watts < power or fast > speed) for watts, fast in known)

    return tuple(point._replace(best=point.power_w is not None and not beaten(point.power_w, point.images_per_s))
                 for point in points)
