"""The handle, the child process and tegrastats against a program that behaves like the real one, and worse."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from harness.meters import MeterHandle, choose, make_meter, tegrastats
from harness.meters.base import MeterError, pace
from harness.meters.tegrastats import TegrastatsMeter
from tests.patience import HANG_S, PatientHandle, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
NANO = os.path.join(HERE, "..", "data", "tegrastats", "nano_r32.log")
SUDO = """#!/bin/sh
# A stand-in for sudo -n: refuses, or runs the rest as "root".
[ "$1" = "-n" ] && shift
[ "$FAKE_SUDO" = "yes" ] || { echo "sudo: a password is required" >&2; exit 1; }
FAKE_ROOT=1 exec "$@"
"""


def executable(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a fake tegrastats and sudo first on the path; return a function that sets its mode."""
    with open(os.path.join(HERE, "fake_tegrastats.py")) as file:
        executable(tmp_path / "tegrastats", "#!{} -S\n{}".format(sys.executable, file.read()))
    executable(tmp_path / "sudo", SUDO)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    monkeypatch.setenv("FAKE_LOG", NANO)
    monkeypatch.setenv("FAKE_PID", str(tmp_path / "pid"))
    monkeypatch.setattr(tegrastats, "FIRST_LINE_S", HANG_S)

    def set_mode(mode, sudo="no"):
        monkeypatch.setenv("FAKE_MODE", mode)
        monkeypatch.setenv("FAKE_SUDO", sudo)
        return tmp_path / "pid"

    return set_mode


def is_alive(pid):
    try:
        with open("/proc/{}/stat".format(pid)) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def poll_until_error(meter):
    def fails():
        try:
            meter.poll()
        except MeterError as error:
            said.append(str(error))
        return said

    said = []
    assert wait_for(fails), "the meter's failure was not noticed"
    return said[0]


def test_real_lines_come_through_stamped_in_order_and_the_child_is_reaped(fake):
    pid_file = fake("")
    meter = PatientHandle(make_meter("tegrastats"))
    before_s = time.monotonic()
    meter.start(0.03)
    assert wait_for(lambda: len(meter.poll()) >= 8)
    readings = meter.stop()
    stamps = [reading.time_s for reading in readings]
    assert stamps == sorted(stamps) and before_s <= stamps[0] and stamps[-1] <= time.monotonic()
    with open(NANO) as file:
        known = [(line.ram_used_bytes, line.power_w) for line in map(tegrastats.parse_line, file)]
    assert all((reading.ram_used_bytes, reading.power_w) in known for reading in readings)
    first = readings[0]
    assert first.power_w["POM_5V_IN"] == 1.75 and first.clock_hz == {"gpu": 76e6, "cpu": 1224e6}
    assert first.temperature_c == {"PLL": 37, "CPU": 40, "GPU": 40, "AO": 45, "thermal": 40}
    assert wait_for(lambda: not is_alive(int(pid_file.read_text())))


def test_one_that_ignores_being_told_to_end_is_killed(fake, monkeypatch):
    pid_file = fake("stubborn")
    monkeypatch.setattr("harness.system.children.TerminalChild.end.__defaults__", (0.2,))
    stream = TegrastatsMeter().stream(0.03)
    next(stream)
    pid = int(pid_file.read_text())
    assert is_alive(pid)
    stream.close()
    assert wait_for(lambda: not is_alive(pid))


def test_one_that_dies_voids_with_a_reason(fake):
    fake("dies")
    meter = PatientHandle(make_meter("tegrastats"))
    meter.start(0.03)
    error = poll_until_error(meter)
    assert "tegrastats ended (status 7) while measuring" in error
    with pytest.raises(MeterError):
        meter.stop()


def test_one_that_hangs_voids_with_a_reason(fake):
    pid_file = fake("hangs")
    meter = PatientHandle(make_meter("tegrastats"), quiet_s=0.4)
    meter.start(0.03)
    assert "has given no reading for" in poll_until_error(meter)
    with pytest.raises(MeterError):
        meter.stop()
    assert wait_for(lambda: not is_alive(int(pid_file.read_text())))


def test_one_that_floods_is_read_at_the_period_asked_for(fake):
    fake("floods")
    meter = PatientHandle(make_meter("tegrastats"))
    meter.start(0.05)
    assert wait_for(lambda: len(meter.poll()) >= 5)
    stamps = [reading.time_s for reading in meter.stop()]
    assert min(later - earlier for earlier, later in zip(stamps, stamps[1:])) >= 0.5 * 0.05


def test_cut_lines_cost_readings_but_invent_none(fake):
    fake("cuts")
    meter = PatientHandle(make_meter("tegrastats"))
    meter.start(0.02)
    assert wait_for(lambda: len(meter.poll()) >= 6)
    for reading in meter.stop():
        assert reading.power_w == {} or 1.0 <= max(reading.power_w.values()) < 9.0


def test_one_that_prints_nothing_is_not_available_and_the_reason_says_so(fake, monkeypatch):
    fake("silent")
    monkeypatch.setattr(tegrastats, "FIRST_LINE_S", 0.3)
    found = TegrastatsMeter().availability()
    assert not found.available and "printed nothing within" in found.reason and "by hand" in found.remedy


def test_one_that_refuses_to_start_is_not_available(fake):
    fake("refuses")
    assert "tegrastats ended (status 1)" in TegrastatsMeter().availability().reason


def test_without_root_there_are_no_rails_and_the_remedy_names_the_line_for_sudo(fake, monkeypatch):
    fake("needs-root", sudo="no")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    meter = TegrastatsMeter()
    found = meter.probe()
    assert not found["power"].available and "root" in found["power"].reason
    assert "NOPASSWD: {}".format(meter.program()) in found["power"].remedy
    assert "given to sudo in the terminal is not enough: the meter runs in a session of its own" in (
        found["power"].remedy)
    assert found["ram"].available and found["temperature"].available


def test_sudo_without_a_password_is_tried_first(fake, monkeypatch):
    fake("needs-root", sudo="yes")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert TegrastatsMeter().availability().available


def test_a_killed_child_process_is_noticed_and_its_tegrastats_ended(fake):
    pid_file = fake("")
    meter = PatientHandle(make_meter("tegrastats"))
    meter.start(0.03)
    os.kill(meter.pid, signal.SIGKILL)
    assert "died while measuring (status -9)" in poll_until_error(meter)
    with pytest.raises(MeterError):
        meter.stop()
    assert wait_for(lambda: not is_alive(int(pid_file.read_text())))


def test_a_killed_parent_leaves_neither_child_nor_tegrastats_behind(fake):
    pid_file = fake("")
    code = ("import os, signal; from harness.meters import make_meter, tegrastats; "
            "from tests.patience import HANG_S, PatientHandle; tegrastats.FIRST_LINE_S = HANG_S; "
            "meter = PatientHandle(make_meter('tegrastats')); meter.start(0.03); print(meter.pid, flush=True); "
            "os.kill(os.getpid(), signal.SIGKILL)")
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                              cwd=os.path.join(HERE, "..", ".."))
    child_pid = int(parent.stdout.readline())
    parent.wait()
    parent.stdout.close()
    assert wait_for(lambda: not is_alive(child_pid))
    assert wait_for(lambda: not is_alive(int(pid_file.read_text())))


def test_the_clock_that_ends_a_line_of_an_older_release_is_read(fake, monkeypatch):
    fake("")
    monkeypatch.setenv("FAKE_LOG", os.path.join(HERE, "..", "data", "tegrastats", "tx1_r24.log"))
    stream = TegrastatsMeter().stream(0.02)
    clocks = set()
    for _ in range(1000):  # lines that come late come together, and all but one are passed over
        clocks.add(next(stream).clock_hz["gpu"])
        if len(clocks) == 2:
            break
    stream.close()
    assert clocks == {76e6, 460e6}


def lines_written(pid):
    """Return how many lines a meter's process has written, each by one system call."""
    with open("/proc/{}/io".format(pid)) as file:
        return int(dict(line.split(": ") for line in file)["syscw"])


def test_a_parent_that_is_busy_for_long_loses_no_reading():
    meter = PatientHandle(make_meter("proc"))
    meter.start(0.005)
    first = lines_written(meter.pid)
    assert wait_for(lambda: lines_written(meter.pid) >= first + 100)  # and nobody reads them meanwhile
    since = lines_written(meter.pid) - first
    assert len(meter.stop()) > since


def test_a_meter_that_is_not_there_fails_at_the_start_with_its_own_reason(tmp_path):
    with pytest.raises(MeterError, match="no INA3221"):
        PatientHandle(make_meter("ina3221", str(tmp_path))).start()


def test_a_meter_cannot_be_read_before_it_was_started():
    with pytest.raises(MeterError, match="not started"):
        MeterHandle(make_meter("proc")).poll()


def test_the_childs_process_stays_small():
    code = "import sys, harness.meters.child, harness.meters.ina3221, harness.meters.tegrastats; " \
           "print(sorted({'numpy', 'torch', 'pandas', 'multiprocessing'} & set(sys.modules)))"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=os.path.join(HERE, "..", ".."))
    assert printed.decode().strip() == "[]"


def test_a_meter_is_not_started_twice_but_again_after_its_end():
    meter = PatientHandle(make_meter("proc"))
    for _ in range(2):
        meter.start(0.05)
        with pytest.raises(MeterError, match="running already"):
            meter.start(0.05)
        assert meter.stop()


def test_a_late_turn_skips_ahead_instead_of_catching_up():
    now = [0.0]
    naps = []

    def sleep(seconds):
        naps.append(round(seconds, 6))
        now[0] += seconds

    turns = pace(0.1, lambda: now[0], sleep)
    next(turns)
    next(turns)
    now[0] += 0.35  # held up
    next(turns)
    next(turns)
    assert naps == [0.1, 0.05, 0.1]
    assert now[0] == pytest.approx(0.6)


def test_the_fake_tegrastats_is_chosen_for_power_when_it_is_the_best_there_is(fake):
    fake("")
    choice = choose("power", thorough=False)
    assert choice.meter.name == "tegrastats"
