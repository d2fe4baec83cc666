"""The time left, and the two live lines on terminals of several widths."""

import io

import pytest
from rich.console import Console

from harness.progress import BarProgress, PlainProgress


def progress_at(now, make=PlainProgress):
    found = make(lambda text: None, clock=lambda: now[0])
    found.begin(3, 0, work_left=100.0)
    return found


def test_nothing_is_said_before_anything_tells_the_pace():
    now = [0.0]
    progress = progress_at(now)
    progress.unit("time a", 50.0)
    assert progress.left_s() is None


def test_the_time_left_moves_inside_the_first_unit_with_its_own_estimate():
    now = [0.0]
    progress = progress_at(now)
    progress.unit("time a", 50.0)
    now[0] = 10.0
    progress.within(10, 40, "round 10 of at most 40", 30.0)
    assert progress.left_s() == pytest.approx(30.0 + 10.0 / 12.5 * 50.0)   # its own, then 50 at 0.8 s each
    told = progress.left_s()
    now[0] = 20.0
    progress.within(20, 40, "round 20 of at most 40", 20.0)
    assert progress.left_s() == pytest.approx(told - 10.0)


def test_between_two_words_from_the_unit_its_estimate_runs_down():
    now = [0.0]
    progress = progress_at(now)
    progress.unit_done("verify a: done", 50.0)
    progress.unit("time a", 50.0)
    now[0] = 10.0
    progress.within(1, 40, "round 1 of at most 40", 30.0)
    before = progress.left_s()
    now[0] = 15.0
    assert progress.left_s() == pytest.approx(before - 5.0)
    now[0] = 500.0
    assert progress.left_s() == 0.0                                       # late, but never below nothing


def test_a_unit_without_an_estimate_counts_by_the_share_that_is_done():
    now = [0.0]
    progress = progress_at(now)
    progress.unit("memory a", 40.0)
    now[0] = 10.0
    progress.within(1, 2, "repeat 1", None)
    assert progress.left_s() == pytest.approx(10.0 / 20.0 * 80.0)


def test_a_unit_that_ended_leaves_nothing_of_its_estimate():
    now = [0.0]
    progress = progress_at(now)
    progress.unit("time a", 50.0)
    now[0] = 10.0
    progress.within(1, 40, "round 1", 300.0)
    now[0] = 20.0
    progress.unit_done("time a: done", 50.0)
    assert progress.left_s() == pytest.approx(20.0)


@pytest.mark.parametrize("width, elapsed", [(40, False), (80, True), (200, True)])
def test_the_bar_has_room_at_every_width_and_nothing_folds(width, elapsed):
    out, now = io.StringIO(), [0.0]
    console = Console(file=out, width=width, force_terminal=True, color_system="standard")
    progress = BarProgress(console, clock=lambda: now[0])
    progress.begin(96, 11, 900.0)
    progress.unit("time 1-d-layer-for-a-1x1-convolution-10x1024x32x32, launch 2", 15.0)
    now[0] = 61.0
    progress.within(7, 14, "round 7 of at most 14", 200.0)
    lines = ["".join(segment.text for segment in line).rstrip()
             for line in console.render_lines(progress._bar.get_renderable())]
    progress.close()
    assert len(lines) == 2 and max(map(len, lines)) <= width
    assert lines[0].startswith("time 1-d-layer")
    assert sum(lines[1].count(part) for part in "\u2501\u2578\u257a") >= 10
    assert "12/96" in lines[1] and "left" in lines[1]
    assert ("0:00:" in lines[1]) is elapsed


def test_the_line_asks_for_the_time_left_whenever_it_is_drawn():
    now = [0.0]
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    progress = BarProgress(console, clock=lambda: now[0])
    progress.begin(2, 0, 100.0)
    progress.unit("time a", 50.0)

    def line():
        return "".join(segment.text for segment in console.render_lines(progress._bar.get_renderable())[1])

    now[0] = 1.0
    progress.within(1, 2, "round 1", 30.0)
    first = line()
    now[0] = 11.0
    second = line()
    progress.close()
    assert first.rstrip().endswith("32 s left") and second.rstrip().endswith("22 s left")
