"""The tegrastats parser: every captured line, every quirk, and lines mangled in every way."""

import os
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.meters.tegrastats import parse_line

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "tegrastats")
MIB = 1 << 20


def lines(name):
    with open(os.path.join(DATA, name + ".log")) as file:
        return file.read().splitlines()


FILES = ("nano_r32", "tx2", "xavier_nx_r32", "agx_xavier_r32", "orin_nano_r35_r36", "malformed")
ALL = [(name, number, line) for name in FILES for number, line in enumerate(lines(name), 1)]
WHOLE = [line for name, _, line in ALL if name != "malformed"] + lines("tx1_r24")[:1]


def one(name, number):
    return parse_line(lines(name)[number - 1])


@pytest.mark.parametrize("name, number, line", ALL)
def test_every_captured_line_gives_ram_cpu_and_temperatures(name, number, line):
    parsed = parse_line(line)
    assert 0 < parsed.ram_used_bytes <= parsed.ram_total_bytes
    assert len(parsed.cpu) in (4, 6, 8)
    assert len(parsed.temperature_c) >= 4


@pytest.mark.parametrize("line", WHOLE)
def test_nothing_in_a_whole_line_is_left_unrecognised(line):
    assert parse_line(line).unknown == []


def test_a_full_nano_line_is_read_field_by_field():
    parsed = one("nano_r32", 4)
    assert (parsed.ram_used_bytes, parsed.ram_total_bytes) == (1655 * MIB, 3956 * MIB)
    assert (parsed.swap_used_bytes, parsed.swap_total_bytes) == (0, 1978 * MIB)
    assert parsed.cpu == [(14, 204), (14, 204), (10, 204), (11, 204)]
    assert (parsed.gpu_load, parsed.gpu_mhz, parsed.emc_load, parsed.emc_mhz) == (16, 76, 3, 1600)
    assert parsed.temperature_c == {"PLL": 36, "CPU": 39, "iwlwifi": 44, "PMIC": 50, "GPU": 37, "AO": 47,
                                    "thermal": 38}
    assert parsed.power_w == {"POM_5V_IN": 2.247, "POM_5V_GPU": 0.078, "POM_5V_CPU": 0.275}
    assert (parsed.input_power_w, parsed.input_power_rail) == (2.247, "POM_5V_IN")
    assert parsed.input_power_reason is None and parsed.input_power_warning is None


def test_power_is_the_value_at_the_sample_never_the_mean_since_start():
    assert [one("nano_r32", number).input_power_w for number in (3, 4, 5)] == [2.132, 2.247, 2.132]


def test_a_missing_gpu_field_is_none_not_zero():
    assert one("nano_r32", 6).gpu_load is None
    assert one("nano_r32", 7).gpu_load == 0 and one("nano_r32", 7).gpu_mhz is None


@pytest.mark.parametrize("number, watts", [(9, 8.949), (10, 8.791), (11, 8.633)])
def test_swapped_labels_are_flagged_and_the_largest_rail_taken(number, watts):
    parsed = one("nano_r32", number)
    assert parsed.input_power_w == watts and parsed.input_power_rail == "POM_5V_GPU"
    assert "swapped" in parsed.input_power_warning


def test_cores_switched_off_are_none():
    assert one("nano_r32", 13).cpu == [(22, 518), (67, 518), None, None]


def test_no_swap_field_means_swap_unknown():
    assert one("tx2", 3).swap_used_bytes is None


@pytest.mark.parametrize("name, number", [("tx2", 5), ("xavier_nx_r32", 4)])
def test_a_line_without_rails_has_no_input_power_and_says_why(name, number):
    parsed = one(name, number)
    assert parsed.power_w == {} and parsed.input_power_w is None and parsed.input_power_rail is None
    assert "root" in parsed.input_power_reason


def test_bare_rail_names_are_told_from_cpu_lists_and_zones():
    parsed = one("agx_xavier_r32", 1)
    assert parsed.power_w == {"GPU": 0.0, "CPU": 0.311, "SOC": 0.932, "CV": 0.0, "VDDRQ": 0.621, "SYS5V": 1.482}
    assert parsed.temperature_c["GPU"] == 37.5 and len(parsed.cpu) == 8
    assert parsed.input_power_rail == "GPU+CPU+SOC+CV+VDDRQ+SYS5V"
    assert parsed.input_power_w == pytest.approx(3.346)


def test_the_sum_rule_needs_all_its_rails():
    parsed = parse_line("GPU 100/100 CPU 311/311 SOC 932/932")
    assert parsed.input_power_w is None and "twice" in parsed.input_power_reason


def test_agx_orin_rails_are_added_without_the_one_inside_them_and_may_be_negative():
    parsed = parse_line("VDD_GPU_SOC 2400mW/2400mW VDD_CPU_CV -398mW/0mW VIN_SYS_5V0 4000mW/3900mW "
                        "NC 0mW/0mW VDDQ_VDD2_1V8AO 800mW/800mW NC 0mW/0mW")
    assert parsed.power_w["VDD_CPU_CV"] == -0.398
    assert parsed.input_power_w == pytest.approx(6.002)
    assert "NC" not in parsed.power_w and parsed.unknown == []


def test_a_third_value_and_a_lost_unit_change_nothing():
    assert parse_line("VIN 9000mW/8000mW/12000mW ").power_w == {"VIN": 9.0}
    assert one("orin_nano_r35_r36", 5).power_w["VDD_CPU_GPU_CV"] == 0.598


def test_sub_rails_are_never_added_to_an_input_rail():
    assert one("tx2", 2).input_power_w == 5.297


def test_newer_clock_forms_are_read():
    assert (one("orin_nano_r35_r36", 2).gpu_load, one("orin_nano_r35_r36", 2).gpu_mhz) == (63, 621)
    assert parse_line("GR3D_FREQ @[1300,1301] x").gpu_load is None
    assert parse_line("GR3D_FREQ 35%@[1300,1301] x").gpu_mhz == 1300
    assert one("orin_nano_r35_r36", 2).engines_mhz["NVDEC"] is None


def test_older_forms_are_read():
    parsed = parse_line("RAM 2/10MB (lfb 1x1MB) cpu [5%,off,7%]@1036 EMC 3 x")
    assert parsed.cpu == [(5, 1036), None, (7, 1036)]
    assert parse_line("CPU [5%,off] ").cpu == [(5, None), None]


def test_the_old_names_of_gpu_and_memory_clock_are_understood():
    first, second = (parse_line(line + "\n") for line in lines("tx1_r24"))
    assert (first.gpu_load, first.gpu_mhz, first.emc_load, first.emc_mhz) == (0, 76, 1, 408)
    assert (second.gpu_load, second.gpu_mhz, second.emc_load, second.emc_mhz) == (26, 460, 30, 1600)
    assert first.unknown == second.unknown == []
    assert second.cpu == [(40, 1734), (62, 1734), (38, 1734), (22, 1734)]


def test_a_clock_at_the_end_counts_only_where_the_line_has_its_end():
    line = lines("tx1_r24")[1]
    assert parse_line(line).gpu_mhz is None and parse_line(line + "\n").gpu_mhz == 460


@pytest.mark.parametrize("stamp", ["01-24-2024 09:17:09", "2024-01-24 09:17:09", "2024-01-24T09:17:09.123",
                                   "1/24/2024 9:17:09 PM"])
def test_every_form_of_timestamp_is_passed_over(stamp):
    parsed = parse_line(stamp + " " + lines("nano_r32")[0])
    assert parsed.unknown == [] and parsed.ram_used_bytes == 534 * MIB


def test_repeated_blanks_and_a_carriage_return_do_no_harm():
    line = lines("nano_r32")[0]
    assert parse_line("  " + line.replace(" SWAP", "   SWAP") + "  \r\n") == parse_line(line)


def test_a_switched_off_sensor_is_left_out_but_a_frosty_one_is_not():
    parsed = parse_line("GPU@-256C CPU@-5.5C AO@40C/99C ")
    assert parsed.temperature_c == {"CPU": -5.5, "AO": 40.0} and parsed.unknown == []


def test_unknown_fields_are_kept_and_harm_nothing():
    parsed = parse_line("RAM 534/3964MB (lfb 98x4MB) WARP 9 CPU [1%@204] TURBO on VDD_IN 900/900")
    assert parsed.unknown == ["WARP", "9", "TURBO", "on"]
    assert parsed.input_power_w == 0.9 and parsed.cpu == [(1, 204)]


def test_a_second_rail_of_the_same_name_does_not_overwrite_the_first():
    parsed = parse_line("VDD_IN 900/900 VDD_IN 100/100 ")
    assert parsed.power_w == {"VDD_IN": 0.9} and parsed.unknown == ["VDD_IN 100/100"]


def test_damaged_temperatures_are_kept_as_unknown():
    parsed = one("malformed", 2)
    assert parsed.unknown == ["PLL@4aa", "CPU@47a"]
    assert parsed.temperature_c == {"PMIC": 100, "GPU": 46.5, "AO": 53, "thermal": 46.75}
    assert parsed.input_power_w == 5.716


def test_ram_beyond_the_total_and_the_small_iram_are_not_taken_for_ram():
    assert parse_line("RAM 9999/3964MB (lfb 1x1MB)").ram_used_bytes is None
    assert parse_line("IRAM 0/252kB(lfb 252kB)").ram_used_bytes is None
    assert parse_line("RAM 0/252kB(lfb 252kB)").ram_used_bytes is None  # IRAM with its first letter lost


def numbers(text):
    return {float(number) for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", text)}


def assert_honest(line):
    """No figure is negative where it cannot be, and each stands in the line as printed."""
    parsed = parse_line(line)
    printed = numbers(line)
    for value in (parsed.ram_used_bytes, parsed.ram_total_bytes, parsed.swap_used_bytes, parsed.swap_total_bytes):
        assert value is None or (value >= 0 and value / MIB in printed)
    for cpu in parsed.cpu or []:
        assert cpu is None or (0 <= cpu.load <= 100 and cpu.load in printed and (
            cpu.mhz is None or cpu.mhz in printed))
    for value in (parsed.gpu_load, parsed.emc_load):
        assert value is None or (0 <= value <= 100 and value in printed)
    for watts in parsed.power_w.values():
        assert any(abs(abs(watts) - number / 1000.0) < 1e-9 for number in printed)
    for celsius in parsed.temperature_c.values():
        assert abs(celsius) in printed and celsius > -256
    if parsed.input_power_w is None:
        assert parsed.input_power_reason
    else:
        assert parsed.input_power_w == pytest.approx(
            sum(parsed.power_w[rail] for rail in parsed.input_power_rail.split("+")))


@settings(max_examples=300, deadline=None)
@given(st.text())
@example("")
@example("RAM \u0663/\u0664MB")
@example("VDD_IN " + "9" * 5000 + "/1")
@example("CPU@" + "9" * 400 + "C")
def test_no_text_whatever_raises_or_invents(text):
    assert_honest(text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.integers(0, 600))
def test_a_line_cut_short_gives_only_fields_that_stood_there_whole(line, length):
    cut = parse_line(line[:length])
    whole = parse_line(line)
    assert_honest(line[:length])
    for field in ("ram_used_bytes", "ram_total_bytes", "swap_used_bytes", "cpu", "gpu_load", "gpu_mhz", "emc_load"):
        assert getattr(cut, field) in (None, getattr(whole, field))
    assert all(whole.power_w[rail] == watts for rail, watts in cut.power_w.items())
    assert all(whole.temperature_c[zone] == celsius for zone, celsius in cut.temperature_c.items())


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WHOLE), st.integers(0, 400), st.integers(0, 40), st.text(max_size=6))
def test_a_line_with_a_hole_or_an_insertion_raises_nothing_and_invents_nothing(line, start, length, insertion):
    assert_honest(line[:start] + insertion + line[start + length:])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WHOLE), st.sampled_from(WHOLE), st.integers(0, 400), st.integers(0, 400))
def test_two_lines_run_into_each_other_raise_nothing_and_invent_nothing(first, second, end, start):
    assert_honest(first[:end] + second[start:])
