import csv
import io
import os

import pytest
from report_fixtures import RecordBuilder, comparison

from harness.app.registry import all_suites
from harness.plan import Target
from harness.words import Heap, State
from reports.findings import findings
from reports.findings.memory import Kind
from reports.findings.published import FOLDER, UNITS, Published, PublishedError, Quantity, read_published
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.published_text import PUBLISHED_CAUTION, as_printed, measured_text, printed_text, value_with_unit
from reports.formats.tables import published_csv
from reports.formats.terminal import terminal_text

HEAD = "comparison,case,quantity,value,unit,device,runtime,protocol,source,note\n"
ROWS = """p,conv,time_s,2.3204,s,Jetson Nano 4 GB,"TFLite, CPU",batch 1,"README, a commit",
p,wht-fast,time_s,1.1973,s,Jetson Nano 4 GB,"TFLite, CPU",batch 1,README,
p,wht-fast,speed_ratio,1.938,x,Jetson Nano 4 GB,"TFLite, CPU",batch 1,README,computed
p,wht-fast,memory_saving,19.51,%,Jetson Nano,,,abstract,
p,conv,parameters,1049600,1,any,any,,README,
p,conv,macs_per_image,1073741824,1,any,any,,README,
p,conv,memory_bytes,,B,Jetson Nano,,,abstract,the abstract gives no megabytes
p,absent,time_s,5,s,,,,README,
"""


def write(folder, text, name="a.csv"):
    with io.open(os.path.join(str(folder), name), "w", encoding="utf-8") as file:
        file.write(text)
    return str(folder)


@pytest.fixture
def run(tmp_path):
    one = comparison("p", "published protocol", "conv", ("WHT fast",), protocol="published")._replace(both_heaps=True)
    build = RecordBuilder(tmp_path / "run", [one])
    build.verify("p")
    build.time("p", {"conv": 0.2, "wht-fast": 0.08})
    build.memory("p", {"conv": 50000000, "wht-fast": 10000000}, repeats=3)
    build.memory("p", {"conv": 70000000, "wht-fast": 69000000}, repeats=3, spread=900000, heap=Heap.DEFAULT)
    build.end()
    return build.load()


@pytest.fixture
def rows(tmp_path, run):
    published = read_published(write(tmp_path, HEAD + ROWS))
    return {(one.case, one.printed.quantity.value): one for one in findings(run, published).published}


def test_a_published_time_stands_beside_the_measured_one(rows):
    one = rows["p/conv", "time_s"]
    assert printed_text(one.printed) == "2.32\u202fs" and one.measured == pytest.approx(0.2, rel=0.02)
    assert (one.printed.source, one.printed.device) == ("README, a commit", "Jetson Nano 4 GB")


def test_ratios_parameters_and_multiply_adds_stand_beside_what_this_run_says(rows):
    assert rows["p/wht-fast", "speed_ratio"].measured == pytest.approx(2.5, rel=0.02)
    assert rows["p/conv", "parameters"].measured == rows["p/conv", "parameters"].printed.value
    assert rows["p/conv", "macs_per_image"].measured == 1073741824


def test_saved_memory_is_that_of_the_whole_process(rows):
    one = rows["p/wht-fast", "memory_saving"]
    assert one.measured == pytest.approx(100 * (1 - 230.0 / 270.0))
    assert "whole process 14.8\u202f% [14.8\u202f%, 14.8\u202f%], smaller" in measured_text(one)


def test_a_memory_stands_in_its_parts_on_each_heap_with_spread_and_verdict(rows):
    saving, plain = rows["p/wht-fast", "memory_saving"], rows["p/conv", "memory_bytes"]
    pinned, default = saving.shares
    # RSS is 2 MB above what the record's builder was told, the process 220 MB; the stage "warm" is 180 MB
    assert (pinned.heap, default.heap, pinned.kind) == (Heap.PINNED, Heap.DEFAULT, Kind.RSS)
    assert pinned.runtime_bytes == default.runtime_bytes == 180000000
    assert pinned.own.value == pytest.approx(1 - 12.0 / 52.0) and pinned.own.state is State.SMALLER
    assert pinned.own.low == pytest.approx(1 - 12.02 / 51.98) and pinned.own.high == pytest.approx(1 - 11.98 / 52.02)
    assert default.process.value == pytest.approx(1 - 289.0 / 290.0) and default.process.state is State.SAME
    assert default.process.low == pytest.approx(1 - 289.9 / 289.1)
    text = measured_text(saving)
    assert text.startswith("pinned heap: whole process 14.8\u202f%")
    assert "; default heap: whole process 0.3\u202f%" in text
    assert text.count("(180\u202fMB of it the runtime: Python, torch and libraries)") == 2
    assert "layer alone 76.9\u202f% [76.9\u202f%, 77.0\u202f%], smaller (process RSS)" in text
    assert plain.shares[0].own.value == 52000000 and plain.shares[0].own.state is None
    assert rows["p/conv", "time_s"].shares == ()


def test_every_format_shows_both_heaps_and_both_shares(tmp_path, run):
    found = findings(run, read_published(write(tmp_path, HEAD + ROWS)))
    plain = " ".join(terminal_text(found, None).split())
    for text in (markdown(found), plain, render_page(found)):
        assert "pinned heap: whole process 14.8" in text and "default heap: whole process 0.3" in text
        assert "published protocol, pinned heap" in text and "published protocol, default heap" in text
    row = next(row for row in csv.DictReader(io.StringIO(published_csv(found))) if row["quantity"] == "memory_saving")
    assert float(row["pinned_process"]) == pytest.approx(1 - 230.0 / 270.0)
    assert (row["pinned_process_verdict"], row["default_layer_verdict"]) == ("smaller", "same")


def test_a_record_of_one_heap_shows_that_one(tmp_path):
    one = comparison("p", "published protocol", "conv", ("WHT fast",))
    build = RecordBuilder(tmp_path / "run", [one])
    build.verify("p")
    build.time("p", {"conv": 0.2, "wht-fast": 0.08})
    build.memory("p", {"conv": 50000000, "wht-fast": 10000000})
    build.end()
    rows = findings(build.load(), read_published(write(tmp_path, HEAD + ROWS))).published
    saving, = [row for row in rows if row.printed.quantity is Quantity.MEMORY_SAVING]
    assert [shares.heap for shares in saving.shares] == [Heap.PINNED] and saving.shares[0].own.state is None


def test_every_comparison_with_a_published_memory_is_measured_on_both_heaps():
    figures = {one.comparison for one in read_published(FOLDER)
               if one.quantity in (Quantity.MEMORY, Quantity.MEMORY_SAVING) and one.value is not None}
    both = {one.id for suite in all_suites() if suite.suite for one in suite.suite.comparisons(Target("cpu", 1))
            if one.both_heaps}
    assert figures and figures <= both


def test_what_a_source_does_not_give_is_blank_and_says_why(rows):
    one = rows["p/conv", "memory_bytes"]
    assert one.printed.value is None and printed_text(one.printed) is None and "no megabytes" in one.printed.note
    assert one.measured == 270000000


def test_a_number_of_a_case_that_this_run_lacks_is_left_out(rows):
    assert not [key for key in rows if key[0] == "p/absent"]


def test_the_page_says_that_the_published_numbers_are_not_ours(tmp_path, run):
    text = render_page(findings(run, read_published(write(tmp_path, HEAD + ROWS))))
    assert "TFLite on the CPU, batch 1 ten times" in PUBLISHED_CAUTION and "not CUDA" in PUBLISHED_CAUTION
    assert PUBLISHED_CAUTION in text and "What the sources do not give (1)" in text


def test_a_blank_without_a_note_is_refused(tmp_path):
    with pytest.raises(PublishedError, match="a.csv line 2 has neither a value nor a note"):
        read_published(write(tmp_path, HEAD + "p,conv,time_s,,s,,,,README,\n"))


def test_a_word_in_place_of_a_number_is_refused(tmp_path):
    with pytest.raises(PublishedError, match="'fast' is no number"):
        read_published(write(tmp_path, HEAD + "p,conv,time_s,fast,s,,,,README,\n"))


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(PublishedError, match="lacks the column source"):
        read_published(write(tmp_path, HEAD.replace(",source", "") + "p,conv,time_s,1,s,,,,\n"))


def test_no_folder_means_no_published_numbers(tmp_path):
    assert read_published(str(tmp_path / "none")) == []


def test_the_projects_own_files_read_without_a_complaint():
    rows = read_published(FOLDER)
    assert rows and all(one.source for one in rows)


@pytest.mark.parametrize("value, unit, expected", [
    (2.3204, "s", "2.32\u202fs"), (12, "ms", "12.0\u202fms"), (1.938, "x", "1.94\u00d7"),
    (19.51, "%", "19.51\u202f%"),
    (1049600, "1", "1\u202f049\u202f600"), (37.75, "MB", "37.8\u202fMB"), (None, "s", None)])
def test_printed_values_keep_their_units(value, unit, expected):
    assert value_with_unit(value, unit) == expected


@pytest.mark.parametrize("value, unit, expected", [
    (75, "%", "75\u202f%"), (11.5, "%", "11.5\u202f%"), (19.51, "%", "19.51\u202f%"), (24, "x", "24\u00d7"),
    (1.938, "x", "1.94\u00d7"), (2.3204, "s", "2.32\u202fs"), (128, "1", "128"), (None, "%", None)])
def test_a_printed_number_gets_no_digit_that_its_source_does_not_have(value, unit, expected):
    assert as_printed(value, unit) == expected


@pytest.mark.parametrize("row, problem", [
    ("p,conv,time,1,s,,,,README,", "a.csv line 2: 'time' is no quantity: write 'time_s'"),
    ("p,conv,loudness,1,s,,,,README,", "a.csv line 2: 'loudness' is no quantity: write "),
    ("p,conv,time_s,1,MB,,,,README,", "a.csv line 2: 'MB' is no unit of time_s: write ms or s or us")])
def test_a_quantity_or_unit_outside_the_vocabulary_names_file_and_line(tmp_path, row, problem):
    with pytest.raises(PublishedError, match=problem):
        read_published(write(tmp_path, HEAD + row + "\n"))


def test_every_quantity_has_units_and_is_documented():
    assert set(UNITS) == set(Quantity)
    with io.open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
        text = file.read()
    assert [one.value for one in Quantity if "`{}`".format(one.value) not in text] == []
    assert {one.quantity for one in read_published(FOLDER)} <= set(Quantity)


@pytest.mark.parametrize("quantity, unit, value, expected", [
    (Quantity.PARAMETER_SAVING, "%", 50.0, 0.0), (Quantity.MAC_SAVING, "%", 50.0, 0.0),
    (Quantity.TIME, "ms", 1.0, 80.0), (Quantity.MEMORY, "MB", 1.0, 230.0)])
def test_what_a_number_is_stands_in_its_column(run, quantity, unit, value, expected):
    one = Published("p", "wht-fast", quantity, value, unit, "", "", "", "", "")
    assert findings(run, [one]).published[0].measured == pytest.approx(expected, rel=0.02, abs=1e-9)
