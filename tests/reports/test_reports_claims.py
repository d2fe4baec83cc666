"""What weakens a run: a busy machine, a clock that moves, a layer that spoils its input, energy at another pace."""

import pytest
from report_fixtures import NANO, RecordBuilder, comparison, layer

from harness.app.measuring import nothing_timed
from harness.plan import Comparison
from harness.reasons import Code, because
from harness.record import CheckResult, EnergyLine
from harness.system.load import load_1min
from harness.words import Status
from reports.findings import findings
from reports.findings.validity import WarningCode
from reports.formats.drawing import Charts
from reports.formats.figures import comparison_figure
from reports.formats.markdown import markdown
from reports.formats.page import render_page
from reports.formats.sentence import headline_text
from reports.formats.terminal import terminal_text
from reports.formats.texts import subline, warning_texts

TIMES = {"conv": 2e-3, "wht": 1e-3}


def told(folder, environment=NANO, load=None, check=None, pace=None, threads=2, apart=False):
    plan = comparison("a", "A", "conv", ("wht",), threads=threads)._replace(apart=apart)
    build = RecordBuilder(folder, [plan], environment=environment)
    build.check("a", [CheckResult("a/conv", True), CheckResult("a/wht", True, **(check or {}))])
    append = build.append
    build.append = lambda line: append(line._replace(load_1min=load) if hasattr(line, "load_1min") else line)
    build.time("a", TIMES, rounds=12)
    if pace is not None:
        build.append(EnergyLine("a", "a/wht", Status.OK, energy_per_call_j=1e-3, calls_per_s=1e3 * pace,
                                timed_calls_per_s=1e3))
    build.end()
    return findings(build.load(), published=())


def warning(found, code):
    texts = dict(zip([one.code for one in found.warnings], warning_texts(found)))
    return texts[code].text if code in texts else None


@pytest.mark.parametrize("load, threads, warned", [(11.8, 2, True), (3.1, 2, True), (3.0, 2, False), (3.1, 4, False),
                                                   (None, 2, False)])
def test_a_load_beyond_the_runs_own_threads_and_one_more_is_a_warning(tmp_path, load, threads, warned):
    said = warning(told(tmp_path, load=load, threads=threads), WarningCode.LOADED)
    assert (said is not None) is warned
    if warned:
        assert "up to {} with 2 threads of this run, when 4 of 4 launches began".format(load) in said


def test_the_load_of_a_launch_that_starts_a_process_for_each_case_is_its_own(tmp_path):
    """Twenty processes at once are a load of ten, and no other program's."""
    assert warning(told(tmp_path, load=10.0, apart=True), WarningCode.LOADED) is None


@pytest.mark.parametrize("governor, warned", [("ondemand", True), ("schedutil", True), ("powersave", True),
                                              ("performance", False), (None, False)])
def test_a_governor_that_moves_the_clock_is_a_warning(tmp_path, governor, warned):
    environment = NANO._replace(clocks={"cpu_governor": governor, "cpu_locked": None})
    said = warning(told(tmp_path, environment), WarningCode.GOVERNOR)
    assert (said is not None and "'{}'".format(governor) in said) is warned


def test_a_locked_clock_needs_no_word_on_its_governor(tmp_path):
    assert warning(told(tmp_path), WarningCode.GOVERNOR) is None


def test_a_layer_that_changes_its_input_is_named(tmp_path):
    assert "a/wht left the shared input" in warning(told(tmp_path / "a", check={"changes_input": True}),
                                                    WarningCode.CHANGES_INPUT)
    assert warning(told(tmp_path / "b"), WarningCode.CHANGES_INPUT) is None


def test_a_layer_that_changes_the_process_is_named_with_what_it_changed(tmp_path):
    said = warning(told(tmp_path, check={"disturbs": ("threads", "grad mode")}), WarningCode.DISTURBS)
    assert "a/wht changed" in said and "grad mode and threads" in said


@pytest.mark.parametrize("pace, warned", [(0.94, True), (1.06, True), (0.96, False), (1.04, False)])
def test_energy_at_another_pace_than_the_timed_one_is_a_warning(tmp_path, pace, warned):
    said = warning(told(tmp_path, pace=pace), WarningCode.PACE)
    assert (said is not None and "a/wht made {:.4g} calls per second instead of 1000".format(1e3 * pace)
            in said) is warned


def test_the_load_is_read_where_linux_keeps_it(tmp_path):
    assert load_1min(str(tmp_path)) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "loadavg").write_text("11.80 5.65 6.30 6/139 5042\n")
    assert load_1min(str(tmp_path)) == 11.8


def timed(folder, launches, noise=0.001, jump=0.0):
    build = RecordBuilder(folder, [comparison("a", "A", "conv", ("wht",))], launches=launches, quick=launches == 1)
    build.verify("a")
    build.time("a", TIMES, launches=launches, rounds=60, noise=noise, jump=jump)
    build.end()
    return findings(build.load(), published=())


def test_one_launch_says_that_it_is_not_confirmed_and_states_no_smallest_difference(tmp_path):
    found = timed(tmp_path, 1)
    assert headline_text(found).endswith(" (float32, 1 thread; one launch, not confirmed).")
    assert found.summary.least is None
    assert "not confirmed" in subline(found.summary) and "is not known" in subline(found.summary)


def test_several_launches_are_not_called_unconfirmed(tmp_path):
    assert "not confirmed" not in headline_text(timed(tmp_path, 4))


def test_the_smallest_difference_is_that_of_the_runs_own_data(tmp_path):
    quiet, moody = timed(tmp_path / "a", 4), timed(tmp_path / "b", 4, jump=0.06)
    assert quiet.summary.least == 0.02                    # the practical factor: the data would tell less
    assert moody.summary.least == pytest.approx(0.06, abs=0.02)


def typed(folder, *made):
    """A run of comparisons ``(id, dtype, speed)`` of one layer against one baseline."""
    plan = [comparison(ident, "Size {}".format(ident), "conv", ("wht",), dtype=dtype) for ident, dtype, _ in made]
    build = RecordBuilder(folder, plan)
    for ident, _, speed in made:
        build.verify(ident)
        build.time(ident, {"conv": 2e-3, "wht": 2e-3 / speed}, noise=1e-4)
    build.end()
    return headline_text(findings(build.load(), published=()))


def test_the_best_win_comes_first_and_where_it_does_not_hold_behind(tmp_path):
    text = typed(tmp_path, ("a", "float32", 0.5), ("b", "float32", 3.0), ("c", "float32", 1.5))
    assert text.index("3.00\u00d7 faster [") < text.index("Size b") < text.index("2.00\u00d7 slower at Size a")


def test_a_win_in_float16_is_never_told_as_one_in_float32(tmp_path):
    text = typed(tmp_path, ("a", "float32", 0.5), ("b", "float16", 3.0))
    single, half = text.split(";")
    assert "slower" in single and "(float32, 1 thread)" in single and "faster" not in single
    assert "3.00\u00d7 faster" in half and "(float16, 1 thread)" in half


@pytest.mark.parametrize("options, said", [((("arithmetic", "int8"),), "int8"), ((("tf32", True),), "tf32")])
def test_a_win_by_other_products_in_float32_layers_is_never_told_as_one_in_float32(tmp_path, options, said):
    base = layer("conv", device="cuda")
    one = Comparison("a", "Size a", base, (layer("wht", "fast", device="cuda", options=options),
                                           layer("wht", "plain", device="cuda")))
    build = RecordBuilder(tmp_path, [one], device="cuda")
    build.verify("a")
    build.time("a", {"conv": 2e-3, "wht-fast": 5e-4, "wht-plain": 4e-3}, noise=1e-4)
    build.end()
    text = headline_text(findings(build.load(), published=()))
    assert "({} against float32, CUDA)".format(said) in text


def test_every_caption_names_the_threads_of_its_own_comparison(tmp_path):
    plan = [comparison("a", "Own way", "conv", ("wht",), threads=4),
            comparison("b", "Published way", "conv", ("wht",), threads=1),
            comparison("c", "On the GPU", "conv", ("wht",), device="cuda", threads=4)]
    build = RecordBuilder(tmp_path, plan, device="cuda")
    for one in plan:
        build.verify(one.id)
        build.time(one.id, TIMES, launches=1, rounds=12, noise=1e-6)
    build.end()
    found = findings(build.load(), published=())
    plain = " ".join(terminal_text(found, None, unicode_=False).split())
    figures = [comparison_figure(Charts(found), table) for table in found.tables]
    for text in (render_page(found).replace("&#8239;", " "), markdown(found).replace("\u202f", " "), plain):
        assert "against conv, 2.00 ms, CPU, 4 threads" in text
        assert "against conv, 2.00 ms, CPU, 1 thread" in text and "against conv, 2.00 ms, CUDA" in text
    assert ["CPU, 4 threads" in figures[0], "CPU, 1 thread" in figures[1], "CUDA" in figures[2]] == [True] * 3


def test_a_run_that_timed_nothing_does_not_end_well(tmp_path):
    plan = [comparison("a", "A", "conv", ("wht",)), comparison("b", "B", "conv", ("wht",))]
    build = RecordBuilder(tmp_path / "none", plan)
    build.verify("a", wrong=("conv", "wht"))
    build.failed_launch("b", 1, because(Code.KILLED))
    build.end()
    assert nothing_timed(build.load())
    build = RecordBuilder(tmp_path / "one", plan)
    build.time("b", TIMES, launches=1, rounds=12)
    build.end()
    assert not nothing_timed(build.load())
    build = RecordBuilder(tmp_path / "fit", plan, passes=("verify", "fit"))
    build.end()
    assert not nothing_timed(build.load())


def test_a_run_of_loads_that_are_not_to_be_timed_ends_well(tmp_path):
    holds = comparison("holds", "Holds", "conv", ("wht",))._replace(without=("time", "energy"))
    build = RecordBuilder(tmp_path, [holds])
    build.end()
    assert not nothing_timed(build.load())
