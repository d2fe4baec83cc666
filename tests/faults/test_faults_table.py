"""The table of faults in the docs is that of the command, and a row that finds nothing to do is no pass."""

import io
import os

from fast_run import HERE

from tests.faults.__main__ import FAULTS, Fault, done, rows
from tests.faults.__main__ import tests as done_by


def documented():
    with io.open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in file if line.startswith("| ")]
    return {row[0]: (int(row[1]), int(row[2])) for row in rows[1:]}


def test_the_documented_table_has_every_fault_and_no_other():
    assert set(documented()) == {fault.name for fault in FAULTS}


def test_the_documented_table_says_that_each_was_done_and_nothing_lost():
    assert all(tries > 0 and lost == 0 for tries, lost in documented().values())


def test_a_row_that_breaks_or_has_nothing_to_do_counts_as_lost():
    assert done(Fault("none", done_by("faults/test_faults_table.py", k="no_such_test_at_all")), 0.1).count.lost == 1
    assert done(Fault("raises", lambda share: 1 / 0), 0.1).count.lost == 1


def test_rows_come_in_order_whichever_ends_first():
    # a fault that is not in the command's own list: its process ends with an error, which is a row too
    found = list(rows([Fault("one", None), Fault("two", None, True)], 0.1, 2))
    assert [row.fault.name for row in found] == ["one", "two"] and all(row.count.lost == 1 for row in found)
