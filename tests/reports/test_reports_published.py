import io
import os

import pytest
from report_fixtures import RecordBuilder, comparison

from reports.page import render_page
from reports.page_data import page_data
from reports.published import CAUTION, FOLDER, PublishedError, read_published, value_text

HEAD = "comparison,case,quantity,value,unit,device,runtime,protocol,source,note\n"
ROWS = """p,conv,time_s,2.3204,s,Jetson Nano 4 GB,"TFLite, CPU",batch 1,"README, a commit",
p,wht-fast,time_s,1.1973,s,Jetson Nano 4 GB,"TFLite, CPU",batch 1,README,
p,wht-fast,speed_ratio,1.938,x,Jetson Nano 4 GB,"TFLite, CPU",batch 1,README,computed
p,wht-fast,claimed_memory_reduction,19.51,%,Jetson Nano,,,abstract,
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
    one = comparison("p", "published protocol", "conv", ("WHT fast",), protocol="published")
    build = RecordBuilder(tmp_path / "run", [one])
    build.verify("p")
    build.time("p", {"conv": 0.2, "wht-fast": 0.08})
    build.memory("p", {"conv": 50000000, "wht-fast": 10000000})
    build.end()
    return build.load()


@pytest.fixture
def rows(tmp_path, run):
    published = read_published(write(tmp_path, HEAD + ROWS))
    return {(one["case"], one["key"]): one for one in page_data(run, published)["published"]}


def test_a_published_time_stands_beside_the_measured_one(rows):
    one = rows["p/conv", "time_s"]
    assert one["published_text"] == "2.32\u202fs" and one["measured"] == pytest.approx(0.2, rel=0.02)
    assert one["source"] == "README, a commit" and one["where"] == "Jetson Nano 4 GB, TFLite, CPU"


def test_ratios_parameters_and_multiply_adds_stand_beside_what_this_run_says(rows):
    assert rows["p/wht-fast", "speed_ratio"]["measured"] == pytest.approx(2.5, rel=0.02)
    assert rows["p/conv", "parameters"]["measured"] == rows["p/conv", "parameters"]["published"]
    assert rows["p/conv", "macs_per_image"]["measured"] == 1073741824


def test_saved_memory_is_that_of_the_whole_process(rows):
    one = rows["p/wht-fast", "claimed_memory_reduction"]
    assert one["measured"] == pytest.approx(100 * (1 - 230.0 / 270.0))
    assert one["measured_text"] == "14.8\u202f%"


def test_what_a_source_does_not_give_is_blank_and_says_why(rows):
    one = rows["p/conv", "memory_bytes"]
    assert one["published"] is None and one["published_text"] is None and "no megabytes" in one["note"]
    assert one["measured"] == 270000000


def test_a_number_of_a_case_that_this_run_lacks_is_left_out(rows):
    assert not [key for key in rows if key[0] == "p/absent"]


def test_the_page_says_that_the_published_numbers_are_not_ours(tmp_path, run):
    text = render_page(page_data(run, read_published(write(tmp_path, HEAD + ROWS))))
    assert "TFLite on the CPU, batch 1 ten times" in CAUTION and "not CUDA" in CAUTION
    assert CAUTION in text and "What the sources do not give (1)" in text


def test_a_blank_without_a_note_is_refused(tmp_path):
    with pytest.raises(PublishedError, match="a.csv row 2 has neither a value nor a note"):
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
    assert value_text(value, unit) == expected
