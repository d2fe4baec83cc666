"""What every meter is: available or not (and why), started, stopped, and a list of stamped readings."""

import abc
import time
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from harness.meters.rails import InputRail, RailSensor, find_input, sensor_of

QUANTITIES = ("power", "ram", "temperature", "clock")

_NOTHING: Dict[str, float] = {}


class MeterError(Exception):
    """A meter that could not be started, died, hung or went quiet; one sentence with the remedy."""


class Availability(NamedTuple):
    """Whether a meter gives a quantity, proven by a reading; if not, why and what to do."""

    available: bool
    reason: Optional[str] = None
    remedy: Optional[str] = None


class Reading(NamedTuple):
    """What a meter said at one instant of ``time.monotonic``. Empty or ``None``: it does not tell.

    ``power_w`` by rail; ``energy_j`` by counter, counted up since the meter was started, wrap-arounds
    taken out; ``temperature_c`` by zone; ``clock_hz`` by unit (``gpu``, ``cpu``).
    The mappings are never changed after the reading is made.
    """

    time_s: float
    power_w: Mapping[str, float] = _NOTHING
    energy_j: Mapping[str, float] = _NOTHING
    temperature_c: Mapping[str, float] = _NOTHING
    clock_hz: Mapping[str, float] = _NOTHING
    ram_used_bytes: Optional[int] = None


class Meter(abc.ABC):
    """A source of readings. One subclass, one file, one line in ``harness.meters.METERS``.

    A subclass gives :meth:`probe` and :meth:`stream`. The stream runs in a process of its own, so a
    sensor that hangs, a library that changes global state or a busy interpreter lock cannot disturb
    what is measured, nor be disturbed by it.
    """

    name = ""
    quantities: Tuple[str, ...] = ()
    period_s = 0.05
    """Default time between readings."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self._sampler: Any = None

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

    def start(self, period_s: Optional[float] = None) -> None:
        """Start reading every ``period_s`` seconds. Raises :class:`MeterError` if no first reading comes."""
        from harness.meters.sampler import Sampler

        if self._sampler is not None:
            raise MeterError("meter {} is running already: stop it first".format(self.name))
        self._sampler = Sampler(self.name, self.root, self.period_s if period_s is None else period_s)
        try:
            self._sampler.start()
        except MeterError:
            self._sampler = None
            raise

    def poll(self) -> List[Reading]:
        """Return the readings so far. Raises :class:`MeterError` if the meter has died or gone quiet."""
        if self._sampler is None:
            raise MeterError("meter {} was not started".format(self.name))
        return self._sampler.poll()

    def stop(self) -> List[Reading]:
        """End the meter and return every reading. Raises :class:`MeterError` if it had died before."""
        if self._sampler is None:
            raise MeterError("meter {} was not started".format(self.name))
        sampler, self._sampler = self._sampler, None
        return sampler.stop()


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
    """Split an error text ``reason: remedy`` into an :class:`Availability`."""
    reason, _, remedy = str(error).partition(": ")
    return Availability(False, reason, remedy or None)


def judge(quantities: Tuple[str, ...], reading: Reading, name: str) -> Dict[str, Availability]:
    """Say for each quantity whether ``reading`` holds it."""
    held = {"power": bool(reading.power_w or reading.energy_j), "ram": reading.ram_used_bytes is not None,
            "temperature": bool(reading.temperature_c), "clock": bool(reading.clock_hz)}
    return {quantity: Availability(True) if held[quantity] else
            Availability(False, "{} shows no {} on this machine".format(name, quantity))
            for quantity in quantities}
