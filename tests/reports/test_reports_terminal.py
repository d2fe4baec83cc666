import glob
import io
import os
import re
import subprocess
import sys

import pytest

from harness.record import load_run
from reports.formats.energy_words import joules_text
from reports.formats.terminal import LEAST_WIDTH, MOST_TABLES, coloured, print_report, terminal_text, width_of
from reports.formats.terminal_table import stacked
from reports.formats.texts import interval_text, median_text, speed_text
from reports.numbers import NARROW

REFERENCE = os.path.join(os.path.dirname(__file__), "..", "..", "results", "reference")


class Stream(io.StringIO):
    """A stream with the encoding of the console under test."""

    encoding = None

    def __init__(self, encoding):
        io.StringIO.__init__(self)
        self.encoding = encoding


def table_lines(text):
    units = r"\d (ms|us|\u00b5s|s|MB|GB)\b"
    return [line for line in text.split("\n") if re.search(units, line.replace(NARROW, " "))]


@pytest.mark.parametrize("name", ["nano", "sweep", "broken", "empty"])
def test_no_line_of_a_table_is_longer_than_80_columns(found, name):
    text = terminal_text(found[name], "results/x/report.html", 80)
    assert max(len(line) for line in text.split("\n")) <= 80


def too_long(text, width):
    """Lines beyond the width that could have been folded: more than one word after the indent."""
    return [line for line in text.split("\n") if len(line) > width and len(line.split()) > 1]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_table_wider_than_the_terminal_is_set_row_by_row(found, width):
    for name in ("nano", "sweep", "broken", "empty"):
        assert too_long(terminal_text(found[name], None, width), width) == [], name
    if width in (40, 120):
        assert ("\n  verdict " in terminal_text(found["nano"], None, width)) == (width == 40)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_runs_compared_and_engines_fit_the_terminal_too(width):
    from reports.findings import findings
    from reports.findings.compared import compared, summary_of
    from reports.formats.changes_text import changes_text

    kept = [sorted(glob.glob(os.path.join(REFERENCE, "*-{}-*".format(suite)))) for suite in ("layers", "runtimes")]
    assert too_long(changes_text(compared([summary_of(load_run(path)) for path in kept[0]]), width), width) == []
    assert too_long(terminal_text(findings(load_run(kept[1][-1]), published=()), None, width), width) == []


def test_a_row_keeps_its_cells_whole_as_long_as_they_fit():
    heads, cells = ("case", "speed", "interval", "note"), ("one case", "1.83x faster", "[1.80, 1.94]", "")
    assert stacked(heads, cells, 60) == "one case\n  speed 1.83x faster; interval [1.80, 1.94]"
    assert stacked(heads, cells, 30) == "one case\n  speed 1.83x faster\n  interval [1.80, 1.94]"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("unicode_", [True, False])
def test_no_number_is_ever_cut(found, width, unicode_):
    from reports.numbers import plain

    show = str if unicode_ else plain
    for name in found:
        text = terminal_text(found[name], None, width, unicode_)
        assert "\u2026" not in "".join(table_lines(text)) or name == "hostile"
        for table in found[name].tables:
            for row in table.rows:
                told = [speed_text(row), interval_text(row), median_text(row)]
                told += [joules_text(row.energy)] if table.has_energy else []
                assert all(show(number) in text for number in told if number), (name, row.id)


def test_an_ascii_console_gets_ascii(found):
    for name in found:
        stream = Stream("ANSI_X3.4-1968")
        print_report(found[name], "results/x/report.html", stream)
        stream.getvalue().encode("ascii")
    assert "+ 7 faster  - 6 slower  ? 1 cannot tell  ! 1 wrong" in terminal_text(found["nano"], None, 80, False)


def test_words_carry_the_verdicts_without_colour(found):
    text = terminal_text(found["nano"], None, 80, True, False)
    assert "\x1b" not in text
    assert "\u25b2 faster" in text and "\u25bc slower" in text and "? cannot tell" in text and "\u2715 wrong" in text


def test_a_terminal_gets_colour_and_the_same_words(found):
    text = terminal_text(found["nano"], None, 80, True, True)
    assert "\x1b[" in text
    bare = [line.rstrip() for line in re.sub("\x1b\\[[0-9;]*m", "", text).split("\n")]
    assert bare == terminal_text(found["nano"], None, 80, True, False).split("\n")


@pytest.mark.parametrize("environment, is_terminal, expected", [
    ({}, True, True), ({}, False, False), ({"NO_COLOR": ""}, True, True), ({"NO_COLOR": "1"}, True, False),
    ({"TERM": "dumb"}, True, False)])
def test_no_color_counts_only_when_it_holds_something(environment, is_terminal, expected):
    assert coloured(environment, is_terminal) is expected


@pytest.mark.parametrize("environment, columns, expected", [
    ({}, None, 80), ({"COLUMNS": "132"}, None, 132), ({}, 100, 100), ({"COLUMNS": "7"}, None, LEAST_WIDTH),
    ({"COLUMNS": "wide"}, None, 80)])
def test_the_width_is_columns_or_the_terminals_or_80(environment, columns, expected):
    assert width_of(environment, columns) == expected


def test_the_order_is_sentence_weakeners_tables_next_steps_and_the_page(found):
    text = terminal_text(found["broken"], "results/x/report.html", 80)
    places = [text.index(part) for part in ("On this Jetson Nano", "Validity warnings:", "A kill (against",
                                            "Peak memory", "Next steps:", "Report: results/x/report.html")]
    assert places == sorted(places)


def test_markup_and_control_characters_in_names_do_nothing(found):
    text = terminal_text(found["hostile"], None, 80)
    assert "\x1b" not in text
    assert "</script>" in text


def test_rich_is_imported_only_for_a_table():
    code = ("import sys, reports.formats.terminal, reports.formats.page, reports.__main__; "
            "sys.exit('rich' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_reports_never_import_torch_or_pandas():
    code = ("import sys, reports.__main__, reports.compare; "
            "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'matplotlib')))")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_name_folds_between_words_alone(tmp_path):
    from report_fixtures import RecordBuilder, comparison

    from reports.findings import findings

    names = ["convolution-channels-last compiled", "hadamard-two-stage-fused torch"]
    builder = RecordBuilder(tmp_path, [comparison("one", "64 channels", "conv3x3", names)])
    builder.verify("one")
    builder.time("one", {"conv3x3": 4e-3, "convolution-channels-last-compiled": 2e-3,
                         "hadamard-two-stage-fused-torch": 3e-3})
    found = findings(builder.load(), published=())
    for width in (40, 60, 80, 120):
        text = terminal_text(found, None, width)
        assert all(word in text for name in names for word in name.split()), width


@pytest.mark.parametrize("name, value, told", [
    ("roof.bytes_per_s", 59288885310.98144, "59.3\u202fGB/s"), ("roof.float32", {"bytes_per_s": 59288885310.98144},
                                                               "bytes_per_s 59.3\u202fGB/s"),
    ("roof.odd", 59288885310.98144, "59288885311"), ("cpu.load_1min", 0.123456789, "0.123457"),
    ("memory.sizes_bytes", [1e9, 2e9], "1.00\u202fGB, 2.00\u202fGB"), ("cpu.cores", 4, "4"), ("seed", 2 ** 60,
                                                                                         "1152921504606846976")])
def test_numbers_of_the_environment_are_written_for_people(name, value, told):
    from reports.wording import value_text

    assert value_text(value, name) == told


def test_what_was_not_checked_is_said_once(found):
    for name in found:
        text = " ".join(terminal_text(found[name], None, 120).split())
        assert "not checked: not checked" not in text
    assert "not checked: no reference is known for this layer" in " ".join(
        terminal_text(found["broken"], None, 120).split())


def test_of_very_many_comparisons_the_first_are_shown_and_the_others_counted(found):
    nano = found["nano"]
    many = nano._replace(tables=nano.tables * 300, memory_tables=nano.memory_tables * 300,
                         energy_tables=nano.energy_tables * 300)
    text = terminal_text(many, None, 100)
    left = len(many.tables) - MOST_TABLES
    assert "{} more tables not shown here".format(left) in text
    assert text.count("\nPeak memory: ") == MOST_TABLES and "not shown here" not in terminal_text(nano, None, 100)
