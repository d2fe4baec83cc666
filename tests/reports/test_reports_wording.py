import itertools

import pytest
from report_fixtures import RecordBuilder, comparison

from harness.reasons import Code, Reason, because
from harness.statistics.codes import Flag, FlagCode, StepCode, Why, WhyCode, step
from harness.words import RunStatus
from reports.findings import findings
from reports.findings.about import About, Device
from reports.findings.environment import Difference
from reports.findings.published import Lack, Quantity
from reports.findings.validity import ValidityWarning, WarningCode
from reports.formats.difference_words import difference_rows
from reports.formats.texts import next_step_text, warning_texts
from reports.step_words import CHANGE_STEPS, STEPS, change_step_text, step_text
from reports.warning_words import WARNINGS, warning_text
from reports.wording import FLAG_WORDS, LACKS, QUANTITIES, WHY, flag_text, reason_text, value_text, why_text

RUN = About("the-run", "paper", "2026-03-14T10:15:00Z", 1, True, 0.02, 4, False, Device("Nano", False, 2), "x")
STOPPED = RUN._replace(complete=False)


def test_every_code_has_words():
    assert set(WHY) | {WhyCode.LAUNCH_FAILED} == set(WhyCode)
    assert set(STEPS) | set(CHANGE_STEPS) == set(StepCode)
    assert (set(FLAG_WORDS), set(WARNINGS), set(QUANTITIES), set(LACKS)) == (
        set(FlagCode), set(WarningCode), set(Quantity), set(Lack))


def test_after_a_failed_launch_the_advice_is_to_remove_the_cause_and_try_the_failed_again():
    cause = because(Code.KILLED)
    text = step_text(step(StepCode.RUN_AGAIN, cause, launch=3), RUN)
    assert text == ("launch 3 failed: {}; remove the cause and run it again with --resume the-run "
                    "--retry-failed").format(reason_text(cause))
    assert why_text(Why(WhyCode.LAUNCH_FAILED, 3, cause=cause)) == "launch 3 failed: " + reason_text(cause)


def test_only_a_run_that_is_not_complete_is_told_to_resume():
    missing = step(StepCode.RESUME, recorded=2, wanted=4)
    assert step_text(missing, STOPPED) == "only 2 of 4 launches recorded: resume the run with --resume the-run"
    assert step_text(missing, RUN) == "only 2 of 4 launches recorded: run it again"


@pytest.mark.parametrize("code", list(Code))
def test_the_time_budget_is_named_only_where_a_series_stopped_for_it(code):
    text = step_text(step(StepCode.RESUME, recorded=2, wanted=4), RUN, [Reason(code, {}, "the time budget ended")])
    assert ("budget" in text) is (code in (Code.BUDGET_ENDED, Code.BUDGET_OVERRUN, Code.BUDGET_TOO_SHORT))


def launches_of(tmp_path, name, status, failed=(), recorded=2):
    build = RecordBuilder(tmp_path / name, [comparison("a", "A", "conv", ("wht fused",))], ident=name)
    build.verify("a")
    build.time("a", {"conv": 2e-3, "wht-fused": 1e-3}, launches=recorded, rounds=12)
    for launch in failed:
        build.failed_launch("a", launch, because(Code.HUNG, limit_s=900.0))
    build.end(status, None if status is RunStatus.COMPLETE else because(Code.STOPPED))
    found = findings(build.load(), published=())
    return found, next_step_text(found.tables[0].rows[1], found.about)


def test_a_recorded_run_gets_the_advice_that_fits_it(tmp_path):
    _, stopped = launches_of(tmp_path, "stopped", RunStatus.INTERRUPTED)
    _, complete = launches_of(tmp_path, "complete", RunStatus.COMPLETE)
    found, failed = launches_of(tmp_path, "failed", RunStatus.COMPLETE, failed=[3], recorded=2)
    assert stopped.endswith("resume the run with --resume stopped") and complete.endswith("run it again")
    assert "launch 3 failed: hung" in failed and failed.endswith("--resume failed --retry-failed")
    assert [one.command for one in warning_texts(found)] == ["./run_bench.sh run --resume failed --retry-failed"]


def test_after_a_refused_lock_nobody_is_told_to_ask_for_the_lock_again():
    unlocked = ValidityWarning(WarningCode.UNLOCKED, {"parts": [("cpu", "schedutil")]})
    assert warning_text(unlocked, RUN).command == "./run_bench.sh run paper --lock-clocks"
    refused = warning_text(unlocked, RUN._replace(lock_refused=True))
    assert refused.command == "./run_bench.sh doctor" and "rights" in refused.next_step


@pytest.mark.parametrize("flag, words", [
    (Flag(FlagCode.COARSE_CLOCK, {"who": "rival", "steps": 40.2, "least": 100}),
     "half of the samples of the rival last under 41 timer steps, fewer than 100"),
    (Flag(FlagCode.LAUNCH_BOUND, {"baseline_share": 0.9, "rival_share": 0.85, "limit": 0.8}),
     "for the baseline (90 % of its device time) and the rival (85 % of its device time)"),
    (Flag(FlagCode.CLOCK_MOVED, {"low_hz": 768e6, "high_hz": 921.6e6}), "between 768 and 922 MHz"),
    (Flag(FlagCode.UNSTEADY, {"who": "baseline", "difference": 0.1, "share": 0.35}),
     "two samples of the baseline in a round differ by more than 10 % in 35 % of the rounds")])
def test_flags_say_who_and_how_much(flag, words):
    assert words in flag_text(flag)


@pytest.mark.parametrize("one, words", [
    (step(StepCode.MORE_CALLS, who="rival", steps=40.2, least=100), "raise the calls per sample"),
    (step(StepCode.MORE_LIMIT, rounds=0, least=12), "no round was played: raise the time limit"),
    (step(StepCode.MORE_LIMIT, rounds=5, least=12), "only 5 rounds were played: raise the time limit to hold 12"),
    (step(StepCode.QUOTE_INTERVAL, low=0.011, high=0.024), "differs by +1.1 to +2.4 %: right at the factor"),
    (step(StepCode.MORE_LAUNCHES_FLOOR, floor=0.031, launches=8, align=True),
     "two copies of the baseline differ by 3.1 % here: the time depends on the launch (memory addresses, chosen "
     "algorithm): use --launches 8 or pin the algorithm; align CPU arrays to 64 bytes"),
    (step(StepCode.STEADY_CLOCK, low_hz=768e6, high_hz=921.6e6), "922 MHz; lock the clocks"),
    (step(StepCode.STEADY_MACHINE, who="rival", difference=0.1, share=0.35), "close other programs"),
    (step(StepCode.QUIET_MACHINE, times=10.0, rounds=450), "more than 10 times the 450 rounds would be needed"),
    (step(StepCode.MORE_BUDGET, rounds=9, seconds=1.234),
     "about 9 rounds (1.2 s) more would decide: raise the budget"),
    (step(StepCode.MORE_BUDGET, rounds=9, seconds=None), "about 9 rounds more would decide"),
    (step(StepCode.MORE_ROUNDS, rounds=90, seconds=12.3, wanted=540, most=450),
     "about 90 rounds (12 s) more would decide: use --rounds 540 instead of 450, and a --budget for them"),
    (step(StepCode.MORE_LAUNCHES, speeds=[1.01, 1.05], launches=8), "the launches disagree (speeds 1.010, 1.050)")])
def test_next_steps_carry_their_numbers(one, words):
    assert words in step_text(one, RUN)


def test_next_steps_between_runs():
    assert change_step_text(step(StepCode.RUN_FOR_COMPARE)) == "make both runs with 'run --for-compare'"
    assert change_step_text(step(StepCode.QUIET_MACHINE, launches=40)).startswith("about 40 launches in each run")


@pytest.mark.parametrize("value, name, expected", [
    (59288885310.98, "roof.bytes_per_s", "59.3\u202fGB/s"), (25276510208, "memory.total_bytes", "25.3\u202fGB"),
    (83721124129, "roof.other_threads.1.bytes_per_s_by_size.1048576", "83.7\u202fGB/s"),
    (116832519628, "roof.flops_per_s_by_dtype.float32", "117\u202fGFLOP/s"),
    (921600000, "clocks.gpu_hz", "922\u202fMHz"), (4, "cpu.cores", "4"), (True, "x", "yes"), (None, "x", "not known"),
    ([], "x", "none"), (["a", 1], "x", "a, 1"), ({"a": None}, "x", "a not known")])
def test_facts_of_the_environment_have_units_that_can_be_read(value, name, expected):
    assert value_text(value, name) == expected


def test_a_missing_reason_is_said_to_be_missing():
    assert {reason_text(one) for one in (None, Reason(Code.NO_NUMBER))} == {"the record gives no reason"}
    assert all(reason_text(because(code, said)) for code, said in itertools.product(Code, (None, "words")))


def test_a_commit_is_named_by_as_much_as_people_look_up():
    one, other = "992afb965a59cfdcb1df5f7e37167bcf71a0fd45", "bcb71b878aba7584e596819d8a7fc9e11db8d78e"
    assert difference_rows([Difference("git.commit", (one, None))])[0].texts == ("992afb965a59", "not known")
    assert difference_rows([Difference("git.commit", (one, other))])[0].texts[1] == "bcb71b878aba"
    alike = one[:12] + other[12:]
    assert difference_rows([Difference("git.commit", (one, alike))])[0].texts == (one, alike)


def test_what_differs_never_reads_alike():
    (_, texts), = difference_rows([Difference("memory.total_bytes", (25291239424, 25291247616))])
    assert texts == ("25291239424", "25291247616")


def test_a_section_that_one_run_did_not_record_is_one_line():
    facts = [Difference("kernels.fact{}".format(number), (None, number)) for number in range(9)]
    told = difference_rows([Difference("cpu.cores", (4, 2))] + facts + [Difference("kernels.flags", ("-O2", "-O3"))])
    assert told == [("cpu.cores", ("4", "2")), ("kernels: 9 facts", ("not known", "known")),
                    ("kernels.flags", ("-O2", "-O3"))]
    assert [row.name for row in difference_rows(facts[:3])] == ["kernels.fact0", "kernels.fact1", "kernels.fact2"]
