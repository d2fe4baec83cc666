"""Families of layers under the roofs of their machine, by threads and bytes moved: as chart, table and file."""

import csv
import html
import io

import pytest
from report_fixtures import NANO, RecordBuilder, layer

from harness.plan import Comparison
from harness.reasons import Code, Reason, sentence
from harness.record import CheckResult
from reports.findings import findings
from reports.findings.rooflines import limits_of
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.roofline_text import roof_sheets, roofline_key, share_text
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


def of_one(folder, roof):
    """Three layers of 10^9 operations and 10^7 bytes in 40, 20 and 10 ms under ``roof``."""
    one = Comparison("one", "A title", layer("Conv", "best", threads=2),
                     (layer("WHT", "torch", threads=2), layer("WHT", "fused", threads=2)))
    build = RecordBuilder(folder, [one], environment=NANO._replace(roof=roof))
    build.check(one.id, [CheckResult(one.case_id(case), True, parameters=1, macs=1, operations=10 ** 9,
                                     bytes=10 ** 7) for case in one.cases])
    build.time(one.id, {"conv-best": 0.04, "wht-torch": 0.02, "wht-fused": 0.01}, launches=1, rounds=12)
    build.end()
    return findings(build.load(), published=())


@pytest.mark.parametrize("flops, copied, above, low", [
    (7.5e10, 1e12, Code.ABOVE_ARITHMETIC, "fp32 roof, measured 75.0\u202fGFLOP/s, too low"),
    (1e12, 7.5e8, Code.ABOVE_COPY, "slope: copy past the caches, measured 750\u202fMB/s, too low")])
def test_what_lies_above_its_roof_has_no_share_but_the_reason(flops, copied, above, low, tmp_path):
    found = of_one(tmp_path, {"device": "cpu", "threads": 2, "bytes_per_s": copied,
                              "flops_per_s_by_dtype": {"float32": flops}})
    chart, = found.rooflines
    shares = {point.name: (point.share, point.above) for point in chart.points}
    assert shares["WHT torch"] == (pytest.approx(2 / 3.0, rel=0.02), None)
    assert shares["WHT fused"] == (None, above)
    fused = next(point for point in chart.points if point.name == "WHT fused")
    assert fused.times == pytest.approx(4 / 3.0, rel=0.02) and fused.roof == pytest.approx(7.5e10)
    told = sentence(Reason(above))
    assert "1 layer lies above it, so the shares of it may be too large" in "".join(
        line for line in roofline_key(chart) if line.startswith(low))
    for said in (markdown(found), html.unescape(render_page(found)), "\n".join(roofline_key(chart) + [
            note for sheet in roof_sheets(found.rooflines) for note in sheet.notes])):
        assert "above its roof (1.33\u00d7)" in said and told in said and "133\u202f%" not in said
    line = next(one for one in csv.DictReader(io.StringIO(dict(all_tables(found))["roofline.csv"]))
                if one["name"] == "WHT fused")
    assert (line["roof_share"], line["roof_share_reason"]) == ("", told)
    assert float(line["roof_flops_per_s"]) == pytest.approx(7.5e10)


def test_a_rate_that_rounds_to_all_of_its_roof_is_all_of_it(tmp_path):
    found = of_one(tmp_path, {"device": "cpu", "threads": 2, "bytes_per_s": 1e12,
                              "flops_per_s_by_dtype": {"float32": 1e11}})
    fused, = (point for point in found.roof_points if point.name == "WHT fused")
    allowed = next(point for point in of_one(tmp_path / "lower", {
        "device": "cpu", "threads": 2, "bytes_per_s": 1e12, "flops_per_s_by_dtype": {
            "float32": fused.rate / 1.004}}).roof_points if point.name == "WHT fused")
    assert allowed.above is None and share_text(allowed.share, allowed.times) == "100\u202f%"


def test_a_training_step_has_no_share_since_its_operations_were_not_counted(tmp_path):
    one = Comparison("one", "Step", layer("Conv", mode="training"), (layer("WHT", "fused", mode="training"),))
    build = RecordBuilder(tmp_path, [one], environment=NANO._replace(roof=SECTION))
    build.verify("one")
    build.time("one", {"conv": 0.04, "wht-fused": 0.02}, launches=1)
    build.end()
    assert findings(build.load(), published=()).roof_points == ()
