"""The command 'calibrate': what it plans, and that it refuses in one sentence what it cannot do."""

import collections

import pytest
from click.testing import CliRunner

from harness.app.cli import cli
from harness.plan import Target
from harness.words import Heap, Pass
from harness.work_units import all_units
from suites import calibration

#: Seconds of one unit as a calm two-core machine (AMD EPYC, virtual) took them on the mean.
MEASURED_S = {Pass.VERIFY: 2.6, Pass.TIME: 4.8, Pass.MEMORY: 2.8, Pass.ENERGY: 0.0}


def planned(quick):
    """Return the units of a calibration on a machine without a power meter."""
    plan = calibration.comparisons(Target("cpu", 2))
    return [unit for one in (calibration.quick(plan) if quick else plan)
            for unit in all_units(one, [name.value for name in Pass if name in MEASURED_S], 1 if quick else 4,
                                  1 if quick else 3)]


@pytest.mark.parametrize("quick, most_s", [(False, 600.0), (True, 180.0)])
def test_it_takes_ten_minutes_at_most_and_three_if_quick(quick, most_s):
    assert sum(MEASURED_S[unit.name] for unit in planned(quick)) < most_s


def test_it_times_no_load_that_only_holds_memory_and_weighs_none_that_only_works():
    passes = collections.defaultdict(set)
    for unit in planned(False):
        passes[unit.comparison].add(unit.name)
    assert passes == {"holds": {Pass.VERIFY, Pass.MEMORY}, "holds-more": {Pass.VERIFY, Pass.MEMORY},
                      "same": {Pass.VERIFY, Pass.TIME, Pass.MEMORY, Pass.ENERGY},
                      "more-work": {Pass.VERIFY, Pass.TIME}, "duty": {Pass.VERIFY, Pass.ENERGY}}


@pytest.mark.parametrize("quick", [False, True])
def test_identical_layers_and_every_way_to_hold_memory_are_measured_on_both_heaps(quick):
    found = {(unit.case, unit.heap) for unit in planned(quick) if unit.name is Pass.MEMORY}
    twins = {"same/the-same-{}".format(number) for number in range(1, calibration.IDENTICAL + 1)}
    kinds = calibration.QUICK_KINDS if quick else calibration.KINDS
    loads = {"holds/{}-{}-mb".format(kind, size) for kind in kinds for size in calibration.BOTH_HEAPS_MB}
    assert {(case, heap) for case in twins | loads for heap in (None, Heap.DEFAULT)} <= found


def test_a_device_that_is_not_there_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    made = CliRunner().invoke(cli, ["calibrate", "--device", "cuda", "--out", str(tmp_path)])
    assert made.exit_code == 1 and "Use --device cpu" in made.output and list(tmp_path.iterdir()) == []
