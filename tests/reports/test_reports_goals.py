"""Goals: judged by the interval of a known ratio, and said alike on the page, in Markdown, JSON, CSV and terminal."""

import csv
import io
import json

import pytest
from report_fixtures import RecordBuilder, comparison, layer, nano_run

from harness.plan import Comparison, Goal
from harness.reasons import Code
from harness.record import FORMAT, Header, load_run
from harness.rule import Rule
from harness.settings import Settings
from reports.findings import findings
from reports.findings.goals import GoalState, goal_rows, state_of
from reports.formats.goals_text import goals_sheets
from reports.formats.json_text import json_text
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.tables import all_tables
from reports.formats.terminal import terminal_text

ONE = comparison("one", "64 channels", "Conv best", ("WHT fused", "Copy memcpy", "Copy torch"))
FAST, SLOW = "one/copy-memcpy", "one/copy-torch"
#: The fused layer takes 2 times the fast copy and half of the slow one, a tenth of the convolution.
TIMES = {"conv-best": 20e-3, "wht-fused": 2e-3, "copy-memcpy": 1e-3, "copy-torch": 4e-3}


def run_of(folder, goals, comparisons=(ONE,), play=None, **settings):
    """A run with ``goals`` in its header; ``play(builder)`` times it, by default all of ``ONE``."""
    class WithGoals(RecordBuilder):
        def append(self, line):
            if isinstance(line, Header):
                line = line._replace(goals=tuple(goals))
            super().append(line)

    build = WithGoals(folder, comparisons, **settings)
    for each in comparisons:
        build.verify(each.id)
    (play or (lambda it: it.time("one", TIMES)))(build)
    build.end()
    return build.load()


def judged(folder, goal, **more):
    row, = goal_rows(run_of(folder, [goal], **more))
    return row


@pytest.mark.parametrize("at_most, state", [(2.2, "met"), (2.0, "cannot tell"), (1.8, "missed")])
def test_a_goal_is_judged_by_the_interval_of_its_ratio_to_the_fastest_rival(tmp_path, at_most, state):
    row = judged(tmp_path, Goal("one/wht-fused", (FAST, SLOW), at_most))
    assert row.state == state
    assert row.ratio == pytest.approx(2.0, rel=0.01) and row.low < 2.0 < row.high and row.high - row.low < 0.1
    assert row.fastest == "Copy memcpy" and row.launches == 4


def test_the_baseline_may_be_the_rival(tmp_path):
    row = judged(tmp_path, Goal("one/wht-fused", ("one/conv-best",), 1 / 9.0))
    assert row.state is GoalState.MET and row.ratio == pytest.approx(0.1, rel=0.01)


def test_launches_that_differ_widen_the_interval(tmp_path):
    row = judged(tmp_path, Goal("one/wht-fused", ("one/conv-best",), 0.105),
                 play=lambda it: it.time("one", TIMES, jump=0.08))
    assert row.state is GoalState.CANNOT_TELL and row.low < 0.095 and row.high > 0.105


def test_a_rival_that_was_not_timed_leaves_a_goal_open_unless_another_decides_it(tmp_path):
    def play(it):
        it.time("one", {name: value for name, value in TIMES.items() if name != "copy-torch"})

    row = judged(tmp_path / "a", Goal("one/wht-fused", (FAST, SLOW), 2.2), play=play)
    assert row.state is GoalState.CANNOT_TELL and row.high is None and row.reason.code is Code.LEFT_OUT
    assert judged(tmp_path / "b", Goal("one/wht-fused", (FAST, SLOW), 1.8), play=play).state is GoalState.MISSED


def test_what_was_not_timed_or_planned_is_not_measured_and_has_its_reason(tmp_path):
    rows = goal_rows(run_of(tmp_path, [Goal("one/wht-fused", (SLOW,), 1.0), Goal("other/wht-fused", (FAST,), 1.0)],
                            play=lambda it: it.failed_launch("one", 1, None)))
    assert [row.state for row in rows] == [GoalState.NOT_MEASURED] * 2 and rows[0].ratio is None
    assert rows[1].reason.code is Code.NOT_PLANNED and rows[0].reason is not None


def apart(threads, launches, folder):
    two = Comparison("two", "64 channels, 2 threads", layer("Conv", "best", threads=2),
                     (layer("WHT", "fused", threads=2),))
    times = {"conv-best": 11e-3, "wht-fused": 1.1e-3}
    return judged(folder, Goal("two/wht-fused", ("one/wht-fused",), threads), comparisons=(ONE, two),
                  play=lambda it: [it.time(one, some, launches=launches) for one, some in (
                      ("one", TIMES), ("two", times))], launches=launches)


def test_sides_timed_apart_are_judged_by_their_launches_and_not_by_one(tmp_path):
    row = apart(0.6, 2, tmp_path / "a")
    assert row.state is GoalState.MET and row.ratio == pytest.approx(0.55, rel=0.02) and row.rival_threads == 1
    assert apart(0.5, 2, tmp_path / "b").state is GoalState.MISSED
    single = apart(0.6, 1, tmp_path / "c")
    assert single.state is GoalState.CANNOT_TELL and single.reason.code is Code.TIMED_APART


def test_an_interval_that_touches_the_goal_on_both_sides_tells_nothing():
    assert state_of(2.0, 1.9, 2.0) is GoalState.MET
    assert state_of(2.0, 2.0, 2.1) is GoalState.CANNOT_TELL
    assert state_of(2.0, 2.01, None) is GoalState.MISSED
    assert state_of(2.0, None, None) is GoalState.CANNOT_TELL


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return findings(run_of(tmp_path_factory.mktemp("goals"), [
        Goal("one/wht-fused", (FAST, SLOW), 2.6), Goal("one/wht-fused", ("one/conv-best",), 1 / 12.0),
        Goal("other/wht-fused", ("other/conv-best",), 1.0)]), published=())


def test_every_format_says_the_same(told):
    sheet, = goals_sheets(told.goals)
    assert sheet.title == "Goals: 1 met, 1 missed, 1 not measured"
    met, missed = sheet.rows
    assert met[:3] == ("WHT fused, 64 channels", "\u2713 met", "time \u2264 2.60\u00d7 Copy")
    assert missed[1:3] == ("\u2717 missed", "speed \u2265 12.0\u00d7 Conv best")
    assert missed[3].startswith(("10.0", "9.9", "10.1"))
    assert any(note.startswith("1 goal more: this run left it out") for note in sheet.notes)
    for text in (markdown(told), render_page(told), terminal_text(told, None, 120)):
        assert "Goals" in text and "missed" in text and "1 met, 1 missed, 1 not measured" in text


def test_a_report_answers_its_question_first_and_names_the_goals_that_follow(told):
    page = render_page(told)
    assert '<a href="#goals">Goals: 1 met, 1 missed, 1 not measured</a>' in page.split('id="speed"')[0]
    assert page.index('id="speed"') < page.index('id="goals"')
    text = markdown(told)
    assert text.index("Goals: 1 met") < text.index("## Speed") < text.index("## Goals: 1 met")


def test_programs_get_codes_and_full_numbers(told):
    rows = json.loads(json_text(told))["goals"]
    assert [row["state"] for row in rows] == ["met", "missed", "not measured"]
    assert rows[0]["at_most"] == 2.6 and rows[0]["low"] < rows[0]["ratio"] < rows[0]["high"]
    lines = list(csv.DictReader(io.StringIO(dict(all_tables(told))["goals.csv"])))
    assert [line["verdict"] for line in lines] == ["met", "missed", "not measured"] and lines[2]["reason"]
    assert float(lines[0]["ratio"]) == pytest.approx(rows[0]["ratio"])


def test_a_run_of_a_suite_without_goals_speaks_of_none(tmp_path):
    told = findings(nano_run(tmp_path, energy=False), published=())
    assert told.goals == () and "Goals" not in markdown(told) and 'id="goals"' not in render_page(told)
    assert "goals.csv" not in dict(all_tables(told))


def test_goals_stand_in_the_record_and_those_from_before_have_none(tmp_path):
    goal = Goal("one/wht-fused", (FAST, SLOW), 2.6)
    assert run_of(tmp_path / "new", [goal]).header.goals == (goal,)
    build = RecordBuilder(tmp_path / "old", [ONE])
    build.end()
    path = tmp_path / "old" / "record.jsonl"
    first, rest = path.read_text().split("\n", 1)
    data = json.loads(first)
    assert data.pop("goals") == []
    path.write_text(json.dumps(data) + "\n" + rest)
    assert load_run(str(tmp_path / "old")).header.goals == ()
    assert Header(FORMAT, "r", "s", "", 1, Settings("cpu", 1), Rule(), ()).goals == ()
