"""Our jtop meter against the real jtop server, fed from a fake Nano: ``python tests/meters/jtop_lane.py``.

Not part of the ordinary tests: run it as root with a Python that has jetson-stats (4.3.2 on 3.6, 7.x on
newer). It makes and removes /fake_sys, the place the package's own test mode reads. Where it cannot run
it says why and ends with status 0; a failed check ends with 1.
"""

import grp
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..")]
import fake_boards  # noqa: E402

from harness.meters import MeterHandle, make_meter  # noqa: E402
from harness.meters.base import MeterError  # noqa: E402

FAKE = "/fake_sys"
SOCKET = "/run/jtop.sock"
LINGER_S = 4.0  # the server keeps its interval for about 3 s after the last client
SERVER = """
import jtop.service as service
service.get_hardware = lambda: {"Model": "fake"}
server = service.JtopServer(force=True)
server.start()
print("started", flush=True)
server.join()
"""
CLIENT = """
import sys, time
from jtop import jtop
with jtop(interval=float(sys.argv[1])) as client:
    while client.ok():
        print("answer", flush=True)
"""


def why_not():
    """Return why the lane cannot run here, None if it can."""
    if os.geteuid() != 0:
        return "the jtop server needs root"
    if os.uname().machine != "x86_64":
        return "the package's test mode refuses to run on a board"
    try:
        import jtop  # noqa: F401
    except ImportError:
        return "jetson-stats is not installed for {}".format(sys.executable)
    try:
        grp.getgrnam("jtop")
    except KeyError:
        return "there is no group jtop: 'groupadd jtop' makes one"
    if os.path.exists(SOCKET):
        return "a jtop server may be running: {} is there".format(SOCKET)
    if os.path.exists(FAKE):
        return "{} is there already".format(FAKE)
    return None


def make_tree():
    """Make the parts of a Nano the server looks at in its test mode."""
    monitor = FAKE + "/bus/i2c/devices/6-0040/"
    fake_boards.write("/", monitor + "name", "ina3221x")
    for number, (label, milliwatts) in enumerate((("POM_5V_IN", 2132), ("POM_5V_GPU", 78), ("POM_5V_CPU", 275))):
        folder = monitor + "iio:device0/"
        fake_boards.write("/", folder + "rail_name_{}".format(number), label)
        fake_boards.write("/", folder + "in_power{}_input".format(number), milliwatts)
        fake_boards.write("/", folder + "in_voltage{}_input".format(number), 4960)
        fake_boards.write("/", folder + "in_current{}_input".format(number), milliwatts * 1000 // 4960)
    fake_boards.write("/", FAKE + "/stat", fake_boards.STAT)
    for number in range(2):
        fake_boards.write("/", FAKE + "/devices/system/cpu/cpu{}/online".format(number), 1)
    gpu = FAKE + "/class/devfreq/57000000.gpu/"
    fake_boards.write("/", gpu + "device/of_node/name", "gpu")
    fake_boards.write("/", gpu + "device/load", 345)
    for name, value in (("cur_freq", 76800000), ("min_freq", 76800000), ("max_freq", 921600000),
                        ("governor", "nvhost_podgov")):
        fake_boards.write("/", gpu + name, value)
    os.makedirs(FAKE + "/kernel/debug/clk")


def start(code, *arguments):
    """Start a Python child in its own session and wait for its first line."""
    child = subprocess.Popen([sys.executable, "-c", code] + list(arguments), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, env=dict(os.environ, JTOP_TESTING="1"),
                             start_new_session=True)
    if not child.stdout.readline():
        raise SystemExit("FAILED the child ended with status {}".format(child.wait()))
    return child


def end(child):
    """End a child with everything it started in its session."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    child.stdout.close()


def collect(period_s, count, seconds):
    """Return up to ``count`` readings of our meter."""
    meter = MeterHandle(make_meter("jtop"))
    meter.start(period_s)
    limit_s = time.monotonic() + seconds
    while len(meter.poll()) < count and time.monotonic() < limit_s:
        time.sleep(0.05)
    return meter.stop()


def check(name, passed, detail=""):
    """Print one result; return whether it failed."""
    print("{} {} {}".format("ok    " if passed else "FAILED", name, detail))
    return not passed


def play():
    """Run every check; return how many failed."""
    failures = 0
    server = start(SERVER)
    try:
        found = make_meter("jtop").probe()
        failures += check("the meter is available", found["power"].available, found["power"].reason or "")
        time.sleep(LINGER_S)
        readings = collect(0.2, 6, 15.0)
        watts = dict(readings[-1].power_w)
        failures += check("rails in watts, the input among them", watts == {
            "POM_5V_IN": 2.132, "POM_5V_GPU": 0.078, "POM_5V_CPU": 0.275}, watts)
        failures += check("RAM is there", bool(readings[-1].ram_used_bytes), readings[-1].ram_used_bytes)
        gap_s = (readings[-1].time_s - readings[0].time_s) / (len(readings) - 1)
        failures += check("the period is kept", 0.15 < gap_s < 0.35, "{:.3f} s".format(gap_s))
        time.sleep(LINGER_S)
        slow = start(CLIENT, "1.0")
        try:
            readings = collect(0.1, 4, 15.0)
            failures += check("another client's slow interval is followed", len(readings) >= 4, len(readings))
        finally:
            end(slow)
        time.sleep(LINGER_S)
        meter = MeterHandle(make_meter("jtop"))
        meter.start(0.2)
        end(server)
        reason = wait_for_error(meter)
        failures += check("a dead server is an error", bool(reason), reason)
    finally:
        end_quietly(server)
        if os.path.exists(SOCKET):
            os.remove(SOCKET)
    found = make_meter("jtop").probe()["power"]
    failures += check("no server: a reason and a remedy", not found.available and bool(found.remedy),
                      "{}: {}".format(found.reason, found.remedy))
    return failures


def wait_for_error(meter):
    """Poll until the meter fails; return why."""
    limit_s = time.monotonic() + 10.0
    reason = ""
    try:
        while time.monotonic() < limit_s:
            meter.poll()
            time.sleep(0.1)
    except MeterError as error:
        reason = str(error)
    try:
        meter.stop()
    except MeterError:
        pass
    return reason


def end_quietly(child):
    """End a child that may have been ended already."""
    if not child.stdout.closed:
        end(child)


def main():
    """Run the lane or say why not."""
    reason = why_not()
    if reason:
        print("skipped: {}".format(reason))
        return 0
    make_tree()
    try:
        failures = play()
    finally:
        shutil.rmtree(FAKE)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
