"""Published numbers in words, and what was measured beside them."""

from typing import Optional

from reports.findings.published import BYTES, PERCENT, TIMES, UNITS, Published, PublishedRow, Quantity
from reports.findings.published_memory import Share, Shares
from reports.formats.memory_words import HEAPS, MEMORY
from reports.numbers import MINUS, NARROW, percent, seconds, significant, size, times
from reports.numbers import TIMES as TIMES_SIGN
from reports.wording import LACKS, reason_text

PUBLISHED_CAUTION = (
    "The published Jetson Nano numbers are TFLite on the CPU, batch 1 ten times in a Python loop, allocation inside "
    "the clock; they are not CUDA. They stand here as printed, from another runtime and another board.")


def value_with_unit(value: Optional[float], unit: str) -> Optional[str]:
    """Return a printed number with its unit, in the words of the report."""
    if value is None:
        return None
    if unit in TIMES:
        return seconds(value * TIMES[unit])
    if unit in BYTES:
        return size(value * BYTES[unit])
    if unit == "x":
        return times(value)
    if unit in PERCENT:
        return "{}{}%".format(significant(value, 4), NARROW)
    if value == int(value) and abs(value) < 1e12:
        return "{:,}".format(int(value)).replace(",", NARROW).replace("-", MINUS)
    return significant(value)


def as_printed(value: Optional[float], unit: str) -> Optional[str]:
    """Return a published number with its unit and no digit that its source does not have: ``75 %``, ``24x``."""
    if value is not None and unit in PERCENT:
        return "{:.4g}{}%".format(value, NARROW)
    if value is not None and unit == "x":
        return "{:.3g}{}".format(value, TIMES_SIGN)
    return value_with_unit(value, unit)


def printed_text(one: Published) -> Optional[str]:
    """Return the published number, ``None`` where the source gives none."""
    text = as_printed(one.value, one.unit)
    return text + " per test set" if text is not None and one.quantity is Quantity.TEST_SET_TIME else text


def measured_text(row: PublishedRow) -> Optional[str]:
    """Return what was measured beside a published number; a memory in its parts and heaps, each labelled."""
    if row.measured is None or not row.shares:
        return _in_unit(row, row.measured)
    return "; ".join(_of_heap(row, one) for one in row.shares)


def _of_heap(row: PublishedRow, one: Shares) -> str:
    """Return the process and the layer alone on one heap."""
    runtime = "" if one.runtime_bytes is None else " ({} of it the runtime: Python, torch and libraries)".format(
        size(one.runtime_bytes))
    return "{}: whole process {}{}, layer alone {} ({})".format(
        HEAPS[one.heap], _share(row, one.process), runtime, _share(row, one.own), MEMORY[one.kind][0])


def _share(row: PublishedRow, one: Share) -> str:
    if one.value is None:
        return "not measured"
    spread = "" if one.low is None or one.low == one.high else " [{}, {}]".format(
        *(_in_base_unit(row, end) for end in (one.low, one.high)))
    return "{}{}{}".format(_in_base_unit(row, one.value), spread, "" if one.state is None else ", " + one.state.value)


def _in_base_unit(row: PublishedRow, value: Optional[float]) -> Optional[str]:
    return _in_unit(row, None if value is None else value / UNITS[row.printed.quantity][row.printed.unit])


def _in_unit(row: PublishedRow, value: Optional[float]) -> Optional[str]:
    if value is not None and row.printed.quantity is Quantity.MEMORY_SAVING:
        return "{}{}%".format(percent(1 + value / 100, sign=False), NARROW)
    return value_with_unit(value, row.printed.unit)


def why_not_measured(row: PublishedRow) -> str:
    """Return why nothing stands beside a published number."""
    return LACKS[row.lack] if row.lack is not None else reason_text(row.reason)


def where_text(one: Published) -> str:
    """Return where and how a published number was taken."""
    where = ", ".join(part for part in (one.device, one.runtime) if part)
    return "; ".join(part for part in (where, one.protocol, one.source, one.note) if part)
