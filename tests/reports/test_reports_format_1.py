"""Records of format 1 stay readable for ever: this one was cut from a real run to two cases and few rounds."""

import os

from harness import load_run
from harness.reasons import Code
from reports import compare
from reports.__main__ import main
from reports.findings import findings

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "record_format_1")
CASES = ["1d-32x32/conv-1x1-best", "1d-32x32/wht-1d-two-stage"]


def test_it_loads_with_its_sentences_as_told_reasons():
    run = load_run(FOLDER)
    assert run.header.format == 1 and run.ended and [place.id for place in run.places()] == CASES
    assert [line.launch for line in run.timed("1d-32x32")] == [1, 2, 3, 4]
    stopped = run.timed("1d-32x32")[0].series[0].stopped
    assert stopped.code is Code.TOLD and stopped.said
    assert run.energy(CASES[0]).reason.kind is Code.NO_METER


def test_its_frame_holds_what_was_measured():
    frame = load_run(FOLDER).to_frame()
    times = frame[frame["pass"] == "time"]
    assert list(times["samples"]) == [36.0, 24.0, 24.0, 24.0] * 2 and (times["median_s"] > 0).all()
    assert (frame[frame["pass"] == "memory"]["rss_delta_peak_bytes"] > 0).all()
    assert frame[frame["pass"] == "energy"]["reason"].notnull().all()


def test_its_report_has_a_verdict_and_its_reasons(tmp_path, capsys):
    found = findings(load_run(FOLDER))
    row = found.tables[0].rows[1]
    assert (row.state, row.verdict.rounds) == ("faster", 54)
    assert main([FOLDER, "--out", str(tmp_path), "--no-figures"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "no power meter answers here" in out and "WHT 1D two-stage" in out


def test_it_compares_with_itself(capsys):
    assert compare.main([FOLDER, FOLDER]) in (compare.FINE, compare.CANNOT_TELL)
    assert "wht-1d-two-stage" in capsys.readouterr().out
