import io
import math
import os
import re

import pytest

import harness
from harness.notebook.frame import COLUMNS, rows, run_to_frame
from harness.record.schema import markdown
from harness.settings import PASSES

pytest.importorskip("pandas")
README = os.path.join(os.path.dirname(os.path.dirname(harness.__file__)), "results", "README.md")


def test_every_planned_case_has_a_row_for_every_pass(runs):
    for run in runs.values():
        seen = {(row["case"], row["pass"]) for row in rows(run)}
        assert seen == {(place.id, name) for place in run.places() for name in PASSES}


def test_time_has_a_row_per_launch_and_cache_state(runs):
    frame = run_to_frame(runs["sweep"])
    some = frame[(frame["pass"] == "time") & (frame["case"] == "c64/wht-fused")]
    assert list(zip(some["launch"], some["cache"])) == [(1, "hot"), (1, "cold")]
    nano = run_to_frame(runs["nano"])
    assert sorted(nano[(nano["pass"] == "time") & (nano["case"] == "64ch/conv3x3")]["launch"]) == [1, 2, 3, 4]


def test_a_time_row_holds_the_statistics_of_its_own_samples(runs):
    row = next(row for row in rows(runs["nano"]) if row["pass"] == "time" and row["case"] == "64ch/conv1x1")
    series = runs["nano"].launches("64ch")[0].series[0]
    entrant = series.entrants.index("64ch/conv1x1")
    values = []
    for one in series.rounds:
        played = one.order + one.order[::-1]
        values += [value / 4.0 for place, value in zip(played, one.sample_s) if place == entrant]
    assert row["samples"] == len(values) == 36
    assert (row["min_s"], row["max_s"]) == (min(values), max(values))
    assert math.isclose(row["mean_s"], sum(values) / len(values))
    ordered = sorted(values)
    assert row["median_s"] == pytest.approx((ordered[17] + ordered[18]) / 2)


def test_only_the_baseline_has_a_second_copy(runs):
    frame = run_to_frame(runs["nano"])
    times = frame[(frame["pass"] == "time") & (frame["status"] == "ok")]
    assert times[times["baseline"]]["copy_median_s"].notnull().all()
    assert times[~times["baseline"]]["copy_median_s"].isnull().all()


def test_nothing_missing_is_without_a_reason(runs):
    for run in runs.values():
        for row in rows(run):
            assert row["status"] == "ok" or row["reason"], row
            for column in COLUMNS:
                if column.passes == row["pass"] and row["pass"] in ("memory", "energy") and row["status"] == "ok":
                    assert row.get(column.name) is not None or column.name + ": " in row["missing"], column.name


def test_a_wrong_layer_is_false_and_has_no_time(runs):
    found = {row["pass"]: row for row in rows(runs["nano"]) if row["case"] == "256ch/butterfly"}
    assert found["verify"]["ok"] is False and "largest error" in found["verify"]["reason"]
    assert found["time"]["status"] == "skipped" and found["time"].get("median_s") is None


def test_a_crashed_check_and_a_stopped_run_say_so(runs):
    found = {row["pass"]: row for row in rows(runs["broken"]) if row["case"] == "crash/conv3x3"}
    assert (found["verify"]["status"], found["memory"]["status"]) == ("failed", "absent")
    assert {row["reason"] for row in rows(runs["empty"])} == {"not reached: the run stopped before it"}


def test_the_columns_are_those_that_are_documented(runs):
    with io.open(README, encoding="utf-8") as file:
        before = file.read().split("## The record, line by line")[0]
    documented = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", before, re.MULTILINE)
    assert [(column.name, column.passes, column.meaning) for column in COLUMNS] == documented
    assert list(run_to_frame(runs["nano"]).columns) == [column.name for column in COLUMNS]


def test_units_stand_in_the_names():
    quantities = {"s": "time", "j": "energy", "w": "energy", "bytes": "memory"}
    for column in COLUMNS:
        ending = column.name.rsplit("_", 1)[-1]
        if ending in quantities and column.passes != "all":
            assert column.passes in (quantities[ending], "energy", "fit")


def test_the_format_is_documented_as_the_schema_has_it():
    with io.open(README, encoding="utf-8") as file:
        text = file.read()
    shown = text.split("<!-- schema: begin -->\n")[1].split("<!-- schema: end -->")[0]
    assert shown == markdown().rstrip("\n") + "\n"
