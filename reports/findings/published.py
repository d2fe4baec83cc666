"""Numbers other people published, beside the measured ones and never as ours."""

import csv
import glob
import io
import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.nearest import nearest
from harness.reasons import Reason
from harness.words import Word
from reports.findings.memory import CaseMemory, Kind
from reports.findings.published_memory import Shares, saving, shares
from reports.findings.rows import Row, Table

_REPORTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: In a checkout the published numbers lie with the results, in an installed package with the reports.
FOLDER = next((place for place in (os.path.join(os.path.dirname(_REPORTS), "results", "published"),
                                   os.path.join(_REPORTS, "published_numbers")) if os.path.isdir(place)),
              os.path.join(_REPORTS, "published_numbers"))
COLUMNS = ("comparison", "case", "quantity", "value", "unit", "device", "runtime", "protocol", "source", "note")


class Quantity(Word):
    """What a printed number is. ``results/published/README.md`` says the same."""

    TIME = "time_s"
    TEST_SET_TIME = "test_set_time_s"
    SPEED = "speed_ratio"
    CLAIMED_SPEED = "claimed_speed_ratio"
    MEMORY = "memory_bytes"
    MEMORY_SAVING = "memory_saving"
    PARAMETERS = "parameters"
    PARAMETER_SAVING = "parameter_saving"
    MACS = "macs_per_image"
    MAC_SAVING = "mac_saving"
    ACCURACY = "accuracy"


#: The units of each kind of quantity, and their size in its base unit.
TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 1024.0 ** 2}
FACTOR, PERCENT, COUNT = {"x": 1.0}, {"%": 0.01}, {"1": 1.0}
UNITS: Dict[Quantity, Dict[str, float]] = {
    Quantity.TIME: TIMES, Quantity.TEST_SET_TIME: TIMES, Quantity.SPEED: FACTOR, Quantity.CLAIMED_SPEED: FACTOR,
    Quantity.MEMORY: BYTES, Quantity.MEMORY_SAVING: PERCENT, Quantity.PARAMETERS: COUNT,
    Quantity.PARAMETER_SAVING: PERCENT, Quantity.MACS: COUNT, Quantity.MAC_SAVING: PERCENT,
    Quantity.ACCURACY: PERCENT}


class Lack(Word):
    """Why nothing measured stands beside a printed number, where no unit of work failed."""

    NOT_STATED = "not-stated"           # the layer does not say how many it has
    NOT_MEASURED = "not-measured"       # this harness does not measure the quantity


class Published(NamedTuple):
    """One printed number. ``value`` None means the source does not give it; ``note`` then says why."""

    comparison: str
    case: str
    quantity: Quantity
    value: Optional[float]
    unit: str
    device: str
    runtime: str
    protocol: str
    source: str
    note: str


class PublishedRow(NamedTuple):
    """A printed number of a case of this run; ``measured`` is in the published unit, or ``reason`` or ``lack``.

    A printed memory is that of a whole process, so that is what stands beside it; ``shares`` parts it, in base units
    (bytes, a share of one), heap by heap.
    """

    case: str
    name: str
    title: str
    printed: Published
    measured: Optional[float]
    reason: Optional[Reason] = None
    lack: Optional[Lack] = None
    shares: Tuple[Shares, ...] = ()


class PublishedError(Exception):
    """A file of published numbers that cannot be read; the message is one sentence with the remedy."""


def read_published(folder: str = FOLDER) -> List[Published]:
    """Return every row of ``folder``'s CSV files, in file and row order; none if there is no folder.

    Raises :class:`PublishedError` naming file and line where a row is not as the README there says.
    """
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "*.csv"))):
        with io.open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            if missing:
                raise PublishedError("{} line 1 lacks the column {}: add it".format(os.path.basename(path),
                                                                                  missing[0]))
            for row in reader:
                found.append(_published("{} line {}".format(os.path.basename(path), reader.line_num), row))
    return found


def _published(where: str, row: Dict[str, Optional[str]]) -> Published:
    fields = {column: (row[column] or "").strip() for column in COLUMNS}
    quantity, text = fields.pop("quantity"), fields.pop("value")
    words = [one.value for one in Quantity]
    if quantity not in words:
        raise PublishedError("{}: '{}' is no quantity: write {}".format(
            where, quantity, "'{}'".format(nearest(quantity, words)) if nearest(quantity, words) else
            "one of " + ", ".join(words)))
    kind = Quantity(quantity)
    if fields["unit"] not in UNITS[kind]:
        raise PublishedError("{}: '{}' is no unit of {}: write {}".format(where, fields["unit"], kind,
                                                                       " or ".join(sorted(UNITS[kind]))))
    try:
        value = float(text) if text else None
    except ValueError:
        raise PublishedError("{}: '{}' is no number: write digits, or leave it blank and say why in note".format(
            where, text)) from None
    if value is None and not fields["note"]:
        raise PublishedError("{} has neither a value nor a note: say in note why it is blank".format(where))
    return Published(quantity=kind, value=value, **fields)


def published_rows(tables: Sequence[Table], heaps: Sequence[Dict[str, CaseMemory]],
                   published: Sequence[Published]) -> Tuple[PublishedRow, ...]:
    """Return the printed numbers that belong to cases of this run, each with the measured one beside it.

    ``heaps`` hold the memory of every case on the usual heap, then that of some on another.
    """
    places = {row.case: (row, table) for table in tables if table.main for row in table.rows}
    found = []
    for one in published:
        ident = "{}/{}".format(one.comparison, one.case)
        if ident in places:
            row, table = places[ident]
            value, reason, lack = _measured(one, row, table.rows[0], heaps[0])
            if value is not None:
                value /= UNITS[one.quantity][one.unit]
            found.append(PublishedRow(ident, row.name, table.title, one, value, reason, lack,
                                      _shares(one, table, heaps)))
    return tuple(found)


def _shares(one: Published, table: Table, heaps: Sequence[Dict[str, CaseMemory]]) -> Tuple[Shares, ...]:
    if one.quantity not in (Quantity.MEMORY, Quantity.MEMORY_SAVING):
        return ()
    return shares(one.quantity is Quantity.MEMORY_SAVING, table.memory_kind or Kind.RSS,
                  "{}/{}".format(one.comparison, one.case), table.rows[0].case, heaps)


Answer = Tuple[Optional[float], Optional[Reason], Optional[Lack]]


def _measured(one: Published, row: Row, base: Row, memory: Dict[str, CaseMemory]) -> Answer:
    """Return what this run measured for ``one`` in its base unit, or why it has nothing."""
    if one.quantity is Quantity.TIME:                    # one call of ours is ten images, like their loop
        return row.median_s, row.reason, None
    if one.quantity in (Quantity.SPEED, Quantity.CLAIMED_SPEED):
        return row.speed, row.reason, None
    if one.quantity is Quantity.MACS:
        return _stated(None if row.macs is None else row.macs / float(row.images))
    if one.quantity is Quantity.PARAMETERS:
        return _stated(row.parameters)
    if one.quantity is Quantity.PARAMETER_SAVING:
        return _stated(saving(row.parameters, base.parameters))
    if one.quantity is Quantity.MAC_SAVING:
        return _stated(saving(row.macs, base.macs))
    if one.quantity in (Quantity.MEMORY, Quantity.MEMORY_SAVING):
        # the papers' RAM is that of the whole process, so the process's peak is what stands beside it
        own, other = memory[row.case].peak, memory[base.case].peak
        value = own.value if one.quantity is Quantity.MEMORY else saving(own.value, other.value)
        return value, None if value is not None else own.reason or other.reason, None
    return None, None, Lack.NOT_MEASURED


def _stated(value: Optional[float]) -> Answer:
    return value, None, Lack.NOT_STATED if value is None else None
