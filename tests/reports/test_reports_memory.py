"""Memory of several fresh processes: median, spread and verdict, in the findings and in every format."""

import csv
import io
import os

import pytest
from report_fixtures import RecordBuilder, comparison

from harness.notebook.frame import rows as frame_rows
from harness.reasons import Code, because
from harness.record import MemoryLine, MemoryTrace, load_run
from harness.words import State, Status
from reports.findings import findings
from reports.findings.memory import Kind, case_memories, main_figures, main_kinds
from reports.formats import memory_words
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.publication import memory_bars
from reports.formats.tables import memory_csv, memory_trace_csv
from reports.formats.terminal import terminal_text

MB = 10 ** 6
SIZES = {"conv": 40 * MB, "wht-small": 10 * MB, "wht-large": 90 * MB, "wht-twin": 40 * MB + 5000}


def record(folder, repeats=3, **more):
    build = RecordBuilder(folder, [comparison("a", "A", "conv", ("wht small", "wht large", "wht twin"))],
                          passes=("verify", "time", "memory"))
    build.verify("a")
    build.time("a", dict.fromkeys(SIZES, 1e-3), launches=1, rounds=12)
    build.memory("a", SIZES, repeats=repeats, **more)
    return build


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    build = record(tmp_path_factory.mktemp("repeated"), missing=(2,))
    build.end()
    return build.load()


@pytest.fixture(scope="module")
def told(repeated):
    return findings(repeated, published=())


def figure(told, slug, kind=Kind.RSS):
    return next(case for case in told.memory if case.case == "a/" + slug).of(kind)


def test_a_figure_is_the_median_of_its_processes_with_the_least_and_the_most(told):
    one = figure(told, "wht-small")
    assert (one.value, one.low, one.high) == (12 * MB, 12 * MB - 20000, 12 * MB + 20000)
    assert (one.repeats, one.of) == (3, 3) and figure(told, "conv").of == 6


@pytest.mark.parametrize("slug, state", [
    ("wht-small", State.SMALLER), ("wht-large", State.LARGER), ("wht-twin", State.SAME)])
def test_every_rival_gets_a_verdict_against_the_baseline_in_every_kind_it_has(told, slug, state):
    for kind in (Kind.TORCH_ALLOCATED, Kind.TORCH_RESERVED, Kind.RSS, Kind.USS):
        assert figure(told, slug, kind).verdict.state is state, kind
    assert figure(told, "conv").verdict is None


def test_a_kind_that_only_some_processes_could_give_says_so(told):
    one = figure(told, "wht-small", Kind.RAM)
    assert (one.repeats, one.of, one.reasons) == (2, 3, (because(Code.NO_NUMBER,
                                                                 "other programs moved 9.0 MB meanwhile"),))
    assert one.verdict.state is State.CANNOT_TELL            # two processes are too few
    assert "2 of 3 processes gave a number: other programs moved" in markdown(told)


def test_what_all_kinds_of_a_case_lack_is_said_once_beside_its_name(tmp_path):
    build = record(tmp_path)
    build.append(MemoryLine("a", "a/wht-small", Status.FAILED, because(Code.KILLED), 3.5, repeat=2))
    build.end()
    found = findings(build.load(), published=())
    row = next(row for table in found.memory_tables for row in table.rows if row.case == "a/wht-small")
    kinds = (Kind.RSS, Kind.USS)
    shared = memory_words.common_lacking(row, kinds)
    assert shared.startswith("2 of 3 processes gave a number: killed")
    for kind in kinds:
        assert memory_words.memory_notes(row.of(kind), False, shared=shared)[1:] == ["cannot tell"]
    assert memory_words.common_lacking(row, (Kind.RSS,)) is None


def test_a_case_of_which_some_processes_died_keeps_the_others_figures(tmp_path):
    build = record(tmp_path)
    build.append(MemoryLine("a", "a/wht-small", Status.FAILED, because(Code.KILLED), 3.5, repeat=2))
    build.end()
    one = figure(findings(build.load(), published=()), "wht-small")
    assert (one.repeats, one.of, one.reasons) == (2, 3, (because(Code.KILLED),))


def test_one_process_gives_a_number_and_no_verdict(tmp_path):
    build = record(tmp_path, repeats=1)
    build.end()
    told = findings(build.load(), published=())
    one = figure(told, "wht-small")
    assert (one.value, one.repeats, one.verdict) == (12 * MB, 1, None)
    for text in (markdown(told), terminal_text(told, None), render_page(told), memory_csv(told)):
        assert "one process, no spread" in text
    assert [(bar.low, bar.high) for bar in memory_bars(told, told.tables[0])] == [(None, None)] * 4


def test_every_format_shows_figure_spread_and_verdict(told):
    assert "12.0\u202fMB, \\[12.0\u202fMB, 12.0\u202fMB\\], smaller" in markdown(told)
    page = render_page(told)
    assert "12.0&#8239;MB<span" in page and ">smaller</span>" in page and ">larger</span>" in page
    lines = terminal_text(told, None, unicode_=False).split("\n")
    start = max(number for number, line in enumerate(lines) if line.startswith("wht small"))
    assert "12.0 MB" in lines[start] and "+- 20.0 kB" in lines[start + 1] and "smaller" in lines[start + 2]
    row = next(row for row in csv.DictReader(io.StringIO(memory_csv(told))) if row["case"] == "a/wht-small")
    assert row["rss_delta_peak_bytes_verdict"] == "smaller"
    assert (row["rss_delta_peak_bytes_low"], row["rss_delta_peak_bytes_high"]) == ("11980000", "12020000")
    assert float(row["rss_delta_peak_bytes_difference"]) == -30 * MB


def test_the_error_bar_for_papers_is_the_spread_of_the_processes(told):
    bars = {bar.name: bar for bar in memory_bars(told, told.tables[0])}
    assert (bars["wht small"].low, bars["wht small"].high) == (12 * MB - 20000, 12 * MB + 20000)


def test_the_frame_has_a_row_for_every_process(repeated):
    found = [row for row in frame_rows(repeated) if row["pass"] == "memory"]
    assert [row["repeat"] for row in found if row["case"] == "a/conv"] == [1, 2, 3, 4, 5, 6]
    assert [row["ram_delta_peak_bytes"] is None for row in found if row["case"] == "a/wht-small"] == [
        False, True, False]


def test_a_comparison_on_the_cpu_inside_a_cuda_run_shows_what_its_process_took(tmp_path):
    plan = [comparison("gpu", "On the GPU", "conv", ("wht small",), device="cuda"),
            comparison("cpu", "On the CPU", "conv", ("wht small",), device="cpu")]
    build = RecordBuilder(tmp_path, plan, device="cuda", passes=("verify", "time", "memory"))
    for one in plan:
        build.verify(one.id)
        build.time(one.id, {"conv": 1e-3, "wht-small": 2e-3}, launches=1, rounds=12)
        build.memory(one.id, {"conv": 40 * MB, "wht-small": 10 * MB}, repeats=3, torch_peak=one.id == "gpu")
    build.end()
    told = findings(build.load(), published=())
    assert [table.memory_kind for table in told.tables] == [Kind.TORCH_ALLOCATED, Kind.RSS]
    # torch's count as it is, RSS 2 MB above what the record's builder was told
    assert [[row.memory.value for row in table.rows] for table in told.tables] == [
        [40 * MB, 10 * MB], [42 * MB, 12 * MB]]
    page, text = render_page(told), markdown(told)
    for title in ("torch allocated", "process RSS"):
        assert "Memory ({}): the highest reading".format(title) in page and "memory, " + title in text
    assert [bar.high for bar in memory_bars(told, told.tables[1])] == [42 * MB + 20000, 12 * MB + 20000]


def test_the_working_set_over_time_is_a_table_of_its_own(tmp_path):
    build = record(tmp_path)
    trace = MemoryTrace((0.0, 0.005, 0.01), (100 * MB, 140 * MB, 101 * MB))
    build.append(MemoryLine("a", "a/conv", Status.OK, repeat=1, trace=trace))
    build.end()
    rows = list(csv.DictReader(io.StringIO(memory_trace_csv(findings(build.load(), published=())))))
    assert [(row["case"], row["heap"], float(row["time_s"]), int(row["rss_bytes"])) for row in rows] == [
        ("a/conv", "pinned", at, size) for at, size in zip(*trace)]


REFERENCE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "results",
                         "reference")


@pytest.mark.parametrize("name", ["repeated"] + sorted(os.listdir(REFERENCE)))
def test_the_tables_alone_show_the_memory_that_the_findings_show(name, repeated):
    run = repeated if name == "repeated" else load_run(os.path.join(REFERENCE, name))
    memory = case_memories(run)
    kinds, figures = main_figures(run)
    assert kinds == main_kinds(run.comparisons, memory)
    assert figures == {place.id: memory[place.id].of(kinds[place.case.device] or Kind.RSS) for place in run.places()}
    left_out = all("memory" in one.without for one in run.comparisons)
    assert any(figure.value is not None for figure in figures.values()) is not left_out
