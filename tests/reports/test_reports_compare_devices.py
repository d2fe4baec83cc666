"""Runs of several devices as columns: what each cell holds, who wins where, and how far each is from its roof."""

import csv
import html
import io
import json
import os
import re

import pytest
from report_fixtures import NANO, RecordBuilder, comparison

from harness.reasons import Code, Reason, sentence
from harness.record import CheckResult, load_run
from reports import compare
from reports.findings import compared as side_by_side
from reports.findings import findings
from reports.findings.causes import Cause, cause_of
from reports.findings.compared import Cell, Roof, won
from reports.findings.published import Published, Quantity
from reports.findings.rows import RowState
from reports.formats.changes_text import changes_text
from reports.formats.compare_files import csv_text, html_text, json_text, markdown_text
from reports.formats.compare_sheets import cell_lines, winner_text

REFERENCE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "results",
                         "reference")
DESKTOP = NANO._replace(board={"model": None}, cpu={"model": "AMD EPYC", "cores": 2}, roof={
    "flops_per_s": 100e9, "bytes_per_s": 20e9, "device": "cpu", "threads": 2})
SLOW_ROOF = {"flops_per_s": 10e9, "bytes_per_s": 4e9, "device": "cpu", "threads": 2}


def made(folder, ident, environment, times):
    """Ten images; the rivals' multiply-adds and bytes are such that the shares can be reckoned by hand."""
    one = comparison("a", "A title", "conv", ("wht fused", "wht torch"), threads=2)
    build = RecordBuilder(folder, [one], environment=environment, ident=ident)
    build.check("a", [CheckResult(one.case_id(case), True, 1e-6, 1e-4, macs=10 ** 7, bytes=10 ** 6)
                      for case in one.cases])
    build.time("a", times)
    build.memory("a", dict.fromkeys(times, 10 ** 7), repeats=3)
    build.energy("a", dict.fromkeys(times, 0.003))
    build.end()
    return build.load()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    nano = made(folder / "nano", "nano-run", NANO._replace(roof=SLOW_ROOF),
                {"conv": 20e-3, "wht-fused": 10e-3, "wht-torch": 40e-3})
    desktop = made(folder / "desktop", "desktop-run", DESKTOP, {"conv": 2e-3, "wht-fused": 4e-3, "wht-torch": 4e-3})
    return nano, desktop


def compared(runs, published=()):
    return side_by_side.compared([side_by_side.summary_of(one) for one in runs], published)


def words(text):
    return " ".join(text.replace("\u202f", " ").split())


def cell(found, case, column):
    return next(row for table in found.tables for row in table.rows if row.case == case).cells[column]


def test_a_cell_holds_time_advantage_interval_memory_energy_per_image_and_share_of_the_roof(both):
    one = cell(compared(both), "a/wht-fused", 0)
    assert one.median_s == pytest.approx(10e-3, rel=0.02)
    assert one.low < one.speed < one.high and one.speed == pytest.approx(2.0, rel=0.02)
    assert one.memory_bytes == pytest.approx(1.2e7, rel=0.02)
    assert one.energy_per_image_j == pytest.approx((3e-3 + 1.24 * 0.002) / 10)  # ten images a call
    assert one.roof_share == pytest.approx(2e7 / 10e9 / 10e-3, rel=0.02)        # 2 ms of multiply-adds in 10 ms


@pytest.mark.parametrize("roof, share", [
    ((10e9, 4e9), 0.2), ((1000e9, 1e9), 0.1), ((None, 1e9), None), ((None, None), None)])
def test_the_share_of_the_roof_is_that_of_the_tighter_limit(roof, share, tmp_path):
    limits = {"flops_per_s": roof[0], "bytes_per_s": roof[1], "device": "cpu", "threads": 2}
    run = made(tmp_path, "run", NANO._replace(roof=limits), {"conv": 20e-3, "wht-fused": 10e-3})
    assert cell(compared([run]), "a/wht-fused", 0).roof_share == (
        None if share is None else pytest.approx(share, rel=0.02))


def test_the_share_of_the_roof_is_that_of_the_runs_own_report():
    """Types, threads and caches included: the same layer must not have two."""
    run = load_run(os.path.join(REFERENCE, next(name for name in sorted(os.listdir(REFERENCE)) if "paper" in name)))
    told = {one.case: (one.share, one.times, one.above) for one in findings(run, ()).roof_points}
    assert len(told) > 10
    for table in compared([run]).tables:
        for row in table.rows:
            one = row.cells[0]
            assert (one.roof_share, one.roof_times, one.above_roof) == told.get(row.case, (None, None, None))


@pytest.mark.parametrize("roof, above", [((1e9, 4e9), Code.ABOVE_ARITHMETIC), ((10e9, 0.05e9), Code.ABOVE_COPY)])
def test_a_case_above_its_roof_has_no_share_and_every_format_says_why(roof, above, tmp_path):
    limits = {"flops_per_s": roof[0], "bytes_per_s": roof[1], "device": "cpu", "threads": 2}
    found = compared([made(tmp_path, "run", NANO._replace(roof=limits), {"conv": 20e-3, "wht-fused": 1e-3})])
    one = cell(found, "a/wht-fused", 0)
    assert one.roof_share is None and one.above_roof is above and one.roof_times == pytest.approx(20, rel=0.02)
    line = list(csv.DictReader(io.StringIO(csv_text(found))))[1]
    assert line["roof_share"] == "" and float(line["roof_times"]) == one.roof_times
    assert line["roof_share_reason"] == sentence(Reason(above))
    assert json.loads(json_text(found))["tables"][0]["rows"][1]["cells"][0]["above_roof"] == above.value
    assert [line for line in cell_lines(one, False) if "roof" in line] == ["above its roof (20.0\u00d7)"]
    for said in (markdown_text(found), html.unescape(html_text(found)), changes_text(found, 200, True)):
        assert "above its roof (20.0\u00d7)" in said and words(sentence(Reason(above))) in words(said)


def test_a_roof_measured_with_other_threads_is_not_used(tmp_path):
    other = NANO._replace(roof=dict(SLOW_ROOF, threads=1))
    run = made(tmp_path / "run", "run", other, {"conv": 20e-3, "wht-fused": 10e-3})
    found = compared([run])
    assert found.columns[0].roof == Roof()
    assert cell(found, "a/wht-fused", 0).roof_share is None


def test_devices_are_named_and_never_called_old_or_new(both):
    for text in (changes_text(compared(both), 200), markdown_text(compared(both)), html_text(compared(both))):
        assert "Jetson Nano" in text and "AMD EPYC" in text
        assert " old " not in text and "| old" not in text and ">old<" not in text


def test_nothing_becomes_slower_from_one_board_to_another(both):
    assert compare.exit_status(compared(both)) == compare.FINE


def test_the_map_says_who_wins_on_which_device(both):
    found = compared(both)
    assert [one.name for one in found.winners[0].cells] == ["wht fused", "conv"]
    text = words(changes_text(found, 200))
    assert re.search("wht fused (2.0|1.99).?\u00d7", text) and "conv (baseline)" in text


def test_rivals_whose_intervals_reach_into_the_winners_share_the_first_place():
    cells = [("conv", True, Cell(RowState.BASELINE, 1.0)), ("a", False, Cell(RowState.FASTER, 2.0, 1.9, 2.1)),
             ("b", False, Cell(RowState.FASTER, 1.95, 1.85, 2.0)), ("c", False, Cell(RowState.FASTER, 1.5, 1.4, 1.6))]
    assert won(cells).name == "a" and won(cells).level == ("b",)


def test_nobody_wins_where_nothing_is_told_and_where_nothing_was_measured_there_is_no_cell():
    doubt = [("conv", True, Cell(RowState.BASELINE, 1.0)), ("a", False, Cell(RowState.CANNOT_TELL, 1.01))]
    assert won(doubt).name is None
    assert won([("conv", True, Cell()), ("a", False, Cell())]) is None


def test_a_rival_that_is_slower_is_not_said_to_be_level_with_the_baseline():
    mixed = won([("conv", True, Cell(RowState.BASELINE, 1.0)), ("a", False, Cell(RowState.CANNOT_TELL, 1.01)),
                 ("b", False, Cell(RowState.SLOWER, 0.4))])
    assert winner_text(mixed) == "? nobody: no rival is faster, and not all are slower"


def test_a_case_that_one_device_lacks_leaves_its_cell_empty(both, tmp_path):
    less = made(tmp_path / "less", "less", DESKTOP, {"conv": 2e-3, "wht-fused": 4e-3})
    found = compared([both[0], less])
    assert cell(found, "a/wht-torch", 1).speed is None
    assert "not measured" in changes_text(found, 200)


@pytest.mark.parametrize("name, cause", [
    ("board.model", Cause.BOARD), ("clocks.power_mode", Cause.POWER), ("clocks.gpu_max_hz", Cause.CLOCKS),
    ("gpu.tf32_matmul", Cause.BACKEND), ("gpu.name", Cause.BOARD), ("torch.version", Cause.VERSIONS),
    ("torch.mkldnn", Cause.BACKEND), ("settings.threads", Cause.THREADS), ("git.commit", Cause.CODE),
    ("kernels.cpu.tuning.2.probe_seconds", Cause.NONE), ("roof.bytes_per_s", Cause.ROOF),
    ("python.encoding", Cause.NONE),
    ("settings.seed", Cause.NONE), ("os.container", Cause.NONE)])
def test_each_fact_is_said_to_explain_what_it_can(name, cause):
    assert cause_of(name) is cause


PRINTED = [Published("a", slug, Quantity.TIME, value, "ms", "Jetson Nano", "TFLite", "p", "s", "")
           for slug, value in (("conv", 30.0), ("wht-fused", 10.0))]


def test_printed_numbers_get_a_column_of_their_own_and_no_verdict(both):
    found = compared(both[:1], PRINTED)
    assert [column.printed for column in found.columns] == [False, True]
    printed = cell(found, "a/wht-fused", 1)
    assert (printed.state, printed.median_s, printed.speed) == (RowState.NOT_MEASURED, 0.01, 3.0)
    assert cell(found, "a/wht-torch", 1).state is None
    text = changes_text(found, 200)
    assert "published: Jetson Nano" in text and "not published" in text and "TFLite on the CPU" in words(text)
    assert "environments" not in text                          # one run has nothing to differ from
    assert found.winners[0].cells[1] is None


def test_the_papers_numbers_are_found_beside_the_reference_run(capsys):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    name = next(one for one in sorted(os.listdir(os.path.join(root, "results", "reference"))) if "paper" in one)
    status = compare.main([os.path.join(root, "results", "reference", name), "published"])
    out = words(capsys.readouterr().out)
    assert status == compare.FINE
    assert "published: Jetson Nano 4 GB" in out and "24.0\u00d7" in out        # the one has times, the other a claim


def test_every_format_holds_every_device(both):
    found = compared(both)
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert {row["run"] for row in rows} == {"nano-run", "desktop-run"} and len(rows) == 6
    assert {row["energy_per_image_j"] == "" for row in rows} == {False}
    told = json.loads(json_text(found))
    assert [column["run"] for column in told["columns"]] == ["nano-run", "desktop-run"]
    page = html_text(found)
    page.encode("ascii")
    assert "<script" not in page and "src=" not in page and "of its roof" in page
    assert "per image" in markdown_text(found)


def test_three_runs_are_each_held_against_the_first(both, tmp_path):
    again = made(tmp_path / "again", "again", NANO._replace(roof=SLOW_ROOF),
                 {"conv": 20e-3, "wht-fused": 15e-3, "wht-torch": 40e-3})
    found = compared([both[0], both[1], again])
    assert [(one.first.run, one.second.run, one.same_board) for one in found.changes] == [
        ("nano-run", "desktop-run", False), ("nano-run", "again", True)]
    assert compare.exit_status(found) == compare.SLOWER


@pytest.mark.parametrize("share, told", [(1.0, "100"), (0.993, "99"), (0.071, "7.1"), (0.0052, "0.52")])
def test_the_share_of_a_roof_is_a_number_that_people_read(share, told):
    assert cell_lines(Cell(RowState.BASELINE, median_s=1e-3, roof_share=share, roof_times=share), True)[-1] == \
        "{}\u202f% of its roof".format(told)
