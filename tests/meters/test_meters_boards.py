"""INA3221 and RAPL on fake boards, the choice of a meter, and a whole fake board through its process."""

import os
import subprocess

import fake_boards
import pytest

from harness.meters import METERS, choose, make_meter, survey
from harness.meters.base import Meter, MeterError
from harness.meters.ina3221 import Ina3221Meter
from harness.meters.proc import ProcMeter
from harness.meters.rapl import RaplMeter
from tests.patience import PatientHandle, wait_for


def read_once(meter):
    meter.open()
    try:
        return meter.read()
    finally:
        meter.close()


@pytest.fixture
def deny(monkeypatch):
    """Return a function that makes files with a word in their name root-only (the tests may run as root)."""
    honest = os.open

    def install(word):
        def stingy(path, *options, **named):
            if word in str(path):
                raise PermissionError(13, "Permission denied", path)
            return honest(path, *options, **named)

        monkeypatch.setattr(os, "open", stingy)

    return install


def test_a_nano_is_read_by_label_in_watts(tmp_path):
    reading = read_once(Ina3221Meter(fake_boards.nano(tmp_path)))
    assert reading.power_w == {"POM_5V_IN": 2.132, "POM_5V_GPU": 0.078, "POM_5V_CPU": 0.275}


def test_labels_count_not_channel_numbers(tmp_path):
    root = fake_boards.nano(tmp_path, rails=(("POM_5V_GPU", 500, 5000, 100), ("POM_5V_IN", 3000, 5000, 600),
                                             ("POM_5V_CPU", 400, 5000, 80)))
    meter = Ina3221Meter(root)
    rail = meter.input_rail(read_once(meter).power_w)
    assert rail.rails == ("POM_5V_IN",) and rail.warning is None


def test_swapped_labels_on_an_old_nano_are_flagged(tmp_path):
    root = fake_boards.nano(tmp_path, rails=(("POM_5V_GPU", 8949, 5000, 1790), ("POM_5V_IN", 3227, 5000, 645),
                                             ("POM_5V_CPU", 3148, 5000, 630)))
    meter = Ina3221Meter(root)
    rail = meter.input_rail(read_once(meter).power_w)
    assert rail.rails == ("POM_5V_GPU",) and "look swapped" in rail.warning


def test_an_idle_nano_whose_gpu_rail_shows_nothing_is_not_called_swapped(tmp_path):
    meter = Ina3221Meter(fake_boards.nano(tmp_path))
    assert meter.input_rail({"POM_5V_IN": 1.0, "POM_5V_GPU": 0.0, "POM_5V_CPU": 0.2}).warning is None


def test_parts_larger_than_the_whole_are_doubted_without_talk_of_swapped_labels(tmp_path):
    rail = Ina3221Meter(fake_boards.nano(tmp_path)).input_rail(
        {"POM_5V_IN": 3.0, "POM_5V_GPU": 2.0, "POM_5V_CPU": 2.0})
    assert rail.rails == ("POM_5V_IN",) and "do not fit together" in rail.warning


def test_a_nano_without_power_files_multiplies_volts_and_amperes(tmp_path):
    root = fake_boards.nano(tmp_path)
    for number in range(3):
        os.remove(os.path.join(root, fake_boards.NANO_INA.lstrip("/"), "in_power{}_input".format(number)))
    assert read_once(Ina3221Meter(root)).power_w["POM_5V_IN"] == pytest.approx(4.960 * 0.432)


def test_the_newer_driver_multiplies_volts_and_amperes(tmp_path):
    reading = read_once(Ina3221Meter(fake_boards.orin_nano(tmp_path)))
    assert reading.power_w == pytest.approx({"VDD_IN": 4.82, "VDD_CPU_GPU_CV": 0.52, "VDD_SOC": 1.48})


def test_an_agx_orin_adds_three_rails_of_one_chip_and_leaves_out_the_inner_one(tmp_path):
    meter = Ina3221Meter(fake_boards.agx_orin(tmp_path))
    power = read_once(meter).power_w
    assert set(power) == {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"}
    rail = meter.input_rail(power)
    assert rail.name == "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"
    assert rail.power_w(power) == pytest.approx(2.28 + 0.76 + 4.0)


def test_step_and_lag_come_from_the_driver_else_from_what_is_known_of_the_board(tmp_path):
    orin = Ina3221Meter(fake_boards.orin_nano(tmp_path / "orin")).sensor("VDD_IN")
    assert orin.step_w == pytest.approx(0.020 * 5.0) and orin.lag_s == pytest.approx(0.054)
    nano = Ina3221Meter(fake_boards.nano(tmp_path / "nano")).sensor("POM_5V_IN")
    assert (nano.step_w, nano.lag_s) == (0.040, 0.054)


def test_the_steps_of_added_rails_add_as_squares(tmp_path):
    meter = Ina3221Meter(fake_boards.agx_orin(tmp_path))
    rail = meter.input_rail(read_once(meter).power_w)
    assert meter.sensor(rail.name).step_w == pytest.approx((2 * 0.38 ** 2 + 0.1 ** 2) ** 0.5)


def test_a_nano_2gb_has_no_monitor_and_is_told_so(tmp_path):
    found = Ina3221Meter(fake_boards.nano_without_ina3221(tmp_path)).availability()
    assert not found.available and "no INA3221" in found.reason and "Nano 2 GB" in found.remedy


@pytest.mark.parametrize("board, word, subsystem, driver", [
    (fake_boards.nano, "in_power", "iio", "ina3221x"), (fake_boards.orin_nano, "in1_input", "hwmon", "ina3221")])
def test_root_only_rails_are_opened_for_good_by_a_udev_rule_that_the_shell_leaves_whole(tmp_path, deny, board, word,
                                                                                        subsystem, driver):
    root = board(tmp_path)
    deny(word)
    remedy = Ina3221Meter(root).probe()["power"].remedy
    command = remedy[remedy.index("for good: ") + len("for good: "):].split(" && ")[0]
    shown = command.replace("sudo tee /etc/udev/rules.d/99-ina3221.rules", "cat")
    said = subprocess.check_output(["bash", "-c", shown], universal_newlines=True)
    assert said.startswith('SUBSYSTEM=="{}", DRIVERS=="{}", RUN+="/bin/sh -c \'chmod a+r /sys%p/'.format(
        subsystem, driver)) and said.endswith("_input'\"\n")


def test_root_only_rails_give_the_exact_command(tmp_path, deny):
    root = fake_boards.nano(tmp_path)
    deny("in_power")
    found = Ina3221Meter(root).availability()
    assert not found.available and "only root" in found.reason
    assert "sudo chmod a+r /sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_power*_input" in found.remedy


def test_a_monitor_that_stops_answering_is_an_error_not_a_zero(tmp_path):
    root = fake_boards.nano(tmp_path)
    meter = Ina3221Meter(root)
    meter.open()
    fake_boards.write(root, fake_boards.NANO_INA + "in_power0_input", "")
    with pytest.raises(MeterError, match="gave no value"):
        meter.read()
    meter.close()


def test_rapl_takes_packages_and_dram_and_nothing_that_is_inside_them(tmp_path):
    meter = RaplMeter(fake_boards.desktop(tmp_path))
    reading = read_once(meter)
    assert sorted(reading.energy_j) == ["dram of package-0", "dram of package-1", "package-0", "package-1"]
    assert meter.input_rail(reading.energy_j).rails == tuple(sorted(reading.energy_j))


def test_rapl_counts_from_the_first_reading_and_over_a_wrap(tmp_path):
    root = fake_boards.desktop(tmp_path)
    meter = RaplMeter(root)
    fake_boards.powercap(root, "intel-rapl:0", "package-0", 999_000, limit_uj=1_000_000)
    meter.open()
    assert meter.read().energy_j["package-0"] == 0.0
    fake_boards.write(root, "/sys/class/powercap/intel-rapl:0/energy_uj", 999_500)
    assert meter.read().energy_j["package-0"] == pytest.approx(500e-6)
    fake_boards.write(root, "/sys/class/powercap/intel-rapl:0/energy_uj", 299)
    assert meter.read().energy_j["package-0"] == pytest.approx(1300e-6)
    assert meter.read().energy_j["package-1"] == 0.0
    meter.close()


def test_rapl_for_root_only_gives_the_exact_command(tmp_path, deny):
    root = fake_boards.desktop(tmp_path)
    deny("energy_uj")
    found = RaplMeter(root).availability()
    assert not found.available
    assert "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in found.remedy


def test_a_machine_without_rapl_is_told_what_to_load(tmp_path):
    found = RaplMeter(fake_boards.any_linux(tmp_path)).availability()
    assert "no RAPL counters" in found.reason and "modprobe" in found.remedy


@pytest.mark.parametrize("board, device, expected", [
    (fake_boards.nano, "cuda", "ina3221"), (fake_boards.orin_nano, "cpu", "ina3221"),
    (fake_boards.desktop, "cpu", "rapl"), (fake_boards.nano_without_ina3221, "cuda", None)])
def test_the_best_meter_of_each_board_is_chosen_for_power(tmp_path, board, device, expected):
    choice = choose("power", root=board(tmp_path), device=device)
    assert (choice.meter.name if choice.meter else None) == expected
    assert [entry.name for entry in choice.entries if entry.chosen] == ([expected] if expected else [])
    for entry in choice.entries:
        assert entry.available or (entry.reason and entry.remedy), entry
    assert (choice.reason is None) == (expected is not None)


def test_a_named_meter_that_does_not_work_is_not_silently_replaced(tmp_path):
    choice = choose("power", named="rapl", root=fake_boards.nano(tmp_path))
    assert choice.meter is None
    assert "meter rapl was asked for but the kernel shows no RAPL" in choice.reason
    assert [entry.available for entry in choice.entries if entry.name == "ina3221"] == [True]


def test_a_named_meter_goes_before_a_better_one(tmp_path):
    root = fake_boards.nano(tmp_path)
    fake_boards.powercap(root, "intel-rapl:0", "package-0", 1)
    assert choose("power", named="rapl", root=root).meter.name == "rapl"


@pytest.mark.parametrize("quantity, named, words", [
    ("power", "wattmeter", "no meter 'wattmeter': choose one of ina3221"), ("speed", None, "no quantity 'speed'"),
    ("power", "proc", "does not measure power")])
def test_unknown_names_are_answered_with_the_known_ones(quantity, named, words):
    with pytest.raises(ValueError, match=words):
        choose(quantity, named)


def test_every_meter_is_registered_under_its_own_name_and_explains_itself():
    for name in METERS:
        meter = make_meter(name)
        assert isinstance(meter, Meter) and meter.name == name and meter.quantities and meter.period_s > 0
        assert "does not measure" in meter.availability("speed").reason


def test_the_survey_asks_each_meter_once_and_covers_every_quantity(tmp_path, monkeypatch):
    root = fake_boards.nano(tmp_path)
    asked = []
    honest = ProcMeter.probe
    monkeypatch.setattr(ProcMeter, "probe", lambda self: asked.append(1) or honest(self))
    entries = survey(root=root, device="cuda")
    assert {entry.quantity for entry in entries} == {"power", "ram", "temperature", "clock"}
    assert {entry.quantity: entry.name for entry in entries if entry.chosen} == {
        "power": "ina3221", "ram": "proc", "temperature": "proc", "clock": "proc"}
    assert len(asked) == 1


def test_a_whole_fake_board_is_sampled_with_clock_and_temperature_beside_the_power(tmp_path):
    meter = PatientHandle(make_meter("ina3221", fake_boards.nano(tmp_path)))
    meter.start(0.02)
    assert wait_for(lambda: len(meter.poll()) >= 5 and not all(one.clock_hz for one in meter.poll()))
    readings = meter.stop()
    assert all(one.power_w["POM_5V_IN"] == 2.132 for one in readings)
    assert readings[0].clock_hz == {"cpu": 1326000000, "gpu": 76800000}
    assert readings[0].temperature_c["GPU-therm"] == 36
    full = [one.time_s for one in readings if one.clock_hz]
    assert all(later - earlier >= 0.5 for earlier, later in zip(full, full[1:]))  # read at most twice a second
