"""The papers' claims: data complete, one verdict each, decided on codes; tables and figures that take any name."""

import builtins
import csv as csv_module
import glob
import io
import math
import os
import re
import shutil
import subprocess
import sys
import xml.dom.minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import RecordBuilder, comparison

from harness.app.registry import all_suites
from harness.plan import Target
from harness.record import CheckResult, load_run
from harness.words import Heap
from reports.findings.claim_tables import claim_tables
from reports.findings.claims import CLAIMED, CLAIMS, COUNTS, SAVINGS, SPEEDS, Cannot, read_claims
from reports.findings.cleaned import cleaned
from reports.findings.evidence import evidence
from reports.findings.judging import TOLERANCE, Direction, Holds, Judged, Size, judge, size_of, together
from reports.findings.published import UNITS, Published, PublishedError, Quantity, read_published
from reports.formats.claims_drawing import Axis, axis_of, drawn
from reports.formats.claims_files import captions, csv, markdown
from reports.formats.claims_latex import Column, latex, shares, tex, tex_single
from reports.formats.claims_svg import claim_svg
from reports.formats.claims_text import caption, column_names, notes, rows_tested_text, sheet, verdict_text
from reports.paper import files, main, tally

HEAD = "id,paper,sentence,quantity,value,unit,precision,suite,cannot,source,note\n"
ROWS = "claim,name,comparison,case,judged,also_counted,value\n"
BOTH = "a,dense,p,conv,no,\na,fast one,p,wht-fast,yes,\n"
TWICE = "a,1234.5678,twice as fast,claimed_speed_ratio,2,x,,paper,,abstract,\n"


def write(folder, claims=TWICE, rows=BOTH):
    for name, text in (("claims.csv", HEAD + claims), ("rows.csv", ROWS + rows)):
        with io.open(os.path.join(str(folder), name), "w", encoding="utf-8") as file:
            file.write(text)
    return str(folder)


def recorded(folder, times=(0.2, 0.08), repeats=3, ident="r", names=("conv", "WHT fast"), parameters=(2000, 900),
             rounds=18, launches=4):
    one = comparison("p", "p", names[0], (names[1],), protocol="published", threads=2)
    build = RecordBuilder(folder, [one], ident=ident, launches=launches)
    build.check("p", [CheckResult(case_id, True, 3e-6, 1e-4, None, "conv", None, count, 10737418240)
                      for case_id, count in zip(map(one.case_id, one.cases), parameters)])
    slugs = [case.slug for case in one.cases]
    build.time("p", dict(zip(slugs, times)), rounds=rounds, launches=launches)
    build.memory("p", dict(zip(slugs, (50000000, 10000000))), repeats=repeats)
    build.end()
    return build.load()


def table_of(tmp_path, claims=TWICE, rows=BOTH, published=(), **more):
    run = recorded(tmp_path / "run", **more)
    table, = claim_tables(read_claims(published, write(tmp_path, claims, rows)), [evidence(run)])
    return table


# The data -----------------------------------------------------------------------------------------------------


def test_every_published_number_that_can_be_settled_stands_in_a_claim():
    claims, kinds = read_claims(read_published()), {}
    for claim in claims:
        for row in claim.rows:
            kinds.setdefault((row.comparison, row.case), set()).update(
                SPEEDS + (Quantity.TIME,) if claim.quantity in SPEEDS else (claim.quantity,))
    missing = [(one.comparison, one.case, one.quantity.value) for one in read_published()
               if one.value is not None and one.quantity is not Quantity.ACCURACY and one.case != "dense"
               and one.quantity not in kinds.get((one.comparison, one.case), ())]
    assert missing == []


def test_every_claim_names_cases_that_its_suite_measures():
    suites = {one.name: {case_id for each in one.suite.comparisons(Target("cpu", 1)) for case in each.cases
                         for case_id in [each.case_id(case)]} for one in all_suites() if one.suite}
    claims = read_claims(read_published())
    assert claims
    wrong = [(one.id, row.comparison, row.case) for one in claims for row in one.rows
             if row.case and "{}/{}".format(row.comparison, row.case) not in suites[one.suite]]
    assert wrong == []


def test_a_printed_number_of_other_layers_says_so_wherever_it_stands():
    """Beside the measured one in the report of a run too, where no claim is near."""
    notes = {(one.comparison, one.case, one.quantity): one.note for one in read_published()}
    others = [(row.comparison, row.case, claim.quantity) for claim in read_claims(read_published())
              if claim.cannot is Cannot.OTHER_LAYERS for row in claim.rows if row.judged]
    assert len(others) == 6
    assert [place for place in others if not re.search("replaced for it .* here", notes[place])] == []


def test_a_claim_with_a_number_of_its_own_agrees_with_the_published_ones():
    for claim in read_claims(read_published()):
        if claim.value is not None:
            assert {row.value for row in claim.rows if row.judged} == {claim.value}, claim.id


def test_all_papers_are_there():
    papers = {claim.paper for claim in read_claims(read_published())}
    assert papers == {"2104.07085", "2201.02711", "2203.13556", "2311.08125", "2301.05440", "2305.17510"}


@pytest.mark.parametrize("claims, rows, problem", [
    (TWICE.replace("claimed_speed_ratio", "claimed_speed"), BOTH, "claims.csv line 2: 'claimed_speed' is no q"),
    (TWICE.replace("claimed_speed_ratio", "accuracy"), BOTH, "'accuracy' is no quantity of a claim"),
    (TWICE.replace(",x,", ",MB,"), BOTH, "'MB' is no unit of claimed_speed_ratio: write x"),
    (TWICE.replace(",2,", ",two,"), BOTH, "'two' is no number"),
    (TWICE.replace("paper,,", "paper,never,"), BOTH, "'never' is no cannot"),
    (TWICE.replace("abstract", ""), BOTH, "needs its sentence and its source"),
    (TWICE + TWICE, BOTH, "the claim 'a' stands there twice"),
    (TWICE, BOTH.replace("yes", "no"), "the claim 'a' has no judged row"),
    (TWICE, BOTH.replace("yes", "perhaps"), "rows.csv line 3: 'perhaps' in judged"),
    (TWICE, BOTH + "b,x,p,conv,no,\n", "there is no claim 'b'")])
def test_a_wrong_line_is_refused_with_file_and_line(tmp_path, claims, rows, problem):
    with pytest.raises(PublishedError, match=problem):
        read_claims((), write(tmp_path, claims, rows))


# The verdict --------------------------------------------------------------------------------------------------

TWO = math.log(2.0)


@pytest.mark.parametrize("direction, factor, low, high, holds, size", [
    (Direction.BETTER, 2, 1.95, 2.1, Holds.HOLDS, Size.AS_PUBLISHED),
    (Direction.BETTER, 2, 1.83, 1.9, Holds.HOLDS, Size.AS_PUBLISHED),
    (Direction.BETTER, 2, 2.8, 3.0, Holds.HOLDS, Size.MORE),
    (Direction.BETTER, 2, 1.3, 1.5, Holds.IN_PART, Size.LESS),
    (Direction.BETTER, 2, 1.3, 4.0, Holds.IN_PART, Size.CANNOT_TELL),
    (Direction.BETTER, None, 1.3, 1.5, Holds.HOLDS, Size.NOT_GIVEN),
    (Direction.WORSE, 2, 0.4, 0.5, Holds.DOES_NOT, Size.LESS),
    (Direction.WORSE, None, 0.4, 0.5, Holds.DOES_NOT, Size.NOT_GIVEN),
    (Direction.SAME, 2, 0.99, 1.01, Holds.DOES_NOT, Size.LESS),
    (Direction.SAME, None, 0.99, 1.01, Holds.DOES_NOT, Size.NOT_GIVEN),
    (Direction.CANNOT_TELL, 2, 0.9, 1.2, Holds.DOES_NOT, Size.LESS),
    (Direction.CANNOT_TELL, 2, 0.9, 2.5, Holds.CANNOT_TEST, Size.CANNOT_TELL),
    (Direction.CANNOT_TELL, None, 0.9, 1.2, Holds.CANNOT_TEST, Size.NOT_GIVEN),
    (Direction.WORSE, 0.45, 0.44, 0.46, Holds.HOLDS, Size.AS_PUBLISHED),
    (Direction.WORSE, 0.45, 0.7, 0.8, Holds.IN_PART, Size.LESS),
    (Direction.BETTER, 0.45, 1.2, 1.3, Holds.DOES_NOT, Size.LESS)])
def test_direction_and_size_decide(direction, factor, low, high, holds, size):
    found = judge(direction, None if factor is None else math.log(factor), math.log(low), math.log(high), TOLERANCE)
    assert (found.holds, found.size) == (holds, size)
    assert (found.cannot is not None) is (holds is Holds.CANNOT_TEST)


finite = st.floats(-5, 5, allow_nan=False)


@given(finite, finite, st.floats(0.01, 4), st.floats(0.001, 1), st.sampled_from(list(Direction)))
def test_what_holds_for_a_claim_holds_for_every_smaller_one(one, other, published, share, direction):
    low, high = sorted((one, other))
    order = [Holds.DOES_NOT, Holds.CANNOT_TEST, Holds.IN_PART, Holds.HOLDS]
    large = judge(direction, published, low, high, TOLERANCE)
    small = judge(direction, published * share, low, high, TOLERANCE)
    if direction is not Direction.SAME:
        assert order.index(small.holds) >= order.index(large.holds)
    assert (small.holds is Holds.HOLDS) >= (large.holds is Holds.HOLDS)


@given(finite, finite, finite, st.floats(0, 1))
def test_a_claim_and_its_mirror_image_have_the_same_size(published, one, other, tolerance):
    low, high = sorted((one, other))
    if published:
        assert size_of(published, low, high, tolerance) is size_of(-published, -high, -low, tolerance)


@given(st.lists(st.sampled_from(list(Holds))))
def test_a_claim_over_rows_and_runs_has_one_verdict(words):
    found = together([Judged(word, cannot=Cannot.CANNOT_TELL if word is Holds.CANNOT_TEST else None)
                      for word in words])
    tested = {word for word in words if word is not Holds.CANNOT_TEST}
    assert found.holds is (Holds.CANNOT_TEST if not tested else tested.pop() if len(tested) == 1 else Holds.IN_PART)
    assert (found.cannot is not None) is (found.holds is Holds.CANNOT_TEST)


# Claims against runs ------------------------------------------------------------------------------------------


def test_a_measured_speed_stands_beside_the_published_one_and_is_judged(tmp_path):
    table = table_of(tmp_path, published=[Published("p", "conv", Quantity.TIME, 2.3, "s", "", "", "", "", "")])
    cells = table.columns[0].cells
    assert cells[0].baseline and cells[1].value == pytest.approx(2.5, rel=0.02)
    assert cells[1].low < cells[1].value < cells[1].high and cells[0].time_s == pytest.approx(0.2, rel=0.02)
    assert (table.judged.holds, table.judged.size) == (Holds.HOLDS, Size.MORE)
    assert verdict_text(table).startswith("Holds: on Jetson Nano, CPU, 2 threads the speed of fast one is 2.")
    rows = sheet(table).rows
    assert rows[0][1:4] == ("2.30\u202fs", "baseline", "200\u202fms") and rows[1][2] == "2\u00d7"


@pytest.mark.parametrize("launches, doubted", [(1, True), (4, False)])
def test_a_speed_of_one_launch_is_not_told_like_a_confirmed_one(launches, doubted, tmp_path):
    table = table_of(tmp_path, launches=launches)
    assert table.judged.holds is Holds.HOLDS
    assert ("(one launch, not confirmed) the speed of fast one is" in verdict_text(table)) is doubted


def test_a_slower_rival_is_told_so(tmp_path):
    assert table_of(tmp_path, times=(0.1, 0.2)).judged.holds is Holds.DOES_NOT


def test_a_speed_of_too_few_rounds_has_no_interval_and_is_not_judged(tmp_path):
    table = table_of(tmp_path, rounds=3)
    assert table.columns[0].cells[1].value == pytest.approx(2.5, rel=0.1)
    assert table.judged == Judged(Holds.CANNOT_TEST, cannot=Cannot.NO_INTERVAL)


def test_memory_of_one_process_each_is_shown_and_not_judged(tmp_path):
    claim = "a,1,less,memory_saving,14,%,,paper,,abstract,\n"
    (tmp_path / "one").mkdir()
    one, many = table_of(tmp_path / "one", claim, repeats=1), table_of(tmp_path, claim, repeats=3)
    assert one.judged == Judged(Holds.CANNOT_TEST, cannot=Cannot.NO_INTERVAL)
    assert one.columns[0].cells[1].value == pytest.approx(1 - 230.0 / 270.0)
    assert (many.judged.holds, many.judged.size) == (Holds.HOLDS, Size.AS_PUBLISHED)


@pytest.mark.parametrize("value, precision, also, holds, size", [
    (900, 0, 0, Holds.HOLDS, Size.AS_PUBLISHED), (899, 0, 0, Holds.IN_PART, Size.LESS),
    (899, 1, 0, Holds.HOLDS, Size.AS_PUBLISHED), (902, 1, 0, Holds.HOLDS, Size.MORE),
    (1000, 0, 100, Holds.HOLDS, Size.AS_PUBLISHED), ("", 0, 0, Holds.HOLDS, Size.NOT_GIVEN)])
def test_counts_are_judged_by_the_last_printed_digit(tmp_path, value, precision, also, holds, size):
    claim = "a,1,fewer,parameters,{},1,{},paper,,abstract,\n".format(value, precision)
    rows = BOTH.replace("no,", "no,{}".format(also)).replace("yes,", "yes,{}".format(also))
    table = table_of(tmp_path, claim, rows)
    assert [cell.value for cell in table.columns[0].cells] == [2000 + also, 900 + also]
    assert (table.judged.holds, table.judged.size) == (holds, size)


@pytest.mark.parametrize("parameters, value, holds", [
    ((2000, 900), 55, Holds.HOLDS), ((2000, 1000), 55, Holds.IN_PART), ((2000, 2000), 55, Holds.DOES_NOT),
    ((2000, 2100), 55, Holds.DOES_NOT)])
def test_a_saving_is_a_share_of_the_baseline(tmp_path, parameters, value, holds):
    claim = "a,1,fewer,parameter_saving,{},%,0.1,paper,,abstract,\n".format(value)
    assert table_of(tmp_path, claim, parameters=parameters).judged.holds is holds


def test_biases_that_the_source_leaves_out_are_taken_off_both_sides(tmp_path):
    claim = "a,1,fewer,parameter_saving,60,%,0.01,paper,,abstract,\n"
    table = table_of(tmp_path, claim, BOTH.replace("yes,", "yes,-500"), parameters=(2000, 1100))
    assert table.columns[0].cells[1].value == pytest.approx(0.6) and table.judged.holds is Holds.HOLDS


@pytest.mark.parametrize("quantity, unit", [(one, sorted(UNITS[one])[0]) for one in CLAIMED])
def test_only_what_the_harness_measures_stands_in_a_measured_column(tmp_path, quantity, unit):
    table = table_of(tmp_path, "a,1,quick,{},4,{},,paper,no-rival,abstract,\n".format(quantity, unit))
    shown = table.columns[0].cells[1].value is not None
    assert shown is (quantity is not Quantity.TEST_SET_TIME)


def test_a_case_that_no_run_holds_says_what_to_run(tmp_path):
    table = table_of(tmp_path, rows="a,x,elsewhere,conv,yes,\n")
    assert table.judged == Judged(Holds.CANNOT_TEST, cannot=Cannot.NOT_IN_RUNS) and table.columns == ()
    assert "./run_bench.sh run paper" in verdict_text(table) and drawn(table) is None


def test_other_layers_are_measured_and_never_judged(tmp_path):
    table = table_of(tmp_path, TWICE.replace("paper,,", "paper,other-layers,"))
    assert table.columns[0].cells[1].value == pytest.approx(2.5, rel=0.02)
    assert {table.judged.cannot, table.columns[0].judged.cannot, table.columns[0].cells[1].judged.cannot} == {
        Cannot.OTHER_LAYERS}


def test_two_runs_stand_in_two_columns_and_the_claim_holds_in_part(tmp_path):
    runs = [recorded(tmp_path / "a", ident="one"), recorded(tmp_path / "b", (0.1, 0.2), ident="two")]
    table, = claim_tables(read_claims((), write(tmp_path)), [evidence(run) for run in runs])
    assert [one.judged.holds for one in table.columns] == [Holds.HOLDS, Holds.DOES_NOT]
    assert table.judged.holds is Holds.IN_PART and len(set(column_names(table))) == 2
    assert [line.label for line in drawn(table).groups[0].lines] == ["published", "one", "two"]


def test_why_a_claim_cannot_be_tested_is_told_of_the_run_that_came_furthest(tmp_path):
    """A run without the rival, given first, says nothing of the one that measured it."""
    plans = {"less": (("conv",), {"conv": 0.2}), "unsure": (("conv", "WHT fast"), {"conv": 0.2, "wht-fast": 0.2001})}
    runs = []
    for ident, (names, times) in sorted(plans.items()):
        one = comparison("p", "p", names[0], names[1:], protocol="published", threads=2)
        build = RecordBuilder(tmp_path / ident, [one], ident=ident)
        build.verify("p")
        build.time("p", times, rounds=18, noise=0.3)
        build.end()
        runs.append(evidence(build.load()))
    claims = read_claims((), write(tmp_path, TWICE.replace(",2,x", ",,x").replace("claimed_speed", "speed")))
    table, = claim_tables(claims, runs)
    assert table.judged.cannot is Cannot.CANNOT_TELL
    assert "more launches would tell" in verdict_text(table) and "no run given" not in verdict_text(table)
    blank, = [note for note in sheet(table).notes if "less" in note]
    assert "this run does not hold it" in blank and "no run given" not in blank


def test_a_claim_of_which_some_rows_were_tested_says_how_many(tmp_path):
    rows = BOTH + "a,the rest,elsewhere,wht,yes,\n"
    table = table_of(tmp_path, rows=rows)
    assert table.judged.holds is Holds.HOLDS and rows_tested_text(table) == "1 of 2"
    assert "| a | arXiv 1234.5678 | Holds | 1 of 2 |" in markdown([table])
    (tmp_path / "none").mkdir()
    nothing = table_of(tmp_path / "none", rows=rows.replace(",p,", ",q,"))
    assert rows_tested_text(nothing) == "0 of 2" and "./run_bench.sh run paper" in verdict_text(nothing)


def test_a_row_that_no_suite_here_holds_has_its_printed_number_and_the_reason(tmp_path):
    rows = BOTH + "a,butterfly,p,,no,,1.5\na,another,p,,yes,,3\n"
    table = table_of(tmp_path, rows=rows)
    assert [row.value for row in table.claim.rows] == [None, 2.0, 1.5, 3.0]
    assert [cell.value is None for cell in table.columns[0].cells] == [False, False, True, True]
    assert (table.judged.holds, rows_tested_text(table)) == (Holds.HOLDS, "1 of 2")
    assert any("butterfly and another" in note and "no suite here holds" in note for note in sheet(table).notes)


def test_several_reasons_are_each_told_of_their_rows(tmp_path):
    table = table_of(tmp_path, rows=BOTH + "a,the rest,elsewhere,wht,yes,\n", rounds=3)
    said = verdict_text(table)
    assert said.startswith("Cannot be tested: one process, or too few rounds")
    assert "(1 of 2 rows); no run given" in said


@pytest.mark.parametrize("device, holds", [("cpu", Holds.CANNOT_TEST), ("cuda", Holds.HOLDS)])
def test_a_claim_about_parallel_devices_is_tested_on_a_gpu_alone(device, holds, tmp_path):
    run = recorded(tmp_path / "run")
    run.header = run.header._replace(settings=run.header.settings._replace(device=device))
    claims = read_claims((), write(tmp_path, TWICE.replace("paper,,", "paper,on-a-cpu,")))
    table, = claim_tables(claims, [evidence(run)])
    assert table.judged.holds is table.columns[0].judged.holds is table.columns[0].cells[1].judged.holds is holds
    assert table.columns[0].cells[1].value == pytest.approx(2.5, rel=0.02)
    assert ("--device cuda" in verdict_text(table)) is (holds is Holds.CANNOT_TEST)


def test_every_claim_of_the_project_gets_exactly_one_verdict_or_a_reason():
    claims = read_claims(read_published())
    reference = os.path.join(os.path.dirname(os.path.dirname(CLAIMS)), "reference")
    runs = [evidence(load_run(os.path.join(reference, name))) for name in sorted(os.listdir(reference))]
    tables = cleaned(claim_tables(claims, runs))
    assert [one.claim.id for one in tables] == [one.id for one in claims]
    for one in tables:
        assert (one.judged.cannot is not None) is (one.judged.holds is Holds.CANNOT_TEST)
        assert verdict_text(one).count(": ") >= 1 and verdict_text(one).endswith(".")
    assert {one.judged.holds for one in tables} >= {Holds.HOLDS, Holds.CANNOT_TEST}
    text = markdown(tables)
    assert all("## {}\n".format(one.id) in text for one in claims)


def test_a_published_number_never_stands_in_a_measured_column(tmp_path):
    table = table_of(tmp_path)
    rows = list(csv_module.DictReader(io.StringIO(csv([table]))))
    assert [(row["column"], bool(row["published"]), bool(row["value"])) for row in rows] == [
        ("r", False, True), ("published", True, False), ("r", False, True)]
    assert all(line.series == 0 for group in drawn(table).groups for line in group.lines if line.label == "published")


# Formats ------------------------------------------------------------------------------------------------------

HOSTILE = "\\input{x} & 5% $_#{}~^ <script> \u202e|` \"]]>"


def test_latex_takes_every_character():
    assert latex("a_b & 5% $x$ #1 {y} ~ ^ \\z") == (
        r"a\_b \& 5\% \$x\$ \#1 \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}z")
    assert latex("2.5\u00d7 \u22121\u202f\u00b5s") == r"2.5$\times$ $-$1\,$\mu$s"
    # a bare < would print as another sign
    assert latex("\u2264 2 \u00b0C \u201cso\u201d") == r"$\leq$ 2 $^\circ$C ''so''"


def test_no_two_characters_run_into_one():
    assert latex("--paper, a---b, ?`x, ''") == "-{}-paper, a-{}-{}-b, ?{}`x, '{}'"


@given(st.text())
def test_latex_is_ascii_with_balanced_braces_and_no_bare_command(text):
    found = latex(text)
    assert all(32 <= ord(char) < 127 for char in found)
    bare = found
    for known in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}",
                  r"\textgreater{}", r"\textbar{}", r"\nobreakspace{}", "{}", r"$\leq$", r"$\geq$", r"$\pm$",
                  r"$^\circ$", r"$\times$", "$-$", r"$\mu$", r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}", r"\,",
                  "{[}", "{]}"):
        bare = bare.replace(known, "")
    assert not set(bare) & set("\\&%$#_{}~^")


def test_hostile_names_break_no_format(tmp_path):
    claims = TWICE.replace("twice as fast", '"{}"'.format(HOSTILE.replace('"', '""')))
    rows = BOTH.replace("fast one", '"{}"'.format(HOSTILE.replace('"', '""')))
    table = cleaned(table_of(tmp_path, claims, rows))
    made = dict(files([table], None))
    xml.dom.minidom.parseString(made["figures/a.svg"].encode("utf-8"))
    assert "<script" not in made["figures/a.svg"] and "\\<script" in made["claims.md"]
    assert "\\input" not in made["tables/a.tex"]
    assert next(csv_module.DictReader(io.StringIO(made["claims.csv"])))["claim"] == "a"


def test_a_latex_table_has_as_many_cells_in_every_row(tmp_path):
    text = tex(table_of(tmp_path))
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0]
    cells = [line.count(" & ") for line in body.split("\n") if line.endswith("\\\\")]
    assert cells == [5, 5] and "{@{}lrrrrl@{}}" in text and "\\caption{" in text and "\\begin{table*}" in text
    assert r"\multicolumn{2}{c}{published} & \multicolumn{2}{c}{Jetson Nano, CPU, 2 threads} & " in text


def test_a_latex_table_of_one_column_has_a_line_for_each_source(tmp_path):
    text = tex_single(table_of(tmp_path))
    names = [line.split(" & ")[0] for line in text.split("\\midrule\n")[1].split("\\bottomrule")[0].split("\n")]
    assert [name for name in names if name and "addlinespace" not in name] == [
        r"\multicolumn{4}{@{}p{\linewidth}@{}}{\bfseries dense} \\", "published", "measured",
        r"\multicolumn{4}{@{}p{\linewidth}@{}}{\bfseries fast one} \\", "published", "measured"]
    assert "\\begin{table}" in text and "-single}" in text and "here: Jetson Nano, CPU, 2 threads;" in text
    assert re.search(r"\{\[\}[\d.]+,\\nobreakspace\{\}[\d.]+\{\]\}", text)         # an interval stays in one line


def test_columns_that_do_not_fit_share_the_line_and_keep_their_longest_words_whole():
    wide = [Column(False, 10, 40), Column(True, 8, 20), Column(False, 6, 16)]
    assert shares(wide, 76) == []
    found = shares(wide, 40)
    assert sum(found) == pytest.approx(1) and all(
        share * 40 >= column.least - 1e-9 for share, column in zip(found, wide))


def test_a_latex_caption_is_short_with_any_number_of_devices_and_the_rest_stands_above_it_as_comments(tmp_path):
    runs = [evidence(recorded(tmp_path / ident, ident=ident)) for ident in ("r", "s", "t")]
    table, = claim_tables(read_claims((), write(tmp_path)), runs)
    for text in (tex(table), tex_single(table)):
        words, = re.findall(r"^\\caption\{(.*)\}$", text, re.MULTILINE)
        assert len(words) < 400 and "Holds" in words and "interval" in words
        said = "\n".join(line for line in text.split("\n") if line.startswith("% "))
        assert all(latex(note) in said for note in [caption(table)] + notes(table))
        assert text.split("\n")[1 + said.count("\n")].startswith("\\begin{table")


def test_a_latex_caption_of_memory_says_whose_memory_it_is_on_which_heap(tmp_path):
    table = table_of(tmp_path)
    column, = table.columns
    measured = column._replace(cells=tuple(cell._replace(heap=Heap.DEFAULT) for cell in column.cells))
    for text in (tex(table._replace(columns=(measured,))), tex_single(table._replace(columns=(measured,)))):
        assert "the whole process at its peak (default heap)" in text.split("\\caption{")[1]
    assert "the whole process" not in tex(table)


def three_devices(suite):
    """Return what the claims need of the newest reference run of ``suite``, as if three devices had made it."""
    folders = glob.glob(os.path.join(CLAIMS, "..", "..", "reference", "*-{}-*".format(suite)))
    found = evidence(load_run(sorted(folders)[-1]))
    about = found.run.about
    return [found._replace(run=found.run._replace(about=about._replace(
        run="{}{}".format(about.run, number), device=about.device._replace(name=name))))
        for number, name in enumerate(("NVIDIA Jetson Nano Developer Kit", "NVIDIA GeForce RTX 4090", "AMD EPYC"))]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on the path: no table was set")
def test_every_table_is_set_in_two_columns_without_running_over_a_margin(tmp_path):
    runs = [evidence(recorded(tmp_path / ident, ident=ident))
            for ident in ("20260314-101500-paper-nano-ab12", "r", "20260315-101500-paper-nano-cd34")]
    rows = BOTH.replace("fast one", '"{}"'.format(HOSTILE.replace('"', '""')))
    tables = claim_tables(read_claims((), write(tmp_path, rows=rows)), runs)
    tables += claim_tables(read_claims(read_published()), [])
    tables = list(tables) + [one._replace(claim=one.claim._replace(id="three-" + one.claim.id))
                             for one in claim_tables(read_claims(read_published()), three_devices("networks"))]
    inputs = []
    for name, content in files(cleaned(tables), None, figures=False):
        if name.endswith(".tex"):
            inputs.append(os.path.basename(name))
            with io.open(str(tmp_path / inputs[-1]), "w", encoding="ascii") as file:
                file.write(content)
    with io.open(str(tmp_path / "all.tex"), "w", encoding="ascii") as file:
        file.write("\\documentclass[twocolumn]{article}\\usepackage{array,booktabs}\\begin{document}\n" + "\n".join(
            "\\input{%s}\\clearpage" % name for name in inputs) + "\n\\end{document}\n")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"], cwd=str(tmp_path),
                          stdout=subprocess.PIPE, timeout=300)
    said = done.stdout.decode("latin-1")
    assert done.returncode == 0, said[-1500:]
    assert not [line for line in said.split("\n") if line.startswith("Overfull")]


def test_a_caption_states_device_protocol_versions_launches_and_interval(tmp_path):
    words = caption(table_of(tmp_path))
    for part in ("Jetson Nano, CPU, 2 threads", "published protocol", "torch 1.10.0", "commit 0123456789ab,",
                 "4 launches",
                 "99 %", "none of them was measured here", "run r of 2026-03-14"):
        assert part in words


def test_counts_further_apart_than_ten_are_drawn_as_ratios():
    claims = {one.quantity: one for one in read_claims(read_published())}
    counted = claims[Quantity.PARAMETERS]
    assert axis_of(counted, (100, 900), True) is Axis.COUNT
    assert axis_of(counted, (100, 1100), True) is Axis.RATIO
    assert axis_of(counted, (100, 1100), False) is Axis.FAR_COUNT
    assert axis_of(claims[SPEEDS[1]], (1, 2), True) is Axis.SPEED
    assert axis_of(claims[SAVINGS[0]], (0.01, 0.9), True) is Axis.SHARE and counted.quantity in COUNTS


def test_a_number_that_no_axis_holds_is_said_to_have_no_mark(tmp_path):
    zero = table_of(tmp_path, "a,1,fewer,parameters,0,1,0,paper,,abstract,\n", parameters=(2000, 10))
    figure = drawn(zero)
    assert figure.axis is Axis.RATIO and figure.unmarked and "number without a mark" in captions([(zero, figure)])
    assert figure.groups[0].lines[1].value == pytest.approx(200)
    assert not drawn(zero._replace(claim=zero.claim._replace(rows=tuple(
        row._replace(value=value) for row, value in zip(zero.claim.rows, (1500, 50)))))).unmarked


def test_rows_and_runs_are_counted_in_the_sentence(tmp_path):
    table = table_of(tmp_path, rows=BOTH + "a,gone,p,gone,yes,\n")
    assert "2 threads it holds for 1 and cannot be tested for 1 of 2 rows" in verdict_text(table)


def test_the_mark_sits_where_the_scale_says(tmp_path):
    from reports.formats.claims_svg import LABEL, MARGIN, NUMBERS, WIDTH
    figure = drawn(table_of(tmp_path))
    text = claim_svg(figure, "x")
    left, right = LABEL + MARGIN, WIDTH - NUMBERS
    value = figure.groups[0].lines[1].value
    x = left + (right - left) * math.log(value / figure.low) / math.log(figure.high / figure.low)
    circle = xml.dom.minidom.parseString(text.encode("utf-8")).getElementsByTagName("circle")[0]
    assert float(circle.getAttribute("cx")) == pytest.approx(x, abs=0.01)


@pytest.fixture
def folder(tmp_path):
    """A copy of one reference run."""
    reference = os.path.join(os.path.dirname(os.path.dirname(CLAIMS)), "reference")
    run = sorted(name for name in os.listdir(reference) if "-layers-" in name)[0]
    return shutil.copytree(os.path.join(reference, run), str(tmp_path / "run"))


def test_tables_and_svg_need_no_matplotlib(folder, tmp_path, monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *more, **named):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main([folder, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "matplotlib is not installed" in said.err and "cannot be tested" in said.out
    names = os.listdir(str(tmp_path / "out" / "figures"))
    assert "bwht-1d-parameters.svg" in names and not [name for name in names if name.endswith((".pdf", ".png"))]
    assert len(os.listdir(str(tmp_path / "out" / "tables"))) == 2 * len(read_claims(read_published()))


def test_matplotlib_draws_both_widths_with_fonts_inside_and_the_same_bytes_again(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    table = table_of(tmp_path, TWICE, BOTH.replace("fast one", "fast $_one"))
    made = [{name: content for name, content in files([table], matplotlib) if name.endswith((".pdf", ".png"))}
            for _ in range(2)]
    assert sorted(made[0]) == ["figures/a-double.pdf", "figures/a-double.png", "figures/a-single.pdf",
                               "figures/a-single.png"]
    assert made[0] == made[1]
    assert b"/FontFile2" in made[0]["figures/a-single.pdf"]


def test_papers_of_several_runs_never_go_among_the_recorded_ones_or_over_those_of_others(tmp_path, capsys):
    places = [str(tmp_path / "results" / "reference" / name) for name in "ab"]
    for place, ident in zip(places, "ab"):
        recorded(place, ident=ident)
    assert main(places + ["--no-figures"]) == main(places[::-1] + ["--no-figures"]) == 0
    assert sorted(os.listdir(str(tmp_path / "results" / "reference"))) == ["a", "b"]
    made = sorted(name for name in os.listdir(str(tmp_path / "results")) if name != "reference")
    assert len(made) == 2 and all(name.startswith("papers-2-") for name in made)
    assert main([os.path.join(places[0], "record.jsonl"), "--no-figures"]) == 0
    assert os.path.isfile(os.path.join(places[0], "papers", "claims.md"))


def test_a_folder_without_a_record_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_tally_counts_every_claim(tmp_path):
    one = table_of(tmp_path)
    assert tally([one]) == "1 claim: 1 holds." and tally([one, one]) == "2 claims: 2 hold."


def test_the_command_makes_the_papers_and_takes_no_other_format(folder, tmp_path):
    def run(*options):
        return subprocess.run([sys.executable, "-m", "harness", "report", "--paper", folder] + list(options),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)

    made = run("--figures", "none", "--out", str(tmp_path / "out"))
    assert made.returncode == 0 and "cannot be tested" in made.stdout
    assert sorted(os.listdir(str(tmp_path / "out"))) == ["claims.csv", "claims.md", "tables"]
    refused = run("--format", "html")
    assert refused.returncode and "leave out --format" in refused.stderr
