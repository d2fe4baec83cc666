import re

import pytest
from report_fixtures import NANO, RecordBuilder, comparison, nano_run

from harness.reasons import Code, Reason
from harness.source import SourceFile
from reports.findings import as_data, findings
from reports.findings.about import about, command
from reports.findings.amounts import Amount, Gap
from reports.findings.energy import CaseEnergy, Saving, saving
from reports.findings.environment import differences, run_facts
from reports.findings.headline import short_titles
from reports.findings.memory import Kind
from reports.findings.rows import RowState
from reports.findings.samples import Strip, dots_per_row, strip_range, strip_ticks, thin
from reports.findings.traces import Channel, PhaseKind, kept_places
from reports.findings.validity import ValidityWarning, WarningCode
from reports.formats.energy_words import joules_text, saving_text
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.sentence import headline_parts, headline_text
from reports.formats.terminal import terminal_text
from reports.formats.texts import (
    alone_text,
    amount_reason,
    beyond_text,
    column_labels,
    next_step_text,
    reasons_text,
    row_reason,
    subline,
    warning_texts,
)
from reports.warning_words import warning_text


def rows(found, table):
    return {row.name: row for row in found.tables[table].rows}


def texts(found):
    return " ".join(one.text for one in warning_texts(found))


def codes(found):
    return [one.code for one in found.warnings]


def test_the_headline_says_who_how_much_against_what_and_where_it_does_not_hold(found):
    assert headline_text(found["nano"]) == (
        "On this Jetson Nano fwht fused is 1.83\u00d7 faster [1.80, 1.94] than conv3x3 at 64 channels, 1.46\u00d7 "
        "faster at 128 channels and cannot be told apart at 256 channels (float32, 1 thread).")
    assert [part.tone for part in headline_parts(found["nano"]) if part.tone] == [RowState.FASTER]


def test_many_sizes_are_counted_in_the_headline(found):
    assert ("2.57\u00d7 faster [2.50, 2.84] than Conv 3x3 at 1024 channels; of 7 more comparisons 3 faster and 4 "
            "slower (float32, CUDA; one launch, not confirmed).") in headline_text(found["sweep"])


def test_comparisons_about_other_layers_are_not_lumped_together(tmp_path):
    many = [comparison("a", "Net A", "dense", ("wht last", "other")),
            comparison("b", "Net B", "dense", ("debut all",)),
            comparison("c", "Net C", "dense", ("wht first",))]
    build = RecordBuilder(tmp_path, many)
    for one in many:
        build.verify(one.id)
        build.time(one.id, {case.slug: 2e-3 / (1 + i) for i, case in enumerate(one.cases)}, noise=1e-4)
    build.end()
    text = headline_text(findings(build.load(), published=()))
    assert re.sub(r"[12]\.\d\d", "2", text) == (
        "On this Jetson Nano wht last is 2\u00d7 faster [2, 2] than dense at Net A and 2\u00d7 faster at Net C (as "
        "wht first); debut all is 2\u00d7 faster [2, 2] than dense at Net B (both float32, 1 thread).")


def test_a_place_does_not_repeat_what_the_conditions_say_and_its_commas_part_no_list(tmp_path):
    many = [comparison(str(i), title, "dense", ("wht",)) for i, title in enumerate((
        "Net A, batch 1, 1 thread", "Net A, batch 4, 1 thread", "Net B, batch 1, 2 threads"))]
    build = RecordBuilder(tmp_path, many)
    for one, ratio in zip(many, (3.0, 2.0, 0.5)):
        build.verify(one.id)
        build.time(one.id, {"dense": 2e-3, "wht": 2e-3 / ratio}, noise=1e-4)
    build.end()
    text = re.sub(r"\d\.\d\d", "2", headline_text(findings(build.load(), published=())))
    assert text.endswith("than dense at Net A (batch 1), 2\u00d7 faster at Net A (batch 4) and 2\u00d7 slower at "
                         "Net B (batch 1, 2 threads) (float32, 1 thread).")


def test_places_of_one_verdict_are_named_together(tmp_path):
    many = [comparison(name, "Net {}, batch 1".format(name), "dense", ("wht",)) for name in "ABC"]
    build = RecordBuilder(tmp_path, many)
    for one, ratio in zip(many, (1.02, 1.02, 2.0)):
        build.verify(one.id)
        build.time(one.id, {"dense": 2e-3, "wht": 2e-3 / ratio}, noise=1e-4)
    build.end()
    text = headline_text(findings(build.load(), published=()))
    assert "than dense at Net C and cannot be told apart at Net A and Net B (float32, 1 thread)." in text


def test_a_headline_without_times_of_its_own_does_not_say_that_nothing_was_timed_at_all(found, tmp_path):
    one = comparison("a", "Net A", "dense", ("wht",))
    build = RecordBuilder(tmp_path, [one])
    build.time(one.id, {"dense": 2e-3, "wht": 1e-3}, launches=2)
    timed = findings(build.load(), published=()).tables
    assert headline_text(found["empty"]._replace(tables=timed)) == (
        "Too little was timed on this Jetson Nano: no verdict yet.")


def test_a_run_without_a_time_says_that_nothing_was_timed(found):
    assert headline_text(found["empty"]) == "Nothing was timed on this Jetson Nano: no verdict."
    assert found["empty"].summary.tally == ((RowState.NOT_MEASURED, 5),)


def test_the_tally_counts_every_rival_once(found):
    counts = dict(found["nano"].summary.tally)
    assert counts == {"faster": 7, "slower": 6, "cannot tell": 1, "wrong": 1}
    assert sum(counts.values()) == 15
    assert "15 rivals in 3 comparisons" in subline(found["nano"].summary)


def test_rivals_stand_by_speed_after_the_baseline_and_those_without_a_number_last(found):
    names = [row.name for row in found["nano"].tables[2].rows]
    assert names == ["conv3x3", "conv1x1", "fwht fused", "dct fused", "fwht torch", "butterfly"]


def test_a_wrong_layer_is_called_wrong_and_says_by_how_much(found):
    row = rows(found["nano"], 2)["butterfly"]
    assert (row.state, row.speed, row.median_s) == (RowState.WRONG, None, None)
    assert row.reason.code is Code.WRONG and row.reason.numbers["error"] == 3.1e-2
    assert "largest error 3.1e-02" in row_reason(row)


def test_nothing_that_was_not_measured_is_without_a_reason(found):
    for one in found.values():
        for row in (row for table in one.tables for row in table.rows):
            assert row.median_s is not None or row.reason, row.id
            assert row.memory.value is not None or amount_reason(row.memory), row.id
            assert row.energy.value is not None or amount_reason(row.energy), row.id
            assert row.state is not RowState.CANNOT_TELL or next_step_text(row, one.about), row.id


def test_a_crashed_check_a_killed_and_a_hung_pass_are_told_with_their_reasons(found):
    told = texts(found["broken"])
    assert "Segmentation fault" in told and "killed (SIGKILL)" in told and "hung" in told
    unchecked = rows(found["broken"], 0)["fwht fused"]
    assert row_reason(unchecked) == "crashed (SIGSEGV)"
    assert rows(found["broken"], 1)["conv3x3"].memory.reason == Reason(Code.KILLED)
    assert "31 fresh readings" in amount_reason(rows(found["broken"], 1)["conv3x3"].energy)


def test_what_weakens_a_run_comes_with_its_next_step(found):
    broken = found["broken"]
    told = dict(zip(codes(broken), warning_texts(broken)))
    assert {WarningCode.UNFINISHED, WarningCode.UNLOCKED, WarningCode.QUICK, WarningCode.UNSETTLED, WarningCode.NOISY,
            WarningCode.UNCOMMITTED, WarningCode.UNCHECKED} <= set(told)
    assert told[WarningCode.UNFINISHED].command.endswith("--resume " + broken.about.run)
    assert told[WarningCode.UNIT_FAILED].command.endswith("--retry-failed")
    assert all(told[code].next_step for code in told if code is not WarningCode.UNCHECKED)


def test_a_run_that_nothing_weakens_has_no_such_list(found):
    assert found["nano"].warnings == ()


def test_a_throttled_round_is_counted_and_kept(found):
    told = texts(found["sweep"])
    assert "between 922\u202fMHz and 768\u202fMHz: 9 of 108 rounds are marked throttled and kept" in told
    assert "Swap grew" in told


def test_a_skipped_unit_is_no_failure(found):
    assert "no power meter" not in texts(found["broken"])
    assert {unit.name.value for unit in found["broken"].failed} == {"verify", "memory"}


def test_close_calls_hold_every_rival_within_ten_percent_and_no_other(found):
    names = [(call.row.name, call.title[:3]) for call in found["nano"].close_calls]
    assert names == [("dct fused", "128"), ("fwht fused", "256"), ("dct fused", "256")]
    undecided = found["nano"].close_calls[1]
    assert undecided.row.state is RowState.CANNOT_TELL and undecided.row.verdict.next_step
    assert undecided.band == pytest.approx((1 / 1.02, 1.02), abs=0.005)


def test_cold_caches_get_a_table_of_their_own_that_does_not_count_twice(found):
    tables = [table for table in found["sweep"].tables if table.id == "c64"]
    assert [(table.key, table.cache, table.main, table.alone) for table in tables] == [
        ("c64", "hot", True, False), ("c64@cold", "cold", False, False)]
    assert tables[1].rows[0].median_s > 1.2 * tables[0].rows[0].median_s
    assert sum(one.number for one in found["sweep"].summary.tally) == 24


def test_the_memory_column_is_torchs_count_on_cuda_and_the_process_on_a_cpu(found):
    assert found["sweep"].tables[0].memory_kind is Kind.TORCH_ALLOCATED
    assert found["nano"].tables[0].memory_kind is Kind.RSS
    assert rows(found["nano"], 0)["conv3x3"].memory.value == 49400000 + 2000000


def test_what_all_tables_lack_for_one_reason_is_said_once(found):
    assert found["sweep"].gaps == (Gap("energy", Reason(Code.NOT_ASKED)),)
    assert all(table.gaps == () for table in found["sweep"].tables)
    assert found["nano"].gaps == ()


def test_a_kind_of_memory_nobody_could_read_is_one_sentence(found):
    table = found["nano"].memory_tables[0]
    assert [(gap.what, gap.reason.said) for gap in table.gaps] == [
        ("nvmap_delta_bytes", "the NvMap statistics need root")]
    assert Kind.NVMAP not in table.columns and len(table.columns) == 5


def test_energy_is_given_per_call_above_idle_and_per_image(found):
    row = found["nano"].energy_tables[0].rows[0]
    assert joules_text(row.per_call) == "15.5\u202fmJ"
    assert row.above_idle_j == pytest.approx(4.1 * 2.91e-3) and row.per_image_j == row.per_call.value / 10
    assert saving_text(found["nano"].energy_tables[0].rows[1].saving).startswith("1.53\u00d7 less [")


def test_the_energy_ratio_takes_both_uncertainties():
    def measured(joules, uncertainty):
        return CaseEnergy("a/b", "b", False, 1, True, Amount(joules), uncertainty_j=uncertainty)

    found = saving(measured(2.0, 0.06), measured(1.0, 0.04))
    assert found.ratio == 2.0
    assert found.high / found.ratio == pytest.approx(1.0513, abs=1e-4)     # exp(hypot(3 %, 4 %))
    assert saving(measured(2.0, None), measured(1.0, 0.04)) is None
    assert saving_text(Saving(1.03, 1.02, 1.04)).startswith("\u22122.9")   # less energy is minus


def test_without_an_energy_pass_the_report_says_why(found):
    assert found["sweep"].no_energy == (Reason(Code.NOT_ASKED),)
    assert found["empty"].no_energy == (Reason(Code.NOT_REACHED),)
    assert "31 fresh readings" in reasons_text(found["broken"].no_energy)
    assert found["nano"].no_energy == ()


def test_a_trace_carries_means_phases_and_the_drop_of_the_clock(found):
    trace = found["nano"].traces[0]
    assert [panel.channel for panel in trace.panels] == [Channel.POWER, Channel.CLOCK, Channel.TEMPERATURE]
    assert [(phase.name, phase.kind) for phase in trace.phases if phase.mean_w is not None] == [
        ("idle before", PhaseKind.IDLE), ("load", PhaseKind.LOAD), ("idle after", PhaseKind.IDLE)]
    assert (trace.drop.high_hz, trace.drop.low_hz) == (921.6e6, 768e6)
    assert trace.drop.time_s == pytest.approx(10.1)
    load = next(phase for phase in trace.phases if phase.kind is PhaseKind.LOAD)
    assert load.mean_w == pytest.approx(5.34, abs=0.03)
    assert len(trace.time_s) == len(trace.panels[0].values)


def test_with_many_traces_the_baseline_and_the_fastest_of_each_table_are_drawn(found):
    assert len(found["nano"].traces) == 17
    assert [trace.case for trace in found["nano"].traces if trace.chosen] == [
        "64ch/conv3x3", "64ch/conv1x1", "128ch/conv3x3", "128ch/conv1x1", "256ch/conv3x3", "256ch/conv1x1"]


def test_thinned_samples_keep_both_extremes_and_the_even_ranks():
    values = [float(i) for i in range(1001)]
    kept = thin(values, 160)
    assert len(kept) == 160 and kept[0] == 0 and kept[-1] == 1000 and kept == sorted(kept)
    assert max(b - a for a, b in zip(kept, kept[1:])) <= 7
    assert thin(values[:50], 160) == values[:50]
    assert [dots_per_row(n) for n in (10, 80, 400)] == [160, 64, 32]


def test_a_thinned_trace_keeps_the_lowest_and_the_highest_reading_of_every_bucket():
    values = [0.0] * 5000
    values[1234], values[4321] = 9.0, -9.0
    kept = kept_places([values], 5000, 100)
    assert {0, 1234, 4321, 4999} <= set(kept) and kept == sorted(kept) and len(kept) <= 202


def test_strips_reach_from_the_fastest_sample_to_twice_the_median_at_most():
    low, high = strip_range([[0.9, 1.0, 1.1], [0.95, 1.0, 14.0]])
    assert 0 < low <= 0.9 and high == 2.0
    assert 1.0 in strip_ticks(low, high)


def test_samples_beyond_the_axis_are_counted_in_words():
    strip = Strip("a", "a", RowState.SAME, (1.0,), 1.0, 0.9, 14.2, 2, 14.2)
    assert beyond_text(strip) == "2 samples beyond, up to 14.2\u00d7"
    assert beyond_text(strip._replace(beyond=0)) is None


class Table:
    """As much of a table as a title needs."""

    def __init__(self, key, title, baseline):
        self.key, self.title, self.baseline = key, title, baseline


def titled(*titles):
    return list(short_titles([Table(i, title, "conv") for i, title in enumerate(titles)]).values())


def test_short_titles_drop_what_all_share_or_keep_what_tells_them_apart():
    assert titled("layer, 8x8", "layer, 32x32, channels-last") == ["8x8", "32x32, channels-last"]
    assert titled("Net A, batch 1", "Net B, batch 1") == ["Net A", "Net B"]
    assert titled("1x1: 8 channels, 7x7", "1x1: 8 channels, 9x9", "1x1: 9 channels, 9x9") == [
        "8 channels, 7x7", "8 channels, 9x9", "9 channels, 9x9"]
    assert titled("layer, 8x8", "layer, 9x9", "other, 9x9") == ["layer, 8x8", "layer, 9x9", "other, 9x9"]
    assert titled("layer, 8x8") == ["layer, 8x8"]


def test_environments_are_compared_name_by_name_without_what_changes_by_itself(tmp_path):
    one = nano_run(tmp_path / "one", energy=False)
    other = nano_run(tmp_path / "other", energy=False, environment=NANO._replace(
        clocks=dict(NANO.clocks, power_mode="5W", cpu_current_hz=5), os={
            "system": "Linux", "kernel": "4.9.253-tegra", "uptime_s": 99, "load_1min": 3.0}))
    assert differences([run_facts(one), run_facts(other)]) == (("clocks.power_mode", ("MAXN", "5W")),)


def test_a_resume_in_another_environment_weakens_the_run(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))])
    build.session(NANO._replace(torch={"version": "2.1.0", "cuda": "10.2"}))
    build.end()
    assert "torch.version changed" in texts(findings(build.load(), published=()))


def test_the_command_to_run_it_again_is_quoted_and_names_the_seed(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))], environment=None, seed=7)
    build.session(NANO, argv=["run", "paper", "--only", "a b", "--out", "/tmp/x", "--no-report"])
    assert command(build.load()) == "./run_bench.sh run paper --only 'a b' --seed 7"


@pytest.mark.parametrize("words, told", [
    ([], "r"), (["--out", "my runs"], "r --out 'my runs'"), (["--out=/tmp/x"], "r --out /tmp/x")])
def test_a_run_made_elsewhere_is_gone_on_with_there(tmp_path, words, told):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))], environment=None)
    build.session(NANO, argv=["run", "paper"] + words)
    found = about(build.load())._replace(run="r")
    assert found.resume == told
    assert warning_text(ValidityWarning(WarningCode.UNFINISHED, {}), found).command.endswith("--resume " + told)


def test_a_run_on_a_machine_without_a_name_is_told_of_in_one_piece(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))], environment=None)
    assert headline_text(findings(build.load(), published=())).startswith("Nothing was timed on this machine: ")


def test_a_suite_of_ones_own_is_run_again_by_its_file(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))])
    run = build.load()
    assert about(run).source == "paper"
    run.header = run.header._replace(suite="mine", suite_file=SourceFile("my suites/mine.py", "0" * 64))
    told = warning_text(ValidityWarning(WarningCode.QUICK, {"launches": 1, "memory_repeats": 1}), about(run))
    assert told.command == "./run_bench.sh run 'my suites/mine.py'"


def test_a_quick_run_is_confirmed_by_a_longer_one_of_the_same(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))], quick=True, launches=1,
                          environment=None)
    build.session(NANO, argv=["run", "paper", "--quick", "--only", "a b", "--against=HEAD~1", "--budget", "6s",
                              "--soak", "10m", "--out", "/tmp/x"])
    run = build.load()
    told = warning_text(ValidityWarning(WarningCode.QUICK, {"launches": 1, "memory_repeats": 1}), about(run))
    assert told.command == "./run_bench.sh run paper --only 'a b' '--against=HEAD~1' --soak 10m"


@pytest.mark.parametrize("launches, says", [(1, "one launch"), (2, "2 launches"), (4, "4 launches")])
def test_a_quick_run_is_warned_of_with_the_launches_it_had(tmp_path, launches, says):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))], quick=True, launches=launches)
    run = build.load()
    (warning,) = [one for one in findings(run, published=()).warnings if one.code is WarningCode.QUICK]
    told = warning_text(warning, about(run)).text
    assert says in told and ("one launch" in told) == (launches == 1)


def test_several_runs_stand_side_by_side(tmp_path, runs):
    other = nano_run(tmp_path, energy=False, ident="other", environment=NANO._replace(
        board={"model": "NVIDIA Jetson Orin Nano Developer Kit"}))
    devices = findings(runs["nano"], published=(), others=[other]).devices
    assert column_labels(devices) == ["Jetson Nano, CPU, 2 threads", "Jetson Orin Nano, CPU, 2 threads"]
    assert [cell.state for cell in devices.tables[0].rows[0].cells] == [RowState.FASTER, RowState.FASTER]
    assert "board.model" in [one.name for one in devices.differences]


def test_a_comparison_that_one_run_alone_holds_stands_beside_nothing(tmp_path, runs):
    def recorded(name, *idents):
        build = RecordBuilder(tmp_path / name, [comparison(one, one, "conv", ("wht",)) for one in idents], ident=name)
        for one in idents:
            build.verify(one)
            build.time(one, {"conv": 2e-3, "wht": 1e-3})
        build.end()
        return build.load()

    found = findings(recorded("x", "a", "b", "c"), published=(), others=[recorded("y", "b")])
    assert [table.key for table in found.devices.shared] == ["b"] and len(found.devices.tables) == 3
    said = "2 comparisons stand in one run alone and are left out here."
    for text in (render_page(found), markdown(found), terminal_text(found, None, 120)):
        assert said in text
    whole = findings(runs["nano"], published=(), others=[runs["nano"]])
    assert whole.devices.shared == whole.devices.tables and alone_text(whole.devices) is None


def test_findings_are_the_same_every_time(runs, found):
    for name in runs:
        assert as_data(findings(runs[name], published=())) == as_data(found[name])
