"""The papers' script in the report: its rounds as they came, the printed times, and a verdict on each claim."""

import pytest
from report_fixtures import RecordBuilder

from harness.plan import Case, Comparison
from reports.findings import findings
from reports.findings.judging import Holds
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.sheets import sheets

PRINTED = ("1d-published/conv-1x1", "1d-published/wht-1d-matrix", "1d-published/wht-1d-two-stage")
CASES = [Case(name, "litert builtin", "suites.layers:build", (10, 1024, 32, 32), protocol="published",
              options=(("engine", "litert"), ("published", printed)))
         for name, printed in zip(("Conv 1x1", "WHT 1D dense", "WHT 1D fast"), PRINTED)]
PLAN = Comparison("1d-script-builtin", "The script, built-in kernels", CASES[0], tuple(CASES[1:]), apart=True)


def script(tmp_path, fast_s):
    builder = RecordBuilder(tmp_path, [PLAN])
    builder.verify(PLAN.id)
    builder.time(PLAN.id, {"conv-1x1-litert-builtin": 0.4, "wht-1d-dense-litert-builtin": 0.9,
                           "wht-1d-fast-litert-builtin": fast_s}, noise=0.003)
    return findings(builder.load())


def test_the_rounds_stand_as_they_came_beside_the_printed_times(tmp_path):
    one, = script(tmp_path, 0.1).scripts
    rows = {row.name: row for row in one.rows}
    conv = rows["Conv 1x1 litert builtin"]
    assert conv.published_s == 2.3204 and rows["WHT 1D fast litert builtin"].published_s == 1.1973
    assert conv.first_s == 0.8 and conv.later_s == (0.4,)


@pytest.mark.parametrize("fast_s, holds", [(0.1, Holds.HOLDS), (0.25, Holds.IN_PART), (0.5, Holds.DOES_NOT)])
def test_the_claim_of_1_94_times_gets_its_verdict_from_this_form_alone(tmp_path, fast_s, holds):
    one, = script(tmp_path, fast_s).scripts
    told = {table.claim.id: table for table in one.claims}
    assert set(told) == {"fwht-speed", "fwht-measured-speed", "fwht-dense-speed"}
    assert told["fwht-measured-speed"].judged.holds is holds
    cell = told["fwht-measured-speed"].columns[0].cells[-1]
    assert cell.value == pytest.approx(0.4 / fast_s, rel=0.02)
    assert told["fwht-measured-speed"].claim.rows[-1].value == pytest.approx(1.938)


def test_every_format_says_which_claim_holds_by_how_much_and_on_what(tmp_path):
    found = script(tmp_path, 0.1)
    sheet, = sheets(found)
    paragraph, = [note for note in sheet.notes if "1.94 times" in note]
    assert "holds: 4" in paragraph and "1.94\u00d7 published" in paragraph and "more than published" in paragraph
    assert "WHT 1D fast litert builtin against Conv 1x1 litert builtin (litert builtin)" in paragraph
    assert "Jetson Nano" in paragraph
    for text in (markdown(found), render_page(found)):
        assert "1.94 times" in text and "first round" in text


def test_a_run_of_another_suite_has_no_script(tmp_path):
    plan = PLAN._replace(baseline=CASES[0]._replace(options=()), rivals=(CASES[1]._replace(options=()),))
    builder = RecordBuilder(tmp_path, [plan])
    builder.verify(plan.id)
    assert findings(builder.load()).scripts == ()
