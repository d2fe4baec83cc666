"""Families of layers under the roofs of their machine, by threads and bytes moved: as chart, table and file."""

import csv
import io

import pytest
from report_fixtures import NANO, RecordBuilder, layer

from harness.plan import Comparison
from harness.record import CheckResult
from reports.findings import findings
from reports.findings.rooflines import limits_of
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.roofline_text import roof_sheets
from reports.formats.tables import all_tables

SECTION = {"device": "cpu", "threads": 2, "bytes_per_s": 1e10, "flops_per_s_by_dtype": {"float32": 4e11},
           "bytes_per_s_by_size": {"1000000": 8e10, "100000": 6e10},
           "other_threads": {"1": {"device": "cpu", "threads": 1, "bytes_per_s": 1e10,
                                   "flops_per_s_by_dtype": {"float32": 2e11}}}}


def of_family(folder, shapes=3, threads=1):
    """A run of one layer at several shapes: 2 * 10^9 operations of 10^7 bytes in 20 ms, its baseline in 40 ms."""
    every = [Comparison("one-{}".format(index), "Layers, {0}x{0}".format(8 + index),
                        layer("Conv", "best", threads=threads),
                        (layer("WHT", "fused", threads=threads), layer("WHT", "torch", threads=threads)))
             for index in range(shapes)]
    build = RecordBuilder(folder, every, environment=NANO._replace(roof=SECTION))
    for one in every:
        build.check(one.id, [CheckResult(one.case_id(case), True, parameters=1, macs=1, operations=2 * 10 ** 9,
                                         bytes=10 ** 7) for case in one.cases])
        build.time(one.id, {"conv-best": 0.04, "wht-fused": 0.02, "wht-torch": 0.08}, launches=1, rounds=12)
    build.end()
    return findings(build.load(), published=())


def test_a_family_of_shapes_is_one_chart_under_the_roof_of_its_own_threads(tmp_path):
    found = of_family(tmp_path)
    chart, = found.rooflines
    assert [point.name for point in chart.points] == [
        "{}, {}x{}".format(name, 8 + index, 8 + index) for name in ("WHT fused", "Conv best") for index in range(3)]
    # 10^11 of 2 * 10^11 FLOP/s on one thread
    assert chart.points[0].share == pytest.approx(0.5, rel=0.02)
    assert chart.points[3].share == pytest.approx(0.25, rel=0.02)
    assert len(found.roof_points) == 9
    assert of_family(tmp_path / "two", threads=2).rooflines[0].points[0].share == pytest.approx(0.25, rel=0.02)
    assert of_family(tmp_path / "four", threads=4).rooflines == ()


def test_a_large_family_leaves_its_baselines_to_the_table(tmp_path):
    found = of_family(tmp_path, shapes=9)
    assert {point.baseline for point in found.rooflines[0].points} == {False}
    assert len(found.roof_points) == 27 and len(found.rooflines[0].points) == 9


def test_what_fits_into_a_cache_lies_under_the_copy_of_its_size():
    under = limits_of(SECTION, 2)
    assert {under.slope_of(moved).bytes_per_s for moved in (10, 10 ** 5, 10 ** 6, 10 ** 8)} == {8e10}
    falling = dict(SECTION, bytes_per_s_by_size={"100000": 9e10, "1000000": 4e10})
    under = limits_of(falling, 2)
    assert [under.slope_of(moved).bytes_per_s for moved in (10, 10 ** 5, 10 ** 6 - 1, 10 ** 6, 10 ** 8)] == [
        9e10, 9e10, 9e10, 4e10, 4e10]
    assert limits_of(SECTION, 3) is None and limits_of({}, 2) is None


def test_the_share_of_every_case_stands_in_a_table_and_in_a_file(tmp_path):
    found = of_family(tmp_path)
    sheet, = roof_sheets(found.rooflines)
    assert sheet.rows[0][1:3] == ("2.00\u202fGFLOP", "10.0\u202fMB") and sheet.rows[0][-1] == "50\u202f%"
    lines = list(csv.DictReader(io.StringIO(dict(all_tables(found))["roofline.csv"])))
    assert len(lines) == 9 and float(lines[1]["roof_share"]) == pytest.approx(0.5, rel=0.02)
    assert {line["operations"] for line in lines} == {"2000000000"}
    for said in (markdown(found), render_page(found)):
        assert "2.00\u202fGFLOP" in said.replace("&#8239;", "\u202f")


def test_a_training_step_has_no_share_since_its_operations_were_not_counted(tmp_path):
    one = Comparison("one", "Step", layer("Conv", mode="training"), (layer("WHT", "fused", mode="training"),))
    build = RecordBuilder(tmp_path, [one], environment=NANO._replace(roof=SECTION))
    build.verify("one")
    build.time("one", {"conv": 0.04, "wht-fused": 0.02}, launches=1)
    build.end()
    assert findings(build.load(), published=()).roof_points == ()
