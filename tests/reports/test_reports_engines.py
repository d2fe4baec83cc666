"""The harder baseline: the fastest convolution of all engines stands against every layer, beside its own engine's."""

import pytest
from report_fixtures import RecordBuilder

from harness.plan import Case, Comparison
from harness.reasons import Code, because
from harness.record import CheckLine, CheckResult
from harness.words import State, Status
from reports.findings import findings
from reports.findings.rows import RowState
from reports.findings.tables import tables_of
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.sheets import sheets

SHAPE = (1, 64, 8, 8)
TIMES = {"conv-torch": 8e-3, "conv-alpha": 4e-3, "conv-beta": 2e-3, "conv-beta-int8": 1e-3, "wht-alpha": 1e-3,
         "wht-torch": 2e-3}


def case(layer, name, engine, **options):
    chosen = tuple(sorted(dict(options, engine=engine).items()))
    return Case(layer, name, "suites.layers:build", SHAPE, options=chosen)


CASES = (case("conv", "torch", "torch"), case("conv", "alpha", "alpha"), case("conv", "beta", "beta"),
         case("conv", "beta int8", "beta", arithmetic="int8"), case("wht", "alpha", "alpha"),
         case("wht", "torch", "torch"), case("wht", "gamma", "gamma"))
PLAN = Comparison("engines", "Engines", CASES[0], CASES[1:], apart=True, pairs=True)


@pytest.fixture
def run(tmp_path):
    builder = RecordBuilder(tmp_path, [PLAN])
    for one in PLAN.cases:
        absent = one.name == "wht gamma"
        builder.append(CheckLine("engines", PLAN.case_id(one), Status.OK, results=(CheckResult(
            PLAN.case_id(one), not absent, reason=because(
                Code.UNAVAILABLE, "gamma is not installed; pip install gamma") if absent else None),)))
    builder.time("engines", TIMES)
    return builder.load()


def test_the_table_is_against_the_fastest_convolution_of_all_engines_in_the_same_type(run):
    table, = tables_of(run)
    assert table.baseline == "conv beta"  # int8 is faster and another type
    speeds = {row.name: row.speed for row in table.rows if row.speed is not None}
    assert speeds["wht alpha"] == pytest.approx(2.0, rel=0.02)
    assert speeds["wht torch"] == pytest.approx(1.0, rel=0.02)
    assert speeds["conv torch"] == pytest.approx(0.25, rel=0.02)
    assert {row.name: row.state for row in table.rows}["wht torch"] in (RowState.SAME, RowState.CANNOT_TELL)


def test_beside_it_stands_the_fastest_convolution_of_the_layers_own_engine(run):
    engines, = findings(run, ()).engine_tables
    rows = {row.name: row for row in engines.rows}
    assert (engines.fastest, engines.engines) == ("conv beta", ("alpha", "beta", "torch"))
    assert rows["wht alpha"].own_baseline == "conv alpha" and rows["wht torch"].own_baseline == "conv torch"
    assert rows["wht alpha"].own.speed == pytest.approx(4.0, rel=0.02)
    assert rows["wht alpha"].fastest.speed == pytest.approx(2.0, rel=0.02)
    assert rows["wht torch"].own.state is State.FASTER and rows["wht torch"].fastest.state is not State.FASTER


def test_an_engine_that_is_absent_is_not_measured_and_never_called_wrong(run):
    table, = tables_of(run)
    row, = [row for row in table.rows if row.name == "wht gamma"]
    assert row.state is RowState.NOT_MEASURED
    assert (row.reason.code, row.reason.said) == (Code.UNAVAILABLE, "gamma is not installed; pip install gamma")


def test_every_ratio_names_the_engine_of_both_sides_in_every_format(run):
    found = findings(run, ())
    assert "conv beta" in found.headline.claims[0].baseline and "alpha" in found.headline.claims[0].hero
    sheet, = sheets(found)
    told = {row[0]: row for row in sheet.rows}
    for name, start, word in (("wht alpha", "\u25b2 ", "faster"), ("conv torch", "\u25bc ", "slower")):
        assert told[name][4].startswith(start) and told[name][4].count(word) == 1
    assert told["wht torch"][4][2:].startswith(("same, ", "cannot tell, "))
    assert told["wht alpha"][3].endswith("(against conv alpha)") and sheet.heads[4].endswith("of all, conv beta")
    for text in (markdown(found), render_page(found)):
        assert "Engine by engine" in text and "against conv alpha" in text.replace("\\", "")
        assert "gamma is not installed" in text


def test_a_comparison_whose_cases_are_not_held_against_each_other_keeps_its_baseline(tmp_path):
    builder = RecordBuilder(tmp_path, [PLAN._replace(pairs=False)])
    builder.verify("engines")
    builder.time("engines", TIMES)
    run = builder.load()
    assert tables_of(run)[0].baseline == "conv torch"
    assert findings(run, ()).engine_tables == ()
