"""What fits and what is sustained: the same answers on terminal, Markdown, page and in the CSV tables."""

import csv
import io

import pytest

from harness.plan import Case, Comparison
from harness.reasons import Code, because
from harness.record import (
    FORMAT,
    End,
    FitLine,
    FitProbe,
    Header,
    RecordWriter,
    SoakBlock,
    SoakLine,
    SoakTrace,
    load_run,
)
from harness.rule import Rule
from harness.settings import Settings
from harness.soak_blocks import entrant_of
from harness.words import RunStatus, State, Status
from reports.findings import as_data, findings
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.sheets import sheets
from reports.formats.tables import all_tables
from reports.formats.terminal import terminal_text

BASE = Case("conv", "", "m:f", (10, 64, 8, 8))
RIVAL = Case("wht", "fused", "m:g", (10, 64, 8, 8))
FUSSY = Case("fussy", "", "m:h", (10, 64, 8, 8))
ONE = Comparison("one", "64 channels", BASE, (RIVAL, FUSSY))
LIMIT = 4 * 10 ** 9


def fit_line(case, largest, refused, reason=None, per_image=10 ** 6):
    why = reason or because(Code.NO_MEMORY, limit_bytes=LIMIT)
    own = 2 * 10 ** 8
    ran = [FitProbe(batch, True, own + batch * per_image, own) for batch in (largest // 2, largest)]
    return FitLine("one", case, Status.OK, limit_bytes=LIMIT, largest=largest, refused=refused,
                   tried=tuple(ran) + (FitProbe(refused, False, reason=why),))


def soak_line(rival_per_s=(200, 150), clock=True, number=54, block_s=10.0):
    blocks, rows = [], []
    for index in range(number):
        late = index >= number // 2
        speed = (rival_per_s if entrant_of(index) else (100, 70))[late] * (1.0 + 0.001 * (index % 5))
        start = index * block_s
        blocks.append(SoakBlock(("one/conv", "one/wht-fused")[entrant_of(index)], start, start + block_s,
                                int(speed * block_s)))
        rows += [(start + 2.0 * step, index, speed, (640e6 if late else 920e6) if clock else None, 50.0 + 10 * late,
                  7.0 if late else 10.0) for step in range(1, 6)]
    return SoakLine("one", "one/wht-fused", Status.OK, soak_s=number * block_s, block_s=block_s,
                    blocks=tuple(blocks), trace=SoakTrace(*[tuple(column) for column in zip(*rows)]),
                    clock_reason=None if clock else "none here")


def recorded(folder, passes, lines, **settings):
    with RecordWriter(str(folder)) as writer:
        writer.append(Header(FORMAT, "r", "s", "2026-01-01T00:00:00Z", 1,
                             Settings("cpu", 1, passes=passes, **settings), Rule(), (ONE,)))
        for line in lines:
            writer.append(line)
        writer.append(End(RunStatus.COMPLETE, "2026-01-01T00:10:00Z"))
    return findings(load_run(str(folder)))


@pytest.fixture
def fitted(tmp_path):
    refuses = because(Code.RAISED, "ValueError: 40 at most")
    return recorded(tmp_path, ("verify", "fit"), [
        fit_line("one/conv", 1000, 1010), fit_line("one/wht-fused", 1900, 1919),
        fit_line("one/fussy", 40, 41, refuses)], fit_bytes=LIMIT)


@pytest.fixture
def soaked(tmp_path):
    return recorded(tmp_path, ("verify", "soak"), [soak_line()], soak_s=540.0, soak_block_s=10.0)


def rows_of(found, name):
    return list(csv.DictReader(io.StringIO(dict(all_tables(found))[name])))


def test_the_largest_batches_stand_against_the_baselines(fitted):
    base, rival, fussy = fitted.fit_tables[0].rows
    assert (base.largest, rival.largest, rival.ratio) == (1000, 1900, 1.9)
    assert rival.per_image_bytes == 10 ** 6 and rival.own_bytes == 2 * 10 ** 8
    assert fussy.refused_for.code is Code.RAISED


def test_every_format_shows_what_fits(fitted):
    for text in (terminal_text(fitted, None, 120), markdown(fitted), render_page(fitted)):
        assert "1900" in text and "1919" in text and "4.00" in text
        assert "runs a batch of 1900" in text and "one of 1000" in text
        assert "40 at most" in text
    row = rows_of(fitted, "fit.csv")[1]
    assert (row["largest_batch"], row["refused_batch"], row["ratio"]) == ("1900", "1919", "1.9")
    assert as_data(fitted)["fit_tables"][0]["rows"][1]["largest"] == 1900


def test_a_run_that_timed_nothing_on_purpose_has_no_tables_of_nothing(fitted):
    assert fitted.tables == () and "Nothing was timed" not in terminal_text(fitted, None)


def test_burst_sustained_and_throttling_stand_in_every_format(soaked):
    verdict = soaked.soak_tables[0].rows[0].verdict
    assert verdict.state is State.FASTER and verdict.speed == pytest.approx(150 / 70.0, rel=0.01)
    assert verdict.rival.kept == pytest.approx(0.75, rel=0.01)
    assert verdict.throttled_s == pytest.approx(272.0)
    for text in (terminal_text(soaked, None, 140), markdown(soaked), render_page(soaked)):
        for words in ("faster", "sustained, wht fused is 2.14", "272", "by clock", "60.0", "7.00"):
            assert words in text, words
    rows = rows_of(soaked, "soak.csv")
    assert len(rows) == 54 * 5 and rows[0]["clock_hz"] == "920000000" and rows[0]["busy"] == "one/conv"


def test_a_rival_that_was_not_soaked_says_why(soaked):
    assert "not measured" in terminal_text(soaked, None, 140)
    assert soaked.soak_tables[0].rows[1].reason is not None


def test_too_few_pairs_name_the_remedy(tmp_path):
    found = recorded(tmp_path, ("soak",), [soak_line(number=10)], soak_s=100.0)
    assert "--soak-block" in " ".join(terminal_text(found, None, 140).split())
    assert found.soak_tables[0].rows[0].verdict.state is State.CANNOT_TELL


def test_without_a_clock_speed_tells_and_a_note_warns_of_other_programs(tmp_path):
    found = recorded(tmp_path, ("soak",), [soak_line(clock=False)], soak_s=540.0)
    text = " ".join(terminal_text(found, None, 140).split())
    assert "by speed" in text and "other programs" in text


def test_what_holds_for_several_tables_is_said_below_the_last_of_them(soaked):
    table, = soaked.soak_tables
    twice = sheets(soaked._replace(soak_tables=(table, table._replace(id="two", title="128 channels"))))
    assert [len([note for note in one.notes if note.startswith("Burst is")]) for one in twice] == [0, 1]
    assert twice[1].notes == sheets(soaked)[0].notes


def test_a_soak_compared_nothing_and_does_not_count_it(soaked):
    for said in (terminal_text(soaked, None), markdown(soaked), render_page(soaked)):
        assert "0 rivals" not in said


def test_other_runs_have_neither_table_nor_file(tmp_path):
    found = recorded(tmp_path, ("verify", "time"), [])
    assert (found.fit_tables, found.soak_tables) == ((), ())
    assert not {"fit.csv", "soak.csv"} & {name for name, _ in all_tables(found)}
