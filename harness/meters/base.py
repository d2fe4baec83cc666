"""What every meter is in the process that reads it: available or not (and why), and a stream of readings.

Who measures never calls these itself: :mod:`harness.meters.handle` runs a meter in a process of its own.
"""

import abc
import enum
import time
from typing import Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

from harness.meters.rails import InputRail, RailSensor, find_input, sensor_of
from harness.meters.reading import Reading
from harness.system.errors import RemedyError

QUANTITIES = ("power", "ram", "temperature", "clock")


class Sees(enum.Enum):
    """What a power meter's watts are of. A part's watts never stand for another part's or for the whole."""

    BOARD = "whole board"
    CPU = "cpu package"
    GPU = "gpu"


class MeterError(RemedyError):
    """A meter that could not be started, died, hung or went quiet."""


class Availability(NamedTuple):
    """Whether a meter gives a quantity, proven by a reading; if not, why and what to do."""

    available: bool
    reason: Optional[str] = None
    remedy: Optional[str] = None


class Meter(abc.ABC):
    """A source of readings. One subclass, one file, one line in ``harness.meters.choice.METERS``.

    A subclass gives :meth:`probe` and :meth:`stream`. The stream runs in a process of its own, so a
    sensor that hangs, a library that changes global state or a busy interpreter lock cannot disturb
    what is measured, nor be disturbed by it.
    """

    name = ""
    quantities: Tuple[str, ...] = ()
    sees: Optional[Sees] = None
    """Whose power it reads; ``None`` for a meter of other quantities."""
    period_s = 0.05
    """Default time between readings."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    @abc.abstractmethod
    def probe(self) -> Dict[str, Availability]:
        """Take one reading and say for each quantity of this meter whether it came."""

    @abc.abstractmethod
    def stream(self, period_s: float) -> Iterator[Reading]:
        """Yield a reading every ``period_s`` seconds without end. Raises :class:`MeterError`."""

    def availability(self, quantity: str = "power") -> Availability:
        """Return whether this meter gives ``quantity`` here and now."""
        if quantity not in self.quantities:
            return Availability(False, "{} does not measure {}".format(self.name, quantity))
        return self.probe()[quantity]

    def input_rail(self, mean_power_w: Mapping[str, float]) -> InputRail:
        """Choose the rail (or counter) that holds the whole input, from the mean watts of each."""
        return find_input(mean_power_w)

    def sensor(self, rail: Optional[str]) -> RailSensor:
        """Return the step size and lag of the sensor behind ``rail`` where they are known."""
        return sensor_of(rail)


class PolledMeter(Meter):
    """A meter that is asked for each reading: ``open`` once, then ``read``."""

    @abc.abstractmethod
    def open(self) -> None:
        """Find the sensors. Raises :class:`MeterError` with the reason and remedy if there are none."""

    @abc.abstractmethod
    def read(self) -> Reading:
        """Take one reading. Raises :class:`MeterError`."""

    def close(self) -> None:
        """Let the sensors go."""

    def probe(self) -> Dict[str, Availability]:
        """Open, read once, close."""
        try:
            self.open()
            try:
                reading = self.read()
            finally:
                self.close()
        except MeterError as error:
            return dict.fromkeys(self.quantities, refusal(error))
        return judge(self.quantities, reading, self.name)

    def stream(self, period_s: float) -> Iterator[Reading]:
        """Yield readings paced by the monotonic clock."""
        self.open()
        try:
            for _ in pace(period_s):
                yield self.read()
        finally:
            self.close()


def pace(period_s: float, clock: Callable[[], float] = time.monotonic,
         sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Yield once each period, on a fixed grid; a late turn skips grid points instead of catching up."""
    start = clock()
    tick = 0
    while True:
        yield None
        tick = max(tick, int((clock() - start) / period_s)) + 1
        sleep(max(0.0, start + tick * period_s - clock()))


def refusal(error: MeterError) -> Availability:
    """Return that a meter is not available, and why."""
    return Availability(False, error.reason, error.remedy)


def judge(quantities: Tuple[str, ...], reading: Reading, name: str) -> Dict[str, Availability]:
    """Say for each quantity whether ``reading`` holds it."""
    held = {"power": bool(reading.power_w or reading.energy_j), "ram": reading.ram_used_bytes is not None,
            "temperature": bool(reading.temperature_c), "clock": bool(reading.clock_hz)}
    return {quantity: Availability(True) if held[quantity] else
            Availability(False, "{} shows no {} on this machine".format(name, quantity))
            for quantity in quantities}
