"""The two halves of a run's summary as text, and back: its gist, and what stands in its own column.

Text that was not written by :func:`gist_text` and :func:`shown_text` says nothing: it is read as what it claims to be
or not at all, and what a comparison reckons with is held within the bounds that a record keeps.
"""

from typing import Dict, Iterable, NamedTuple, Optional, Tuple

from harness.record import Damage
from harness.rule import Rule
from harness.statistics.between_runs import MOST
from reports.findings.about import Device
from reports.findings.compared import CaseTable, Cell, Gist, Shown
from reports.findings.environment import Facts
from reports.findings.sides import Bases, Levels, Side, comparison_of
from reports.summaries.typed import UnfitError, read, text_of


class KeptLevels(NamedTuple):
    """The levels of one case in one cache state."""

    case: str
    cache: str
    levels: Levels


class KeptSide(NamedTuple):
    """A :class:`Side`, its levels as JSON can hold them."""

    run: str
    device: Device
    board: Tuple[Optional[str], ...]
    rule: Rule
    levels: Tuple[KeptLevels, ...]
    bases: Dict[str, Bases]


class KeptGist(NamedTuple):
    """A :class:`Gist`."""

    side: KeptSide
    facts: Facts
    damage: Damage


def gist_text(gist: Gist) -> Optional[str]:
    """Return ``gist`` as one line of text, ``None`` where it would not be read as it is.

    That is tried without the levels and bases, most of the text: they are numbers that were reckoned here and texts
    of the plan, which the schema has checked.
    """
    side = gist.side
    levels = tuple(KeptLevels(case, cache, one) for (case, cache), one in side.levels.items())
    kept = KeptSide(side.run, side.device, side.board, side.rule, (), {})
    without = gist._replace(side=side._replace(levels={}, bases={}))
    try:
        if read_gist(text_of(KeptGist(kept, gist.facts, gist.damage))) != without:
            return None
        return text_of(KeptGist(kept._replace(levels=levels, bases=side.bases), gist.facts, gist.damage))
    except ValueError:
        return None


def read_gist(text: Optional[str]) -> Optional[Gist]:
    """Return the gist in ``text``, ``None`` where there is none."""
    try:
        kept = None if text is None else read(text, KeptGist)
    except UnfitError:
        return None
    if kept is None or not _is_sensible(kept.side):
        return None
    side = Side(kept.side.run, kept.side.device, kept.side.board, kept.side.rule,
                {(one.case, one.cache): one.levels for one in kept.side.levels}, kept.side.bases)
    return Gist(side, kept.facts, kept.damage)


def _is_sensible(side: KeptSide) -> bool:
    levels = [one.levels for one in side.levels]
    return (0.0 < side.rule.factor <= MOST and all(base.forms for base in side.bases.values())
            and all(comparison_of(one.case) in side.bases for one in side.levels)
            and all(one.times and _are_logs(one.times) and all(map(_are_logs, one.advantages.values()))
                    for one in levels))


def _are_logs(values: Tuple[float, ...]) -> bool:
    return not values or min(values) >= -MOST and max(values) <= MOST


def shown_text(shown: Shown) -> Optional[str]:
    """Return ``shown`` as one line of text, ``None`` where it would not be read as it is."""
    try:
        text = text_of(shown)
    except ValueError:
        return None
    return text if read_shown(text) == shown else None


def read_shown(text: Optional[str]) -> Optional[Shown]:
    """Return what stands in a run's column from ``text``, ``None`` where there is no such thing."""
    try:
        shown = None if text is None else read(text, Shown)
    except UnfitError:
        return None
    return shown if shown is not None and all(key == table.key and _is_column(table)
                                              for key, table in shown.tables.items()) else None


def _is_column(table: CaseTable) -> bool:
    return (len(table.baselines) == 1 and [row.baseline for row in table.rows].count((True,)) == 1
            and all(len(row.baseline) == len(row.cells) == 1 and _are_positive(row.cells[0]) for row in table.rows))


def _are_positive(cell: Cell) -> bool:
    return all(_positive((cell.speed, cell.low, cell.high, cell.median_s, cell.own_speed, cell.own_low,
                          cell.own_high)))


def _positive(values: Iterable[Optional[float]]) -> Iterable[bool]:
    return (value is None or value > 0.0 for value in values)
