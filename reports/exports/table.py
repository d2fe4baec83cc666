"""Every run's tidy table in one file: CSV, or Parquet where pyarrow is there. Columns: ``results/README.md``."""

import csv
import io
from typing import Any, Dict, List, Sequence

from harness import Run
from harness.notebook.frame import COLUMNS, Cells, rows
from harness.text import printable


class AbsentError(Exception):
    """A package that this export needs is not installed; the message is one sentence with the remedy."""


def make_csv(runs: Sequence[Run]) -> str:
    """Return all runs as one CSV table with a header; empty means not measured."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [column.name for column in COLUMNS], restval="", lineterminator="\n")
    writer.writeheader()
    for run in runs:
        writer.writerows(_guarded(row) for row in rows(run))
    return stream.getvalue()


def _guarded(row: Cells) -> Cells:
    """Return ``row`` with its texts fit for a terminal; those that a spreadsheet takes for a formula are marked."""
    return {key: printable("'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value)
            if isinstance(value, str) else value for key, value in row.items()}


def make_parquet(runs: Sequence[Run]) -> bytes:
    """Return all runs as one Parquet table; every column has its type whatever the runs hold, so files can be joined.

    Raises :class:`AbsentError` without pyarrow.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise AbsentError("Parquet files need pyarrow: install it with './run_bench.sh python -m pip install "
                          "pyarrow', or export to csv.") from None
    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([pyarrow.field(column.name, types[column.type], metadata={"meaning": column.meaning})
                             for column in COLUMNS])
    cells: Dict[str, List[Any]] = {column.name: [] for column in COLUMNS}
    for run in runs:
        for row in rows(run):
            for column in COLUMNS:
                value = row.get(column.name)
                cells[column.name].append(None if value is None else column.type(value))
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(cells, schema=schema), stream, compression="zstd")
    return stream.getvalue()
