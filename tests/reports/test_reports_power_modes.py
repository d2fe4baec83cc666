"""Runs in several power modes side by side: speed against power, and the line of what nothing beats."""

import csv
import io

import pytest
from report_fixtures import NANO, RecordBuilder, comparison

from reports.findings import findings
from reports.findings.power_modes import ModePoint, pareto
from reports.formats.drawing import Charts
from reports.formats.figures import all_figures
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.tables import power_modes_csv

IDLE_W = 1.25


def mode_run(folder, mode, slowed=1.0, energy=True, model="NVIDIA Jetson Nano Developer Kit"):
    """A run in one mode: a convolution of 2 ms and a rival of 1 ms when nothing is ``slowed``."""
    one = comparison("64ch", "64 channels", "conv3x3", ("fwht fused",), shape=(10, 64, 56, 56))
    build = RecordBuilder(folder, [one], ident="run-" + str(mode), environment=NANO._replace(
        board={"model": model}, clocks={"power_mode": mode, "power_mode_id": 0}))
    times = {"conv3x3": 2e-3 * slowed, "fwht-fused": 1e-3 * slowed}
    build.verify(one.id)
    build.time(one.id, times)
    if energy:
        for slug, seconds in times.items():
            build.energy(one.id, {slug: seconds * 4.0 / slowed}, idle_w=IDLE_W, seconds_per_call=seconds)
    build.end()
    return build.load()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    return [mode_run(folder / "maxn", "MAXN"), mode_run(folder / "5w", "5W", 2.0)]


@pytest.fixture(scope="module")
def found(runs):
    return findings(runs[0], others=runs[1:])


def point(power_w, images_per_s):
    return ModePoint("r", "m", "c", "c", False, images_per_s, power_w, None, None)


def test_every_case_in_every_mode_has_its_speed_power_and_energy(found):
    table, = found.power_modes
    assert table.modes == ("MAXN", "5W")
    seen = {(one.name, one.mode): one for one in table.points}
    assert len(seen) == 4
    for (name, mode), seconds, watts in ((("conv3x3", "MAXN"), 2e-3, 5.25), (("fwht fused", "MAXN"), 1e-3, 5.25),
                                         (("conv3x3", "5W"), 4e-3, 3.25), (("fwht fused", "5W"), 2e-3, 3.25)):
        assert seen[name, mode].images_per_s == pytest.approx(10 / seconds, rel=0.02)
        assert seen[name, mode].power_w == pytest.approx(watts)
        assert seen[name, mode].per_image_j == pytest.approx(watts * seconds / 10, rel=1e-6)


def test_on_the_line_is_what_nothing_beats_in_speed_and_power_at_once(found):
    best = {(one.name, one.mode) for one in found.power_modes[0].points if one.best}
    assert best == {("fwht fused", "MAXN"), ("fwht fused", "5W")}


@pytest.mark.parametrize("points, best", [
    ([(5, 100), (10, 200)], [True, True]), ([(5, 100), (10, 90)], [True, False]),
    ([(5, 100), (5, 90)], [True, False]), ([(5, 100), (4, 100)], [False, True]),
    ([(5, 100), (5, 100)], [True, True]), ([(5, 100), (None, 500)], [True, False]),
])
def test_who_is_beaten(points, best):
    assert [one.best for one in pareto([point(*one) for one in points])] == best


def test_one_mode_or_runs_of_another_board_make_no_table(runs, tmp_path):
    assert findings(runs[0]).power_modes == ()
    assert findings(runs[0], others=[runs[0]]).power_modes == ()
    elsewhere = mode_run(tmp_path / "other", "10W", model="NVIDIA Jetson Orin Nano")
    assert findings(runs[0], others=[elsewhere]).power_modes == ()
    desktop = mode_run(tmp_path / "none", None)
    assert findings(runs[0], others=[desktop]).power_modes == ()


def test_without_a_power_meter_the_table_stands_and_says_why_nothing_is_drawn(runs, tmp_path):
    bare = [mode_run(tmp_path / mode, mode, energy=False) for mode in ("MAXN", "5W")]
    found = findings(bare[0], others=bare[1:])
    table, = found.power_modes
    assert table.drawn == () and not any(one.best for one in table.points)
    assert "No power, so nothing is best: " in markdown(found)
    assert "power-modes-" not in " ".join(name for name, _ in all_figures(found))
    assert render_page(found)


def test_the_page_draws_every_point_and_the_line_through_the_best(found):
    chart = Charts(found).power_modes(found.power_modes[0])
    assert chart.count("<circle") == 4 and chart.count("hollow") == 2
    assert chart.count("<path") == 1
    for words in ("conv3x3, MAXN", "fwht fused, 5W", "mean power, W", "images per second"):
        assert words in chart
    page = render_page(found)
    assert "Speed against power" in page and "fwht fused, 5W" in page


def test_a_higher_dot_is_faster_and_a_dot_further_right_draws_more(found):
    from reports.formats.svg.pareto import Point, pareto_scales, stairs

    points = [Point("a", 5.0, 100.0, 0, True), Point("b", 10.0, 300.0, 1, True), Point("c", 12.0, 200.0, 1, False)]
    x, y = pareto_scales(points)
    assert x(5.0) < x(10.0) < 100 and y(300.0) < y(100.0)
    assert stairs(points) == [(5.0, 100.0), (10.0, 100.0), (10.0, 300.0)]


def test_markdown_terminal_csv_and_figures_hold_the_same(found, capsys):
    from reports.formats.terminal import print_report

    text = markdown(found)
    assert "Power modes: 64 channels" in text and "| best |" in text
    print_report(found, None)
    assert "Power modes: 64 channels" in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(power_modes_csv(found))))
    assert len(rows) == 4 and {row["mode"] for row in rows} == {"MAXN", "5W"}
    assert sum(row["best"] == "True" for row in rows) == 2
    assert "figures/power-modes-64ch.svg" in ["figures/" + name for name, _ in all_figures(found)]
