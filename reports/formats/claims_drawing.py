"""What a claim's figure draws, for SVG and matplotlib alike: lines of text with a number, and the axis."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from harness.words import Word
from reports.findings.claim_tables import ClaimTable
from reports.findings.claims import COUNTS, SPEEDS, Claim
from reports.formats.claims_text import DASH, as_published, measured, quantity_text, where
from reports.formats.publication_drawing import FAR_APART
from reports.formats.svg.scales import linear_ticks, log_ticks
from reports.numbers import NARROW, TIMES, si, significant


class Axis(Word):
    """How the numbers of a figure are laid out."""

    SPEED = "speed"             # times as fast as the baseline, logarithmic
    RATIO = "ratio"             # times fewer than the baseline, logarithmic
    COUNT = "count"             # a count from zero
    FAR_COUNT = "far count"     # a count where no baseline is there to divide by, logarithmic
    SHARE = "share"             # percent saved, from zero


class Line(NamedTuple):
    """One line: ``series`` 0 is the published number, then the runs. ``value`` ``None`` is text alone."""

    series: int
    label: str
    value: Optional[float]
    low: Optional[float]
    high: Optional[float]
    text: str


class Group(NamedTuple):
    """The lines of one row of the table."""

    name: str
    lines: Tuple[Line, ...]


class Drawn(NamedTuple):
    """One figure; ``low`` to ``high`` is the axis, ``ticks`` its marks, ``none`` where no difference lies."""

    axis: Axis
    title: str
    groups: Tuple[Group, ...]
    low: float
    high: float
    ticks: Tuple[Tuple[float, str], ...]
    none: Optional[float]

    @property
    def unmarked(self) -> bool:
        """Whether a number stands there in words alone: nothing to divide it by, or zero on a logarithmic axis."""
        return any(line.value is None and line.text != DASH for group in self.groups for line in group.lines)

    @property
    def logarithmic(self) -> bool:
        """Whether equal steps are equal factors."""
        return self.axis in (Axis.SPEED, Axis.RATIO, Axis.FAR_COUNT)


def drawn(table: ClaimTable) -> Optional[Drawn]:
    """Return the figure of ``table``, ``None`` where nothing was measured to draw."""
    groups = _groups(table)
    values = [end for group in groups for line in group.lines for end in (line.value, line.low, line.high)
              if end is not None]
    if not any(line.series and line.value is not None for group in groups for line in group.lines):
        return None
    axis = axis_of(table.claim, values, all(_bases(table)))
    if axis is Axis.RATIO:
        groups = _as_ratios(table, groups)
        values = [line.value for group in groups for line in group.lines if line.value is not None]
    elif axis in (Axis.SPEED, Axis.FAR_COUNT):
        groups = [group._replace(lines=tuple(line if line.value is None or line.value > 0 else line._replace(
            value=None, low=None, high=None) for line in group.lines)) for group in groups]
        values = [value for value in values if value > 0]
    low, high = span(axis, values)
    marks = log_ticks(low, high) if axis in (Axis.SPEED, Axis.RATIO, Axis.FAR_COUNT) else linear_ticks(low, high)
    return Drawn(axis, title(table.claim, axis), tuple(groups), low, high,
                 tuple((mark, tick_text(axis, mark)) for mark in marks),
                 1.0 if axis in (Axis.SPEED, Axis.RATIO) else 0.0 if axis is Axis.SHARE else None)


def axis_of(claim: Claim, values: Sequence[float], with_baselines: bool) -> Axis:
    """Return the axis that ``values`` need: counts further apart than ten as ratios to their baselines."""
    if claim.quantity in SPEEDS:
        return Axis.SPEED
    if claim.quantity not in COUNTS:
        return Axis.SHARE
    if not min(values) <= 0 and max(values) <= FAR_APART * min(values):
        return Axis.COUNT
    return Axis.RATIO if with_baselines else Axis.FAR_COUNT


def span(axis: Axis, values: Sequence[float]) -> Tuple[float, float]:
    """Return the ends of the axis: room around all ``values``, and where no difference lies."""
    if axis is Axis.SPEED or axis is Axis.RATIO:
        least, most = min([1.0] + list(values)), max([1.0] + list(values))
        room = max(1.25, (most / least) ** 0.05)
        return least / room, most * room
    if axis is Axis.FAR_COUNT:
        return 0.7 * min(values), 1.4 * max(values)
    if axis is Axis.SHARE:
        return min([0.0] + [1.1 * value for value in values]), max([0.0] + list(values)) * 1.06 or 0.1
    return 0.0, 1.06 * max(values)


def tick_text(axis: Axis, mark: float) -> str:
    """Return a tick in words."""
    if axis in (Axis.SPEED, Axis.RATIO):
        return ("{:g}".format(mark) if mark < 1e4 else str(si(mark, "", 1)).replace(NARROW, "")) + TIMES
    if axis is Axis.SHARE:
        return "{}{}%".format(significant(100 * mark, 2) if mark else "0", NARROW)
    return str(si(mark, "", 2)).replace(".0" + NARROW, NARROW).rstrip(NARROW)


def title(claim: Claim, axis: Axis) -> str:
    """Return the title of the axis."""
    if axis is Axis.SPEED:
        return "times as fast as the baseline (log)"
    if axis is Axis.RATIO:
        return "times fewer than the baseline (log)"
    return quantity_text(claim) + (" (log)" if axis is Axis.FAR_COUNT else "")


def series_names(table: ClaimTable) -> List[str]:
    """Return a label for each run: its device, or where devices are alike the run (the caption names its device)."""
    names = [where(column) for column in table.columns]
    return [name if names.count(name) == 1 else column.run.about.run for name, column in zip(names, table.columns)]


def _groups(table: ClaimTable) -> List[Group]:
    """Return the lines of every row that is no baseline; counts show their baselines too."""
    claim, names = table.claim, series_names(table)
    found: List[Group] = []
    for index, row in enumerate(claim.rows):
        cells = [column.cells[index] for column in table.columns]
        if any(cell.baseline for cell in cells) and claim.quantity not in COUNTS:
            continue
        lines = [Line(0, "published", row.value, None, None, as_published(claim, row.value) or DASH)]
        lines += [Line(number, name, cell.value, cell.low, cell.high, measured(claim, cell))
                  for number, (name, cell) in enumerate(zip(names, cells), 1)]
        found.append(Group(row.name, tuple(lines)))
    return found


def _bases(table: ClaimTable) -> List[Optional[int]]:
    """Return for each row the index of the row of its baseline, ``None`` where the table has none."""
    rows = table.claim.rows
    found: List[Optional[int]] = []
    bases = [any(column.cells[index].baseline for column in table.columns) for index in range(len(rows))]
    for row in rows:
        found.append(next((number for number, (other, base) in enumerate(zip(rows, bases), 1)
                           if base and other.comparison == row.comparison), None))
    return found


def _as_ratios(table: ClaimTable, groups: Sequence[Group]) -> List[Group]:
    """Return every number as how many times fewer it is than its column's own baseline."""
    found = []
    for group, base in zip(groups, _bases(table)):
        whole = groups[(base or 1) - 1]
        if whole is not group:
            found.append(group._replace(lines=tuple(
                line._replace(value=top.value / line.value if top.value and line.value else None)
                for line, top in zip(group.lines, whole.lines))))
    return found
