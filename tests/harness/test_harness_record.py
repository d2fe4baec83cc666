"""The record survives what happens to boards: power cuts, resumes, later formats."""

import io
import os

import pytest

from harness import Case, Comparison, RecordError, load_run
from harness.plan import case_from_dict, case_to_dict, comparison_to_dict
from harness.record import RecordWriter

CONV = Case("conv1x1", "torch", "m:f", (1, 8, 4, 4), options=(("bias", True),))
WHT = Case("wht 1-D", "matrix", "m:g", (1, 8, 4, 4))
COMPARISON = Comparison("1d", "one", CONV, (WHT,), "a note")


def header(**changes):
    plan = [comparison_to_dict(COMPARISON)]
    return dict({"kind": "run", "format": 1, "id": "r", "suite": "s", "comparisons": plan}, **changes)


def write(folder, *lines):
    writer = RecordWriter(str(folder))
    for line in lines:
        writer.append(line)
    return writer


def test_a_case_survives_the_record_unchanged():
    assert case_from_dict(case_to_dict(CONV)) == CONV


def test_fields_of_a_later_version_are_ignored():
    assert case_from_dict(dict(case_to_dict(CONV), colour="red")) == CONV


def test_the_plan_comes_back_as_it_was(tmp_path):
    write(tmp_path, header())
    assert load_run(str(tmp_path)).comparisons == [COMPARISON]


def test_a_line_torn_by_a_power_cut_is_left_out_when_reading(tmp_path):
    writer = write(tmp_path, header(), {"kind": "end", "status": "complete"})
    with io.open(writer.path, "a") as file:
        file.write('{"kind":"pass","pa')
    assert [line["kind"] for line in load_run(str(tmp_path)).lines] == ["run", "end"]


def test_writing_again_after_a_power_cut_cuts_the_torn_line_off(tmp_path):
    writer = write(tmp_path, header())
    with io.open(writer.path, "a") as file:
        file.write('{"kind":"pass","pa')
    write(tmp_path, {"kind": "end", "status": "complete"})
    assert [line["kind"] for line in load_run(str(tmp_path)).lines] == ["run", "end"]


def test_every_line_is_synced_to_the_disk_before_append_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(number))
    write(tmp_path, header(), {"kind": "end", "status": "complete"})
    assert len(synced) == 2


def test_a_broken_line_is_named_with_the_remedy(tmp_path):
    writer = write(tmp_path, header())
    with io.open(writer.path, "a") as file:
        file.write("not json\n")
    with pytest.raises(RecordError, match="line 2 .*delete that line"):
        load_run(str(tmp_path))


def test_a_record_of_a_later_format_says_update(tmp_path):
    write(tmp_path, header(format=99))
    with pytest.raises(RecordError, match="format 99.*update"):
        load_run(str(tmp_path))


def test_a_folder_without_a_record_says_what_to_name(tmp_path):
    with pytest.raises(RecordError, match="results/<run id>"):
        load_run(str(tmp_path))


def test_a_nan_never_gets_into_a_record(tmp_path):
    with pytest.raises(ValueError):
        write(tmp_path, {"kind": "pass", "seconds": float("nan")})


def test_a_run_stopped_and_finished_later_has_ended(tmp_path):
    write(tmp_path, header(), {"kind": "end", "status": "interrupted"})
    assert not load_run(str(tmp_path)).ended
    write(tmp_path, {"kind": "end", "status": "complete"})
    assert load_run(str(tmp_path)).ended
