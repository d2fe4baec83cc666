"""What the user asks for becomes a plan, or one sentence with the nearest right name."""

import pytest

from harness import Case, Comparison, Suite, Target
from harness.app.utf8 import needs_utf8
from harness.nearest import nearest, unknown
from harness.plan import check_comparison
from harness.planning import matches, plan_comparisons, select
from harness.settings import format_duration, parse_duration

CONV = Case("conv1x1", "torch", "m:f", (1, 8, 4, 4))
MATRIX = Case("wht", "matrix", "m:g", (1, 8, 4, 4))
BUTTERFLY = Case("wht", "butterfly", "m:h", (1, 8, 4, 4))
ONE = Comparison("1d", "one", CONV, (MATRIX, BUTTERFLY))
TWO = Comparison("2d", "two", CONV._replace(layer="conv3x3"), (MATRIX,))
SUITE = Suite("s", "both", lambda target: [ONE, TWO], lambda comparisons: comparisons[:1])


@pytest.mark.parametrize("text, seconds", [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400)])
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10x", "-5m", "0s", "5m banana"])
def test_a_bad_duration_is_answered_with_an_example(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("seconds, text", [(4.4, "4 s"), (60, "1 min"), (200, "3 min 20 s"), (3900, "1 h 5 min")])
def test_durations_are_written_as_people_say_them(seconds, text):
    assert format_duration(seconds) == text


def test_only_keeps_the_baseline_of_what_it_picks():
    assert select([ONE, TWO], "butterfly") == [ONE._replace(rivals=(BUTTERFLY,))]


def test_only_takes_wildcards_on_whole_ids_and_several_patterns():
    assert [c.id for c in select([ONE, TWO], "2d/*")] == ["2d"]
    assert [c.id for c in select([ONE, TWO], "butterfly, 2d/wht*")] == ["1d", "2d"]
    assert matches("WHT", "1d/wht-matrix") and not matches("wht*", "1d/wht-matrix")


def test_only_takes_the_names_of_the_tables():
    assert select([ONE, TWO], BUTTERFLY.name.upper()) == [ONE._replace(rivals=(BUTTERFLY,))]
    assert " " in BUTTERFLY.name and BUTTERFLY.name not in ONE.case_id(BUTTERFLY)


def test_only_naming_a_baseline_keeps_its_rivals():
    assert select([ONE, TWO], "conv3x3") == [TWO]


def test_only_that_picks_nothing_says_what_there_is():
    with pytest.raises(ValueError, match="butterfli.*1d/wht-butterfly"):
        select([ONE], "butterfli")


def test_quick_takes_the_suites_smaller_list():
    assert plan_comparisons(SUITE, Target(), True, None) == [ONE]
    assert plan_comparisons(SUITE, Target(), False, None) == [ONE, TWO]


def test_two_cases_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two cases named 'wht matrix'"):
        check_comparison(ONE._replace(rivals=(MATRIX, MATRIX)))


def test_cases_that_cannot_share_a_process_are_refused():
    with pytest.raises(ValueError, match="differs from the baseline in device or threads"):
        check_comparison(ONE._replace(rivals=(MATRIX._replace(threads=2),)))


def test_a_wrong_name_gets_the_nearest_right_one():
    assert nearest("papre", ["paper", "layers"]) == "paper"
    assert nearest("zzz", ["paper", "layers"]) is None
    assert unknown("suite", "papre", ["paper", "layers"]) == (
        "There is no suite 'papre'. Did you mean 'paper'? There is: layers, paper.")
    assert unknown("run", "x", []) == "There is no run 'x'. There is none yet."


def test_of_very_many_names_only_those_most_like_the_wrong_one_are_said():
    said = unknown("case", "case-07x", ["case-{:03}".format(number) for number in range(600)])
    assert "There are 600, such as: " in said and "case-07" in said and said.count("case-") < 20


@pytest.mark.parametrize("encoding, version, answer", [
    ("ANSI_X3.4-1968", (3, 6, 9), True), ("ascii", (3, 6, 9), True), ("UTF-8", (3, 6, 9), False),
    ("ANSI_X3.4-1968", (3, 11, 7), False)])
def test_only_python_36_under_an_ascii_locale_starts_again(encoding, version, answer):
    assert needs_utf8(encoding, version) is answer
