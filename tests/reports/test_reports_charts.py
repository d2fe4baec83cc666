import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import NANO, RecordBuilder, layer

from harness.plan import Comparison
from harness.record import CheckResult
from reports.findings import findings
from reports.findings.sweeps import sweep_of
from reports.formats.drawing import Charts
from reports.formats.page import render_page
from reports.formats.roofline_text import roofline_key
from reports.formats.svg.charts import CAP_SHARE, interval_axis, interval_row
from reports.formats.svg.labels import NARROW, WIDE, beside, dot
from reports.formats.svg.lines import (
    LABEL_GAP,
    Series,
    crossing,
    crossover,
    crossover_scales,
    first_crossing,
    label_lines,
    label_room,
)
from reports.formats.svg.markup import element, text
from reports.formats.svg.panels import Mark, Panel, Phase, panels, value_scale
from reports.formats.svg.roofline import Point, Roof, roofline, roofline_scales
from reports.formats.svg.scales import Linear, Log
from reports.formats.svg.strips import dots, strip

SCALE = Log(1 / 3.0, 3.0)


def parse(svg):
    return ElementTree.fromstring(svg)


def by_class(root, name):
    return [one for one in root.iter() if name in (one.get("class") or "").split()]


def place(one, key):
    return float(one.get(key).rstrip("%"))


def test_the_dot_and_the_whisker_sit_where_the_scale_says():
    root = parse(interval_row(SCALE, 1.0, "faster", 1.83, 1.5, 2.2, (1 / 1.02, 1.02)))
    dot = by_class(root, "dot")[0]
    assert place(dot, "cx") == pytest.approx(SCALE(1.83), abs=0.006)
    whisker = by_class(root, "whisker")[0]
    assert (place(whisker, "x1"), place(whisker, "x2")) == pytest.approx((SCALE(1.5), SCALE(2.2)), abs=0.006)
    band = by_class(root, "band")[0]
    assert place(band, "x") == pytest.approx(SCALE(1 / 1.02), abs=0.006)
    assert place(band, "width") == pytest.approx(SCALE(1.02) - SCALE(1 / 1.02), abs=0.011)
    stem = by_class(root, "stem")[0]
    assert (place(stem, "x1"), place(stem, "x2")) == pytest.approx((SCALE(1), SCALE(1.83)), abs=0.006)


def test_caps_are_drawn_only_on_wide_intervals():
    wide = parse(interval_row(SCALE, 1.0, "faster", 1.83, 1.5, 2.2))
    narrow = parse(interval_row(SCALE, 1.0, "faster", 1.83, 1.82, 1.84))
    assert SCALE(1.84) - SCALE(1.82) < CAP_SHARE < SCALE(2.2) - SCALE(1.5)
    assert len(by_class(wide, "whisker")) == 3
    assert len(by_class(narrow, "whisker")) == 1


def test_an_end_beyond_the_axis_is_cut_without_a_cap():
    root = parse(interval_row(Linear(-10, 10), 0.0, "cannot tell", 2.0, -5.0, 40.0))
    whiskers = by_class(root, "whisker")
    assert place(whiskers[0], "x2") == 100
    assert [place(cap, "x1") for cap in whiskers[1:]] == [25]


@pytest.mark.parametrize("state, hollow", [("faster", False), ("slower", False), ("same", True),
                                           ("cannot tell", True)])
def test_a_dot_is_hollow_where_no_difference_is_claimed(state, hollow):
    dot = by_class(parse(interval_row(SCALE, 1.0, state, 1.01, 1.0, 1.02)), "dot")[0]
    assert ("hollow" in dot.get("class").split()) is hollow


def test_a_row_without_a_ratio_shows_the_line_alone():
    root = parse(interval_row(SCALE, 1.0, "baseline", None, None, None))
    assert not by_class(root, "dot") and by_class(root, "zero")


def test_the_ticks_stand_over_the_scale():
    root = parse(interval_axis(SCALE, [(0.5, "2x"), (1.0, "1"), (2.0, "2x")]))
    ticks = [one for one in root.iter("text") if one.text in ("1", "2x")]
    assert [place(one, "x") for one in ticks] == pytest.approx([SCALE(0.5), 50, SCALE(2)], abs=0.006)


def positions(path):
    x = y = 0
    found = []
    for dx, dy in re.findall(r"m(-?\d+)[ ]?(-?\d+)h0", path):
        x, y = x + int(dx), y + int(dy)
        found.append((x, y))
    return found


def test_every_dot_of_a_strip_sits_at_its_value():
    scale = Linear(0.8, 1.6)
    values = [0.9, 1.0, 1.05, 1.6, 2.5]
    found = positions(dots(scale, values, 28))
    assert len(found) == len(values)
    assert [x for x, _ in found] == [round(10 * scale.clamped(value)) for value in values]
    assert all(4 <= y <= 24 for _, y in found)


def test_the_median_of_a_strip_is_marked():
    scale = Linear(0.8, 1.6)
    assert place(by_class(parse(strip(scale, [1.0], "faster")), "median")[0], "x1") == pytest.approx(25)


def panel_root(**more):
    times = [0.0, 1.0, 2.0, 3.0, 4.0]
    rows = [Panel("Power, W", [1.0, 4.0, None, 4.0, 1.0], [(1.0, 3.0, 4.0, "4.00 W mean")]),
            Panel("Temperature", [40.0, 42.0, 44.0, 45.0, 44.0], from_zero=False)]
    phases = [Phase("idle before", 0.0, 1.0, True, False), Phase("load", 1.0, 3.0, True, True)]
    return times, rows, parse(panels(times, rows, phases, [Mark(2.0, "clock dropped", 0)], "p"))


def test_a_phase_is_shaded_in_every_panel_and_named_once():
    _, rows, root = panel_root()
    shades = by_class(root, "phase")
    assert len(shades) == len(rows)
    assert {(place(one, "x"), place(one, "width")) for one in shades} == {(25, 50)}
    assert [one.text for one in root.iter("text")].count("load") == 1


def test_a_mark_crosses_all_panels():
    _, _, root = panel_root()
    mark = by_class(root, "mark")[0]
    assert place(mark, "x1") == 50
    shades = by_class(root, "phase")
    assert float(mark.get("y1")) <= float(shades[0].get("y"))
    assert float(mark.get("y2")) >= float(shades[-1].get("y")) + float(shades[-1].get("height"))


def test_a_missing_reading_breaks_the_line():
    _, _, root = panel_root()
    assert by_class(root, "trace")[0].get("d").count("M") == 2


def test_a_trace_point_sits_where_both_scales_say():
    times, rows, root = panel_root()
    scale, _ = value_scale(rows[1], 0.0)
    first = re.match(r"M(\S+) ([\d.]+)L(\S+) ([\d.]+)", by_class(root, "trace")[1].get("d"))
    assert float(first.group(3)) == 10 * Linear(times[0], times[-1])(1.0)
    assert float(first.group(4)) == pytest.approx(scale(42.0), abs=0.006)


@pytest.mark.parametrize("values, from_zero", [([0.0, 0.0], True), ([41.0, 41.0], False), ([-3.0, 5.0], False)])
def test_a_panel_of_constant_values_still_has_a_scale(values, from_zero):
    scale, ticks = value_scale(Panel("x", values, from_zero=from_zero), 0.0)
    assert scale.low <= min(values) and scale.high >= max(values) and len(ticks) >= 2


def series():
    return [Series("base", [(8.0, 1e-4, 9e-5, 1.1e-4), (16.0, 4e-4, 3.9e-4, 4.1e-4), (32.0, 1.6e-3, None, None)],
                   True),
            Series("fast", [(8.0, 2e-4, None, None), (16.0, 4.2e-4, None, None), (32.0, 8e-4, None, None)]),
            Series("like it", [(8.0, 2e-4, None, None), (16.0, 4.2e-4, None, None), (32.0, 8.1e-4, None, None)])]


def test_labels_at_the_line_ends_are_at_least_14_px_apart():
    root = parse(crossover(series(), "channels", "c"))
    heights = sorted(float(one.get("y")) for one in by_class(root, "line-label"))
    assert len(heights) == 3 and LABEL_GAP >= 14
    assert all(b - a >= 14 for a, b in zip(heights, heights[1:]))


def test_a_long_name_takes_two_lines_and_no_more():
    assert label_lines("Conv 1x1 channels-last") == ["Conv 1x1", "channels-last"]
    assert label_lines("wht") == ["wht"]
    assert len(label_lines("a very long name that would never fit beside any chart")) == 2
    assert label_room(["wht"]) < label_room(["Conv 1x1 channels-last"]) < 140


def test_the_crossing_is_where_the_two_lines_meet():
    found = crossing([(8.0, 1.0), (32.0, 4.0)], [(8.0, 2.0), (32.0, 2.0)])
    assert found == [pytest.approx(16.0)]
    mark = first_crossing(series())
    assert mark.name == "fast" and 16 < mark.x < 32
    x, _ = crossover_scales(series())
    line = by_class(parse(crossover(series(), "channels", "c")), "mark")[0]
    assert place(line, "x1") == pytest.approx(x(mark.x), abs=0.006)


def test_lines_that_do_not_cross_get_no_mark():
    apart = [series()[0], Series("slow", [(8.0, 1.0, None, None), (32.0, 2.0, None, None)])]
    assert first_crossing(apart) is None
    assert not by_class(parse(crossover(apart, "channels", "c")), "mark")


def test_a_roofline_point_sits_under_its_share_of_the_roof():
    roofs = [Roof("fp32", 236e9), Roof("fp16", 944e9)]
    points = [Point(30.0, 118e9, True, 236e9), Point(2.0, 20.5e9, False, 41e9), Point(40.0, 472e9, False, 820e9)]
    root = parse(roofline(roofs, [20.5e9], points, ["1 conv", "2 wht", "3 half"], "r"))
    x, y = roofline_scales(roofs, [20.5e9], points)
    spots = [(place(one, "cx"), float(one.get("cy"))) for one in by_class(root, "dot")]
    # the baseline last, so that no rival at its place hides it
    assert spots == [pytest.approx((x(p.intensity), y(p.rate)), abs=0.006) for p in points[1:] + points[:1]]
    drops = [(place(one, "x1"), float(one.get("y1"))) for one in by_class(root, "drop")][:3]
    assert drops == [pytest.approx((x(p.intensity), y(p.roof)), abs=0.006) for p in points]
    assert len(by_class(root, "roof")) == 2
    texts = [one.text for one in root.iter("text")]
    assert "fp32" in texts and "fp16" in texts and texts[-3:] == ["1 conv", "2 wht", "3 half"]
    titles = [one.text for one in by_class(root, "axis-title")]
    assert titles == ["arithmetic rate, FLOP/s (log)", "intensity, FLOP per byte (log)"]


def test_roofs_that_lie_together_share_a_line_of_text():
    roofs = [Roof("fp16", 100e12), Roof("bf16", 101e12), Roof("fp32", 10e12)]
    root = parse(roofline(roofs, [1e12], [Point(5.0, 1e12, False, 5e12)], ["1 a"], "r"))
    names = [one.text for one in by_class(root, "halo") if "point-number" not in one.get("class")]
    assert names == ["bf16, fp16", "fp32"]


def test_a_roofline_without_a_measured_roof_still_draws_its_points():
    root = parse(roofline([], [20e9], [Point(2.0, 20.5e9)], ["1 a: int8, no roof"], "r"))
    assert len(by_class(root, "dot")) == 1 and not by_class(root, "drop")


spots = st.lists(st.tuples(st.floats(2, 65), st.floats(60, 280)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(spots, st.floats(NARROW, WIDE))
def test_no_number_covers_a_point_or_another_number_at_any_width(spots, width):
    boxes = beside(spots, [str(i + 1) for i in range(len(spots))], [], 40, 294)

    def edges(box):
        x, y = box.x * width / 100.0 + box.dx, box.y + box.dy
        return x - box.half_width, x + box.half_width, y - box.half_height, y + box.half_height

    def touch(one, other):
        a, b = edges(one), edges(other)
        return min(a[1], b[1]) - max(a[0], b[0]) > 1e-6 and min(a[3], b[3]) - max(a[2], b[2]) > 1e-6

    drawn = [dot(x, y) for x, y in spots]
    assert not [(one, other) for one in boxes for other in drawn if touch(one, other)]
    assert not [(i, j) for i in range(len(boxes)) for j in range(i) if touch(boxes[i], boxes[j])]
    assert all(edges(box)[0] >= -1e-6 and edges(box)[1] <= width + 1e-6 for box in boxes)


def test_markup_escapes_what_comes_from_a_record():
    assert parse(text('<b a="1">&', 0, 0)).text == '<b a="1">&'
    assert parse(element("g", aria_label='"><x')).get("aria-label") == '"><x'


def test_every_chart_of_a_report_parses(found):
    for one in found.values():
        charts = Charts(one)
        parse(charts.axis())
        for table in one.tables:
            for row in table.rows:
                parse(charts.row(table, row))
        for table in one.strips:
            parse(charts.strip_axis(table))
            for row in table.rows:
                parse(charts.strip(table, row))
        for trace in one.traces:
            parse(charts.panels(trace))
        for sweep in one.sweeps:
            parse(charts.crossover(sweep))
        for roofline_ in one.rooflines:
            parse(charts.roofline(roofline_))


def test_a_sweep_becomes_one_line_per_layer(found, runs):
    sweep = found["sweep"].sweeps[0]
    assert sweep.axis == "channels"
    assert [line.name for line in sweep.lines] == ["Conv 3x3", "WHT fused", "DCT fused", "WHT torch"]
    assert [point.value for point in sweep.lines[0].points] == [8, 16, 32, 64, 128, 256, 512, 1024]
    baseline = runs["nano"].comparisons[0].baseline
    assert sweep_of(baseline) is None
    assert sweep_of(baseline._replace(options=(("sweep", {"axis": "channels", "value": 64}),))) == (
        "", "channels", 64.0)
    assert sweep_of(baseline._replace(options=(("sweep", "x"), ("sweep_axis", "n"), ("sweep_value", 0)))) is None
    assert found["nano"].sweeps == ()


def test_the_roofline_is_drawn_only_from_a_measured_roof(found):
    assert found["nano"].rooflines == ()
    assert [len(one.points) for one in found["sweep"].rooflines] == [4]


def typed(folder, roof):
    """A run of one comparison on CUDA with a rival in each of several types, and ``roof`` in its record."""
    base = layer("Conv", "best", device="cuda")
    rivals = (layer("Conv", "TF32", device="cuda", options=(("tf32", True),)),
              layer("Conv", "half", device="cuda", dtype="float16"),
              layer("Conv", "int8", device="cuda", options=(("arithmetic", "int8"),)))
    one = Comparison("types", "Types", base, rivals)
    build = RecordBuilder(folder, [one], device="cuda", environment=NANO._replace(roof=roof))
    build.check(one.id, [CheckResult(one.case_id(case), True, parameters=1, macs=5 * 10 ** 11, bytes=10 ** 9)
                         for case in one.cases])
    build.time(one.id, {case.slug: 0.1 for case in one.cases}, launches=1, rounds=12)
    build.end()
    return findings(build.load(), published=())


def test_each_rival_lies_under_the_roof_of_its_own_type(tmp_path):
    told = typed(tmp_path, {
        "bytes_per_s": 1e12, "flops_per_s": 2e13, "flops_per_s_by_dtype": {"float32": 2e13, "tf32": 4e13,
                                                                           "float16": 8e13, "int8": None},
        "flops_by_dtype": {"float32": "torch.mm"}, "flops_per_s_by_dtype_reason": {"int8": "the CPU only"}})
    chart, = told.rooflines
    # 10^13 FLOP/s each
    shares = {point.type: point.share for point in chart.points}
    assert shares.pop("int8") is None
    assert shares == pytest.approx({"float32": 0.5, "tf32": 0.25, "float16": 0.125}, rel=0.01)
    key = roofline_key(chart)
    assert key[0].startswith("1 Conv best: fp32, 50")
    assert any(entry.endswith("Conv int8: int8, no roof") for entry in key)
    assert "fp32 roof, measured 20.0\u202fTFLOP/s (torch.mm)" in key and "int8 roof not measured: the CPU only" in key
    page = render_page(told)
    assert "int8, no roof" in page and "tf32 roof, measured 40.0" in page


def test_a_type_of_which_an_older_record_has_no_roof_is_drawn_without_one_and_says_so(tmp_path):
    chart, = typed(tmp_path, {"bytes_per_s": 1e12, "flops_per_s": 2e13}).rooflines
    assert {point.type for point in chart.points if point.share is not None} == {"float32"}
    assert "fp16 roof not measured: this run measured no roof of this type" in roofline_key(chart)


def test_an_interval_that_leaves_the_axis_ends_in_an_arrowhead():
    from reports.formats.svg.charts import interval_row
    from reports.formats.svg.scales import Linear

    scale = Linear(-10.0, 10.0)
    assert "\u25c2" in interval_row(scale, 0.0, "slower", -9.0, -14.0, -4.0)
    assert "\u25b8" in interval_row(scale, 0.0, "faster", 9.0, 4.0, 14.0)
    within = interval_row(scale, 0.0, "faster", 9.0, 4.0, 10.0)
    assert "\u25b8" not in within and "\u25c2" not in within
