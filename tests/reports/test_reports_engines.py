"""The harder baseline: the fastest convolution of all engines stands against every layer, beside its own engine's."""

import csv
import io
import json

import pytest
from report_fixtures import RecordBuilder

from harness import load_run
from harness.plan import Case, Comparison
from harness.reasons import Code, because
from harness.record import CheckLine, CheckResult
from harness.words import State, Status
from reports.exports import github_action
from reports.findings import findings
from reports.findings.changes import changes
from reports.findings.compared import compared, summary_of
from reports.findings.rows import RowState
from reports.findings.sides import side_of
from reports.findings.tables import tables_of
from reports.formats.changes_text import changes_text
from reports.formats.compare_files import csv_text
from reports.formats.compare_sheets import device_sheet
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.sheets import sheets
from reports.formats.tables import speed_csv

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


def test_memory_is_held_against_the_fastest_engine_as_well_though_it_has_no_second_copy(tmp_path):
    builder = RecordBuilder(tmp_path, [PLAN], memory_repeats=3)
    builder.verify("engines")
    builder.time("engines", TIMES)
    builder.memory("engines", {"conv-torch": 90_000_000, "conv-beta": 50_000_000, "wht-alpha": 20_000_000}, repeats=3)
    told = {row.name: row.memory.verdict for row in tables_of(builder.load())[0].rows}
    assert (told["wht alpha"].state, told["wht alpha"].difference) == (State.SMALLER, -30_000_000)
    assert told["conv torch"].state is State.LARGER and told["conv beta"] is None


# The same denominators for whoever works with the run by hand, exports it, or compares it ---------------------

def by_case(frame):
    """The row of the first launch's times of every case."""
    times = frame[(frame["pass"] == "time") & (frame["launch"] == 1)]
    return {row["case"].split("/")[1]: row for _, row in times.iterrows()}


def test_a_notebooks_verdicts_are_the_pages_and_those_of_the_own_engine_can_be_asked_for(run):
    run = load_run(run.folder)
    table, = tables_of(run)
    page = {row.case: row.verdict for row in table.rows if row.verdict is not None}
    told = run.verdicts()
    assert {case: one for (case, _), one in told.items()} == page
    assert {one.baseline for one in told.values()} == {"engines/conv-beta"}
    own = {case.split("/")[1]: (one.baseline.split("/")[1], one.speed)
           for (case, _), one in run.verdicts(own_engine=True).items()}
    assert own == {"wht-alpha": ("conv-alpha", pytest.approx(4.0, rel=0.02)),
                   "wht-torch": ("conv-torch", pytest.approx(4.0, rel=0.02)),
                   "conv-beta-int8": ("conv-beta", pytest.approx(2.0, rel=0.02))}
    shown = run._repr_html_()
    assert shown.count("<td>conv beta</td>") == len(told)  # as what each is held against, and no row of its own
    assert "<td>conv torch</td>" in shown


def test_the_frame_names_both_denominators_of_every_ratio(run):
    pytest.importorskip("pandas")
    rows = by_case(load_run(run.folder).to_frame())
    assert [name for name, row in rows.items() if row["baseline"]] == ["conv-beta"]
    wht, base, int8 = rows["wht-alpha"], rows["conv-beta"], rows["conv-beta-int8"]
    assert (wht["engine"], wht["against"], wht["own_against"]) == ("alpha", "engines/conv-beta", "engines/conv-alpha")
    assert wht["speed"] == pytest.approx(2.0, rel=0.02) and wht["own_speed"] == pytest.approx(4.0, rel=0.02)
    assert wht["own_speed_low"] < wht["own_speed"] < wht["own_speed_high"] and wht["own_verdict"] == "faster"
    assert base[["against", "own_against", "verdict", "own_speed"]].isnull().all()
    assert (int8["against"], int8["own_against"]) == ("engines/conv-beta", "engines/conv-beta")


def test_without_engines_there_is_one_denominator_and_no_other_is_made_up(tmp_path):
    pytest.importorskip("pandas")
    builder = RecordBuilder(tmp_path, [PLAN._replace(pairs=False)])
    builder.verify("engines")
    builder.time("engines", TIMES)
    run = load_run(builder.load().folder)
    assert run.verdicts(own_engine=True) == run.verdicts()
    rows = by_case(run.to_frame())
    assert rows["wht-alpha"]["against"] == "engines/conv-torch" and rows["conv-torch"]["baseline"]
    assert not any(isinstance(row["own_against"], str) for row in rows.values())


def test_the_tables_as_csv_and_the_export_of_medians_name_both(run):
    rows = {row["case"]: row for row in csv.DictReader(io.StringIO(speed_csv(findings(run, ()))))}
    wht = rows["engines/wht-alpha"]
    assert (wht["against"], wht["own_against"], wht["own_verdict"]) == ("conv beta", "conv alpha", "faster")
    assert float(wht["own_speed_ratio"]) == pytest.approx(4.0, rel=0.02)
    extra = {one["name"]: one["extra"] for one in json.loads(github_action.make(load_run(run.folder)))}
    assert "the speed of engines/conv-beta\n" in extra["engines/wht-alpha"]
    assert extra["engines/wht-alpha"].endswith("the speed of engines/conv-alpha")
    assert extra["engines/conv-beta-int8"].count("the speed of") == 1


def engines_run(folder, ident, seed=1, **times):
    builder = RecordBuilder(folder, [PLAN], ident=ident, seed=seed)
    builder.verify("engines")
    builder.time("engines", {name: value for name, value in dict(TIMES, **times).items() if value}, effect=0.003)
    builder.end()
    return builder.load()


@pytest.fixture
def old(tmp_path):
    return engines_run(tmp_path / "old", "old")


def changed(first, second):
    return changes(side_of(first), side_of(second))


def test_two_runs_are_compared_over_the_same_denominators(old, tmp_path):
    found = changed(old, engines_run(tmp_path / "new", "new", seed=2))
    cases = {one.name: one for one in found.cases}
    assert found.moved == ()
    wht = cases["wht alpha"]
    assert (wht.against, wht.own_against) == ("conv beta", "conv alpha")
    assert wht.advantages == pytest.approx((2.0, 2.0), rel=0.02)
    assert wht.own_advantages == pytest.approx((4.0, 4.0), rel=0.02)
    assert cases["conv beta"].baseline and cases["conv beta"].advantage is None
    assert cases["conv torch"].advantages == pytest.approx((0.25, 0.25), rel=0.02)


def test_an_engine_that_became_the_fastest_changes_no_advantage_silently(old, tmp_path):
    """alpha's convolution overtakes beta's: what the layer is compared over stays, and the reader is told."""
    new = engines_run(tmp_path / "new", "new", seed=2, **{"conv-alpha": 1.5e-3})
    found = changed(old, new)
    cases = {one.name: one for one in found.cases}
    assert [(one.engine, one.first, one.second, one.against) for one in found.moved] == [
        (None, "conv beta", "conv alpha", "conv beta")]
    wht = cases["wht alpha"]
    assert wht.against == "conv beta" and wht.advantages == pytest.approx((2.0, 2.0), rel=0.02)
    assert wht.advantage.state in (State.SAME, State.UNCHANGED)
    assert wht.own_advantages == pytest.approx((4.0, 1.5), rel=0.02) and wht.own_advantage.state is State.SLOWER
    text = " ".join(changes_text(compared([summary_of(old), summary_of(new)]), width=200).split())
    assert ("Engines: the fastest conv of all engines is conv beta in the old run and conv alpha in the new one; "
            "both advantages are over conv beta.") in text


def test_a_fastest_engine_that_the_new_run_lacks_gives_way_to_the_next_and_it_is_said(old, tmp_path):
    found = changed(old, engines_run(tmp_path / "new", "new", seed=2, **{"conv-beta": None, "conv-beta-int8": None}))
    moved, = found.moved
    assert (moved.first, moved.second, moved.against) == ("conv beta", "conv alpha", "conv alpha")
    wht, = [one for one in found.cases if one.name == "wht alpha"]
    assert wht.against == "conv alpha" and wht.advantages == pytest.approx((4.0, 4.0), rel=0.02)


def test_side_by_side_each_run_names_its_own_fastest(old, tmp_path):
    new = engines_run(tmp_path / "new", "new", seed=2, **{"conv-alpha": 1.5e-3})
    found = compared([summary_of(old), summary_of(new)])
    table, = found.tables
    assert table.baselines == ("conv beta", "conv alpha")
    sheet = device_sheet(found, table)
    assert sheet.title == "Engines (each run against its own fastest: conv beta | conv alpha)"
    wht, = [row for row in sheet.rows if row[0] == "wht alpha"]
    assert "against conv beta" in wht[1] and "against conv alpha" in wht[1] and "against conv alpha" in wht[2]
    assert all(one.name in ("wht alpha", "conv beta int8") for one in found.winners[0].cells)  # a tie
    rows = {(row["run"], row["name"]): row for row in csv.DictReader(io.StringIO(csv_text(found)))}
    assert [(rows[ident, "wht alpha"]["against"], rows[ident, "wht alpha"]["change_against"])
            for ident in ("old", "new")] == [("conv beta", ""), ("conv alpha", "conv beta")]
    assert float(rows["new", "wht alpha"]["own_change"]) == pytest.approx(1.5 / 4.0, rel=0.02)
    assert rows["new", "wht alpha"]["own_change_against"] == "conv alpha"
    assert (rows["old", "conv beta"]["baseline"], rows["new", "conv beta"]["baseline"]) == ("True", "False")


def test_a_report_of_two_runs_names_the_fastest_of_each(old, tmp_path):
    new = engines_run(tmp_path / "new", "new", seed=2, **{"conv-alpha": 1.5e-3})
    devices = findings(old, (), [new]).devices
    assert devices.tables[0].baselines == ("conv beta", "conv alpha")
    assert {"conv beta", "conv alpha"} <= {row.name for row in devices.tables[0].rows}
    assert "each run against its own fastest: conv beta" in markdown(findings(old, (), [new]))
