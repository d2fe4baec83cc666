"""What calibration says of a machine: a good one, one with a wrong column, one that sees differences in copies."""

import pytest
from report_fixtures import NANO, RecordBuilder, nano_run

from harness.plan import Target
from harness.record import EnergyLine
from harness.words import MEASURED_HEAPS, Heap, Status
from reports.calibration import main
from reports.findings import findings
from reports.findings.calibration import CalibrationError, calibration
from reports.formats.calibration_text import calibration_markdown, calibration_text, closing
from suites.calibration import comparisons

MB = 10 ** 6
TWINS = ["the-same-{}".format(number) for number in range(1, 10)]


def right(mb):
    return mb * MB


def calibrated(folder, held=right, other=None, twin_bytes=0, more=(1.02, 1.05, 1.15), busy=None, repeats=3, end=True,
               default=right, twin_heap=Heap.PINNED):
    """A record of the suite.

    ``held`` is what every column says of so many MB, ``default`` what it says on the default heap, ``other`` the
    times of some twins, ``twin_bytes`` what one of them takes more on ``twin_heap``.
    """
    plan = [one._replace(rivals=tuple(case for case in one.rivals if "output" not in case.name and (
        "mb" not in dict(case.options) or "malloc" in case.name))) for one in comparisons(Target("cpu", 2))]
    build = RecordBuilder(folder, plan, suite="calibration", environment=NANO)
    for one in plan:
        build.verify(one.id)
        heaps = MEASURED_HEAPS[:1 + one.both_heaps]
        if one.id.startswith("holds"):
            for case, heap in ((case, heap) for case in one.cases for heap in heaps):
                count = repeats * (1 + (case == one.baseline))
                for repeat in range(1, count + 1):
                    said = (held if heap is Heap.PINNED else default)(dict(case.options)["mb"])
                    build.memory_repeat(one, case, int(said), repeat, 0, False, False, (0, 0, 0), heap)
        elif one.id == "same":
            times = dict.fromkeys(TWINS, 1e-3)
            times.update(other or {})
            build.time(one.id, times, noise=0.002)
            for heap in heaps:
                build.memory(one.id, {slug: 10 * MB + twin_bytes * (slug == TWINS[3] and heap is twin_heap)
                                      for slug in TWINS}, repeats=repeats, heap=heap)
        elif one.id == "more-work":
            build.time(one.id, dict(zip([case.slug for case in one.cases], [1e-3] + [1e-3 * m for m in more])),
                       noise=0.002)
        elif busy is not None:
            for case, joules in zip(one.cases, busy):
                build.append(EnergyLine(one.id, one.case_id(case), Status.OK, energy_per_call_j=joules + 0.02,
                                        energy_above_idle_per_call_j=joules, uncertainty_j=joules * 0.01,
                                        uncertainty_above_idle_j=joules * 0.01))
    if end:
        build.end()
    return build.load()


def judged(run):
    return calibration(run, findings(run, published=()))


def test_a_good_machine_passes_and_says_what_it_can_tell(tmp_path, capsys):
    run = calibrated(tmp_path, busy=(0.08, 0.041, 0.0195))
    one = judged(run)
    assert one.good and not one.wrong and not one.different
    assert [said.right for load in one.loads for said in load.columns] == [True] * 30
    assert (one.time.verdicts, one.memory.verdicts) == (8, 80)
    assert [work.told for work in one.work[1:]] == [True, True] and all(work.right for work in one.work)
    assert [duty.right for duty in one.duty] == [True, True]
    assert main([str(tmp_path)]) == 0
    said = closing(one)
    assert said.count(".\n") == 0 and said.endswith("nothing needs to be changed first.")
    assert "30 of 30 numbers were right" in said and "different 0 times in 88 verdicts" in said
    assert said.split()[-1] in capsys.readouterr().out


def test_a_column_that_is_wrong_by_more_than_two_percent_and_a_megabyte_fails(tmp_path):
    run = calibrated(tmp_path, held=lambda mb: mb * MB * 1.03 + 0.2 * MB)
    one = judged(run)
    # 0, 1 and 10 MB are within a megabyte all the same
    assert one.wrong == tuple("malloc {} MB, pinned heap".format(size) for size in (100, 40, 400))
    assert main([str(tmp_path)]) == 1
    assert "WRONG" in calibration_text(one) and "believe no number in RAM, RSS and USS" in closing(one)


def test_a_byte_more_than_allowed_is_wrong(tmp_path):
    assert judged(calibrated(tmp_path / "a", held=lambda mb: mb * MB * 1.02 if mb >= 100 else mb * MB + MB)).good
    off = judged(calibrated(tmp_path / "b", held=lambda mb: mb * MB + MB + 1 if mb == 10 else mb * MB))
    assert off.wrong == ("malloc 10 MB, pinned heap",)


def test_each_heap_is_judged_by_itself(tmp_path):
    one = judged(calibrated(tmp_path / "a", default=lambda mb: mb * MB * 6))
    assert one.wrong == ("malloc 10 MB, default heap", "malloc 100 MB, default heap")
    text = calibration_markdown(one)
    assert "| malloc 10 MB, default heap | 60.0\u202fMB |" in text and "| malloc 10 MB, pinned heap | 10.0" in text
    twins = judged(calibrated(tmp_path / "b", twin_bytes=9 * MB, twin_heap=Heap.DEFAULT))
    assert len(twins.memory.different) == 5 and all(
        name.startswith("the same 4, default heap") for name in twins.memory.different)


def test_identical_layers_called_different_in_time_fail(tmp_path):
    one = judged(calibrated(tmp_path, other={"the-same-5": 1.08e-3}))
    assert one.time.different == ("the same 5: slower",) and not one.good
    assert main([str(tmp_path)]) == 1
    assert "different 1 time in 88 verdicts" in closing(one)


def test_identical_layers_called_different_in_memory_fail(tmp_path):
    one = judged(calibrated(tmp_path, twin_bytes=9 * MB))
    assert len(one.memory.different) == 5 and all(
        text.startswith("the same 4, pinned heap") for text in one.memory.different)
    assert one.memory.apart == 9 * MB * 1.25 and main([str(tmp_path)]) == 1


def test_more_work_whose_interval_misses_the_answer_is_wrong(tmp_path):
    one = judged(calibrated(tmp_path, more=(1.02, 1.05, 1.30)))
    assert [work.right for work in one.work] == [True, True, False] and not one.good


def test_a_busy_share_that_comes_out_wrong_fails(tmp_path):
    one = judged(calibrated(tmp_path, busy=(0.08, 0.07, 0.02)))
    assert [duty.right for duty in one.duty] == [False, True] and one.wrong == ("busy 50 %",)


def test_what_could_not_be_measured_is_no_number_and_has_its_reason(tmp_path):
    one = judged(calibrated(tmp_path, repeats=1))
    assert all(duty.ratio is None and duty.reason is not None for duty in one.duty)
    assert one.memory.verdicts == 0 and "nothing can be told (" in closing(one)


def test_a_run_that_measured_nothing_is_not_good(tmp_path):
    run = RecordBuilder(tmp_path, comparisons(Target("cpu", 2)), suite="calibration", environment=NANO).load()
    one = judged(run)
    assert not one.measured and not one.good and main([str(tmp_path)]) == 1


def test_a_run_of_another_suite_is_refused_in_one_sentence(tmp_path, capsys):
    run = nano_run(tmp_path)
    with pytest.raises(CalibrationError):
        judged(run)
    assert main([str(tmp_path)]) == 3
    assert "./run_bench.sh calibrate" in capsys.readouterr().err


def test_the_markdown_holds_the_same_numbers(tmp_path):
    text = calibration_markdown(judged(calibrated(tmp_path)))
    assert "| malloc 400 MB, pinned heap | 400\u202fMB | 0\u202fB |" in text
    assert text.rstrip().endswith("changed first.")


def test_what_can_be_told_in_time_is_no_less_than_the_work_that_was_missed(tmp_path):
    good = judged(calibrated(tmp_path))
    assert not good.work[0].told and good.tells == 0.05 and "from 5.0\u202f% on can be told" in closing(good)
    blind = good._replace(work=tuple(work._replace(told=False) for work in good.work))
    assert blind.tells is None and "no difference of up to 15\u202f% can be told" in closing(blind)
    gap = good._replace(work=tuple(work._replace(told=work.percent != 5) for work in good.work))
    assert gap.tells == 0.15


def test_nothing_smaller_than_what_two_of_the_same_showed_can_be_told(tmp_path):
    one = judged(calibrated(tmp_path, other={"the-same-5": 1.08e-3}))
    assert one.least == one.time.apart > 0.06


def test_a_column_that_cannot_carry_numbers_says_so_once_with_the_reason(tmp_path):
    run = calibrated(tmp_path)
    run.add(run.memory("holds-more/malloc-1-mb")._replace(ram_delta_peak_bytes=None, status=Status.OK, repeat=1))
    for repeat in (1, 2, 3):
        run.add(run.memory_repeats("holds/malloc-10-mb")[repeat - 1]._replace(
            ram_delta_peak_bytes=None, ram_delta_peak_bytes_reason="other programs moved 9.0 MB meanwhile"))
    text = calibration_markdown(judged(run))
    assert ("- RAM has no number for 1 of 10 loads; the first is malloc 10 MB, pinned heap: other programs moved "
            "9.0 MB meanwhile") in text
