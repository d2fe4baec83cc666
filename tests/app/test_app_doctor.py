"""The doctor tells the truth about every source, with a remedy for each that is missing."""

import pytest

from harness.app.doctor import (
    ASKED_HERE,
    STATUS,
    clock_findings,
    environment_findings,
    meter_findings,
    print_findings,
    status_findings,
    torch_findings,
)
from harness.choices import Choices, SessionError, settle
from harness.clocks import why_not_lock
from harness.machine import why_no_energy
from harness.probed import Probed
from harness.reasons import sentence
from harness.record.lines import MeterStatus
from harness.rule import COMPARE_LAUNCHES
from harness.settings import Settings
from harness.system.programs import Done
from harness.worker import resolve

PC = {"jetson": False, "l4t": None}
NANO = {"jetson": True, "l4t": "32.7.1"}
METERS = [
    MeterStatus("ina3221", "power", False, False, "the rails may only be used by root", "sudo chmod a+r ..."),
    MeterStatus("rapl", "power", True, True),
]
PROBED = Probed({"version": "1.10.0", "cuda": None, "cuda_reason": "this build of torch has no CUDA", "threads": 4,
                 "mkldnn": False, "cudnn": None}, {"name": None, "name_reason": "torch sees no CUDA device"})
MISSING = Probed({"version": None, "version_reason": "torch cannot be imported"}, {})


def test_a_refused_meter_shows_its_reason_and_remedy_and_the_chosen_one_says_so():
    refused, chosen = meter_findings(METERS)
    assert (refused.ok, refused.text, refused.remedy) == (
        False, "the rails may only be used by root", "sudo chmod a+r ...")
    assert (chosen.ok, chosen.text) == (True, "chosen")


def test_a_torch_without_cuda_is_told_apart_from_a_machine_without_a_gpu():
    assert "no CUDA" in torch_findings(PROBED, PC)[1].text
    with_cuda = PROBED._replace(torch=dict(PROBED.torch, cuda="10.2", cuda_reason=None))
    assert torch_findings(with_cuda, PC)[1].remedy == "check the driver with nvidia-smi"


def test_on_a_jetson_nobody_is_sent_to_nvidia_smi_or_to_a_driver():
    for cuda, group in ((None, False), ("10.2", True)):
        probed = PROBED._replace(torch=dict(PROBED.torch, cuda=cuda))
        remedy = torch_findings(probed, NANO)[1].remedy
        assert "nvidia-smi" not in remedy and "driver" not in remedy and ("group 'video'" in remedy) == group
    assert "JetPack 4" in torch_findings(MISSING, NANO)[0].remedy


def test_who_may_not_lock_the_clocks_is_told_what_that_needs_instead_of_the_option():
    clocks = {"power_mode": "MAXN", "cpu_locked": False, "cpu_min_hz": 102e6, "cpu_max_hz": 1479e6,
              "gpu_locked": None, "gpu_locked_reason": "there is no GPU devfreq"}
    refused = why_not_lock(run=lambda command: Done(1, "a password is required"), user_id=1000)
    assert "NOPASSWD" in clock_findings(clocks, refused)[1].remedy
    assert why_not_lock(run=lambda command: Done(0, command[-1]), user_id=0) is None


def test_missing_torch_is_one_finding_with_the_way_out():
    found = torch_findings(MISSING, PC)
    assert len(found) == 1 and found[0].ok is False and "run_bench.sh" in found[0].remedy


def test_a_part_that_could_not_be_asked_is_one_line():
    found = status_findings({"x:status": {"available": False, "reason": "ImportError: no"}})
    assert [finding.text for finding in found] == ["ImportError: no"]


def test_unlocked_clocks_name_the_option_that_locks_them():
    clocks = {"power_mode": "MAXN", "cpu_locked": False, "cpu_min_hz": 102e6, "cpu_max_hz": 1479e6,
              "gpu_locked": None, "gpu_locked_reason": "there is no GPU devfreq"}
    mode, cpu, gpu = clock_findings(clocks)
    assert mode.text == "MAXN" and cpu.text == "102 to 1479 MHz" and "--lock-clocks" in cpu.remedy
    assert gpu.ok is None and gpu.text == "there is no GPU devfreq"


def test_swap_load_and_missing_matplotlib_are_said_to_weaken_a_run():
    found = environment_findings({"memory": {"swap_used_bytes": 5e8}, "os": {"load_1min": 3.0},
                                  "python": {"packages": {"matplotlib": None}}})
    assert [finding.subject for finding in found] == ["swap", "other load", "publication figures"]
    assert all(finding.remedy for finding in found)


def test_the_table_is_plain_ascii_where_the_terminal_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_findings(meter_findings(METERS))
    text = capsys.readouterr().out
    assert "sudo chmod a+r" in text and max(map(len, text.splitlines())) <= 80


def test_a_narrow_terminal_gets_every_word_whole(capsys, monkeypatch):
    findings = meter_findings(METERS)
    monkeypatch.setenv("COLUMNS", "40")
    print_findings(findings)
    said = capsys.readouterr().out
    words = said.split()
    for finding in findings:
        assert all(word in words or word + ":" in words for word in (finding.subject + " " + finding.text).split())
    assert all(len(line) <= 40 or len(line.split()) == 1 for line in said.split("\n"))


def test_the_best_device_present_is_chosen_and_a_missing_one_refused():
    assert settle(Choices(), PROBED).device == "cpu"
    assert settle(Choices(), PROBED._replace(gpu={"name": "Tegra X1"})).device == "cuda"
    try:
        settle(Choices(device="cuda"), PROBED)
    except SessionError as error:
        assert "torch sees no CUDA device" in str(error) and "doctor" in str(error)
    else:
        raise AssertionError("a CUDA run without a CUDA device must be refused")


def test_for_compare_means_many_short_launches_that_are_all_played_and_no_other_pass():
    settings = settle(Choices(for_compare=True), PROBED)
    assert (settings.launches, settings.every_launch, settings.passes) == (COMPARE_LAUNCHES, True, ("verify", "time"))
    assert settle(Choices(for_compare=True, launches=8), PROBED).launches == 8
    assert not settle(Choices(), PROBED).every_launch
    with pytest.raises(SessionError, match="goes without --quick"):
        settle(Choices(for_compare=True, quick=True), PROBED)


def test_quick_means_one_launch_and_says_why_it_leaves_energy_out():
    settings = settle(Choices(quick=True), PROBED)
    assert settings.launches == 1 and settle(Choices(), PROBED).launches == 4
    assert "--power" in sentence(why_no_energy(METERS, settings))
    assert why_no_energy(METERS, settings._replace(power="rapl")) is None
    assert why_no_energy(METERS, Settings("cpu", 1)) is None
    assert "doctor" in sentence(why_no_energy(METERS[:1], Settings("cpu", 1)))


def test_an_engine_shows_its_version_or_its_reason_and_remedy():
    said = {"litert": {"available": False, "version": None, "detail": None, "remedy": "use Python 3.8",
                       "reason": "there is no wheel of tflite-runtime for CPython 3.6"},
            "onnxruntime": {"available": True, "version": "1.10.0", "detail": "1.10.0", "reason": None}}
    litert, onnxruntime = status_findings({"suites.runtimes.status:status": said})
    assert (litert.subject, litert.ok, litert.remedy) == ("engine, litert", False, "use Python 3.8")
    assert litert.text == "there is no wheel of tflite-runtime for CPython 3.6"
    assert (onnxruntime.subject, onnxruntime.ok, onnxruntime.text) == ("engine, onnxruntime", True, "1.10.0")


def test_every_part_that_the_doctor_asks_is_there_to_be_asked():
    for function in list(STATUS) + list(ASKED_HERE):
        assert callable(resolve(function))
