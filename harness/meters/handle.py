"""The handle of a meter, for who measures: start it, empty its pipe between batches of calls, stop it.

The meter itself runs in a child process (:mod:`harness.meters.child`). One that dies, hangs or goes quiet becomes a
:class:`MeterError` here and nothing worse.
"""

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional

from harness.meters.base import Meter, MeterError
from harness.meters.rails import InputRail, RailSensor
from harness.meters.reading import Reading, reading_from_dict
from harness.process import worker_environment
from harness.system.children import end_process

FIRST_READING_S = 10.0
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ: room for minutes of readings while the parent is busy
_PIPE_BYTES = 1 << 20


class MeterHandle:
    """Runs ``meter`` in a process of its own. After ``quiet_s`` seconds without a reading it counts as failed."""

    def __init__(self, meter: Meter, clock: Callable[[], float] = time.monotonic,
                 quiet_s: Optional[float] = None) -> None:
        self.name = meter.name
        self.period_s = meter.period_s
        self.sees = meter.sees
        self._meter = meter
        self._clock = clock
        self._quiet_s = quiet_s
        self._child: Optional[_Child] = None

    def input_rail(self, mean_power_w: Mapping[str, float]) -> InputRail:
        """Choose the rail (or counter) that holds the whole input, from the mean watts of each."""
        return self._meter.input_rail(mean_power_w)

    def sensor(self, rail: Optional[str]) -> RailSensor:
        """Return the step size and lag of the sensor behind ``rail`` where they are known."""
        return self._meter.sensor(rail)

    @property
    def pid(self) -> int:
        """Process id of the running child. Raises :class:`MeterError` if it was not started."""
        return self._running().process.pid

    def start(self, period_s: Optional[float] = None, timeout_s: float = FIRST_READING_S) -> None:
        """Start reading every ``period_s`` seconds (the meter's own period if ``None``).

        Raises :class:`MeterError` if no first reading comes within ``timeout_s``, or if it is running already.
        """
        if self._child is not None:
            raise MeterError("meter {} is running already".format(self.name), "stop it first")
        period_s = self.period_s if period_s is None else period_s
        quiet_s = max(1.5, 8 * period_s) if self._quiet_s is None else self._quiet_s
        child = _Child(self.name, self._meter.root, period_s, quiet_s, self._clock)
        child.wait_for_first(timeout_s)
        self._child = child

    def poll(self) -> List[Reading]:
        """Return the readings so far. Raises :class:`MeterError` if the meter has died or gone quiet."""
        return self._running().poll()

    def stop(self) -> List[Reading]:
        """End the meter and return every reading. Raises :class:`MeterError` if it had failed before."""
        child, self._child = self._running(), None
        try:
            return child.poll()
        finally:
            child.end()

    def _running(self) -> "_Child":
        if self._child is None:
            raise MeterError("meter {} was not started".format(self.name))
        return self._child


class _Child:
    """One start of the child process and what came out of its pipe."""

    def __init__(self, meter: str, root: str, period_s: float, quiet_s: float, clock: Callable[[], float]) -> None:
        self._meter = meter
        self._quiet_s = quiet_s
        self._clock = clock
        self._rest = b""
        self._readings: List[Reading] = []
        self._error: Optional[MeterError] = None
        process: Any = subprocess.Popen(
            [sys.executable, "-m", "harness.meters.child", meter, "--root", root, "--period", repr(period_s)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=worker_environment({}))
        self.process = process
        self._output: int = process.stdout.fileno()
        os.set_blocking(self._output, False)
        try:
            fcntl.fcntl(self._output, _SET_PIPE_SIZE, _PIPE_BYTES)
        except OSError:
            pass  # the default 64 KiB holds more than ten seconds of readings

    def wait_for_first(self, timeout_s: float) -> None:
        """Wait for the first reading; end the child and raise :class:`MeterError` if none comes."""
        end_s = self._clock() + timeout_s
        while not self._readings and self._clock() < end_s:
            select.select([self._output], [], [], max(0.0, end_s - self._clock()))
            self._drain()
            if self._error or self.process.poll() is not None:
                self._drain()
                break
        if not self._readings:
            error = self._error or MeterError("meter {} {}".format(
                self._meter, "gave no reading within {:g} s".format(timeout_s) if self.process.poll() is None
                else "ended before its first reading (status {})".format(self.process.returncode)),
                "try another with --power")
            self.end()
            raise error

    def poll(self) -> List[Reading]:
        """Return every reading so far. Raises :class:`MeterError` if the meter died or went quiet."""
        self._drain()
        if self._error:
            raise self._error
        if self.process.poll() is not None:
            self._drain()
            raise self._error or MeterError("meter {} died while measuring (status {})".format(
                self._meter, self.process.returncode))
        silence_s = self._clock() - self._readings[-1].time_s
        if silence_s > self._quiet_s:
            raise MeterError("meter {} has given no reading for {:.1f} s".format(self._meter, silence_s))
        return self._readings

    def end(self) -> None:
        """End and reap the child; what it started ends with it."""
        self.process.stdin.close()
        end_process(self.process)
        self._drain()
        self.process.stdout.close()

    def _drain(self) -> None:
        """Empty the pipe without waiting."""
        while True:
            try:
                data = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                return
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                self._take(json.loads(line.decode("ascii")))

    def _take(self, message: Dict[str, Any]) -> None:
        if "error" in message:
            self._error = MeterError(message["error"], message["remedy"])
        else:
            self._readings.append(reading_from_dict(message))
