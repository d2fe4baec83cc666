"""tegrastats, NVIDIA's own monitor on every Jetson, run as a child process of ours."""

import os
import select
import shutil
import time
from typing import Dict, Iterator, List, Optional

from harness.meters.base import Availability, Meter, MeterError, Sees, refusal
from harness.meters.reading import Reading
from harness.meters.tegraline import CpuLoad, TegraLine, parse_line
from harness.system.children import TerminalChild
from harness.system.tree import Tree

__all__ = ["CpuLoad", "TegraLine", "TegrastatsMeter", "parse_line"]

USUAL_PLACES = ("/usr/bin/tegrastats", "/home/nvidia/tegrastats", "/home/ubuntu/tegrastats")
FIRST_LINE_S = 2.5
_MAX_LINE = 8192
_DUMMY_ZONES = ("PMIC",)  # a constant on every board


class TegrastatsMeter(Meter):
    """Power, RAM, temperature and GPU clock from tegrastats.

    ``sudo -n`` is tried first: since L4T r32.6.1 only root sees the rails. Neither ``--start`` nor
    ``--stop`` is used; they would end the user's own tegrastats.
    """

    name = "tegrastats"
    quantities = ("power", "ram", "temperature", "clock")
    sees = Sees.BOARD
    period_s = 0.1

    def program(self) -> Optional[str]:
        """Return where tegrastats is, ``None`` if it is not on this machine."""
        found = shutil.which("tegrastats") if self.root == "/" else None
        tree = Tree(self.root)
        places = [found] if found else [tree.path(place) for place in USUAL_PLACES]
        return next((place for place in places if place and os.access(place, os.X_OK)), None)

    def probe(self) -> Dict[str, Availability]:
        """Start it, read one line, end it."""
        try:
            child = self._start_child(self.period_s)
        except MeterError as error:
            return dict.fromkeys(self.quantities, refusal(error))
        child.end()
        line = child.first
        given = {"power": bool(line.power_w), "ram": line.ram_used_bytes is not None,
                 "temperature": bool(line.temperature_c), "clock": line.gpu_mhz is not None}
        remedies = {"power": "let this user run it as root without a password: add the line '{} ALL=(root) NOPASSWD: "
                             "{}' with 'sudo visudo' (a password given to sudo in the terminal is not enough: the "
                             "meter runs in a session of its own)".format(_user(), self.program())}
        reasons = {"power": line.input_power_reason}
        return {quantity: Availability(True) if given[quantity] else Availability(
            False, reasons.get(quantity) or "this tegrastats shows no {}".format(quantity), remedies.get(quantity))
            for quantity in self.quantities}

    def stream(self, period_s: float) -> Iterator[Reading]:
        """Yield one reading per line; lines that come faster than asked for are passed over.

        Raises :class:`MeterError` where the program is not there, says nothing or ends.
        """
        child = self._start_child(period_s)
        last_s = float("-inf")
        try:
            while True:
                try:
                    text = child.next_line()
                except MeterError as error:
                    raise MeterError("tegrastats {} while measuring".format(error),
                                     "run it by hand to see why") from error
                now_s = time.monotonic()
                if now_s - last_s < 0.5 * period_s:
                    continue
                reading = to_reading(parse_line(text), now_s)
                if reading.power_w or reading.ram_used_bytes is not None:
                    last_s = now_s
                    yield reading
        finally:
            child.end()

    def _start_child(self, period_s: float) -> "_Child":
        """Start tegrastats with the rights to be had and wait for a whole line; as root first."""
        program = self.program()
        if program is None:
            raise MeterError("tegrastats is not on this machine", "a Jetson has it in package "
                             "nvidia-l4t-tools, other machines never")
        command = [program, "--interval", str(max(1, int(round(1000 * period_s))))]
        sudo = [] if os.geteuid() == 0 or not shutil.which("sudo") else [["sudo", "-n"] + command]
        trouble = ""
        for attempt in sudo + [command]:
            child = _Child(attempt)
            trouble = child.wait_for_first(FIRST_LINE_S + period_s)
            if not trouble:
                return child
            child.end()
        raise MeterError("tegrastats {}".format(trouble), "run '{}' by hand to see why".format(" ".join(command)))


class _Child:
    """A running tegrastats and the lines that came from it."""

    def __init__(self, command: List[str]) -> None:
        self._child = TerminalChild(command)
        self.first = parse_line("")
        self._buffer = b""
        self._lines: List[bytes] = []

    def wait_for_first(self, timeout_s: float) -> str:
        """Wait for a line with a RAM figure; return what went wrong, or an empty string."""
        end_s = time.monotonic() + timeout_s
        seen = False
        while time.monotonic() < end_s:
            try:
                text = self.next_line(end_s - time.monotonic())
            except MeterError as error:
                return str(error)
            seen = True
            self.first = parse_line(text)
            if self.first.ram_used_bytes is not None:
                return ""
        return "printed nothing that could be read" if seen else "printed nothing"

    def next_line(self, timeout_s: Optional[float] = None) -> str:
        """Return the next line with its end, which shows it to be whole.

        Raises :class:`MeterError` where the program ended, or after ``timeout_s``.
        """
        while not self._lines:
            ready = select.select([self._child.output], [], [], timeout_s)[0]
            if not ready:
                raise MeterError("printed nothing within {:g} s".format(timeout_s or 0.0))
            data = os.read(self._child.output, 1 << 16)
            if not data:
                raise MeterError("ended (status {})".format(self._child.process.wait()))
            parts = (self._buffer + data).split(b"\n")
            self._buffer = parts.pop()[-_MAX_LINE:]
            self._lines = parts
        return self._lines.pop(0).decode("utf-8", "replace") + "\n"

    def end(self) -> None:
        """End and reap it; it does not end when its pipe closes."""
        self._child.end()


def to_reading(line: TegraLine, time_s: float) -> Reading:
    """Return what a line says, stamped with when it was read."""
    clock = {} if line.gpu_mhz is None else {"gpu": line.gpu_mhz * 1e6}
    on = [cpu.mhz for cpu in line.cpu or [] if cpu is not None and cpu.mhz is not None]
    if on:
        clock["cpu"] = max(on) * 1e6
    return Reading(time_s, power_w=line.power_w, clock_hz=clock, ram_used_bytes=line.ram_used_bytes,
                   temperature_c={zone: celsius for zone, celsius in line.temperature_c.items()
                                  if not zone.startswith(_DUMMY_ZONES)})


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except KeyError:  # a container's user without a name
        return "#{}".format(os.geteuid())
