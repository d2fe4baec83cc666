"""Runs a meter in a process of its own: ``python -m harness.meters.sampler NAME``.

The child reads the meter at a period and writes each reading, stamped with the system-wide monotonic
clock, to a pipe as one JSON line. The parent only empties the pipe between batches of calls. A meter
that dies, hangs or goes quiet becomes a :class:`MeterError` in the parent and nothing worse; if the
parent dies, the child sees its standard input close and ends, and takes its own children with it.
"""

import argparse
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from harness.meters.base import MeterError, Reading
from harness.meters.procs import end_process, end_reported_child

FIRST_READING_S = 10.0
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ: room for minutes of readings while the parent is busy
_PIPE_BYTES = 1 << 20


class Sampler:
    """The parent's side of one sampler process."""

    def __init__(self, meter: str, root: str = "/", period_s: float = 0.05,
                 clock: Callable[[], float] = time.monotonic, quiet_s: Optional[float] = None) -> None:
        self.meter = meter
        self.root = root
        self.period_s = period_s
        self.quiet_s = max(1.5, 8 * period_s) if quiet_s is None else quiet_s
        self._clock = clock
        self._process: Any = None
        self._rest = b""
        self._readings: List[Reading] = []
        self._child_pid: Optional[int] = None
        self._error: Optional[str] = None

    def start(self, timeout_s: float = FIRST_READING_S) -> None:
        """Start the child and wait for its first reading. Raises :class:`MeterError`."""
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(
            [package] + os.environ.get("PYTHONPATH", "").split(os.pathsep)).rstrip(os.pathsep))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.meters.sampler", self.meter, "--root", self.root,
             "--period", repr(self.period_s)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        try:
            fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BYTES)
        except OSError:
            pass  # the default 64 KiB holds more than ten seconds of readings
        end_s = self._clock() + timeout_s
        while not self._readings and self._clock() < end_s:
            select.select([descriptor], [], [], max(0.0, end_s - self._clock()))
            self._drain()
            if self._error or self._process.poll() is not None:
                self._drain()
                break
        if not self._readings:
            error = self._error or "meter {} {}: try another with --power".format(
                self.meter, "gave no reading within {:g} s".format(timeout_s) if self._process.poll() is None
                else "ended before its first reading (status {})".format(self._process.returncode))
            self._end()
            raise MeterError(error)

    @property
    def pid(self) -> int:
        """Process id of the running child."""
        return self._process.pid

    def poll(self) -> List[Reading]:
        """Return every reading so far. Raises :class:`MeterError` if the meter died or went quiet."""
        if self._process is None:
            raise MeterError("meter {} was not started".format(self.meter))
        self._drain()
        if self._error:
            raise MeterError(self._error)
        if self._process.poll() is not None:
            self._drain()
            raise MeterError(self._error or "meter {} died while measuring (status {})".format(
                self.meter, self._process.returncode))
        silence_s = self._clock() - self._readings[-1].time_s
        if silence_s > self.quiet_s:
            raise MeterError("meter {} has given no reading for {:.1f} s".format(self.meter, silence_s))
        return self._readings

    def stop(self) -> List[Reading]:
        """End the child, reap it and return every reading. Raises :class:`MeterError` if it had failed."""
        try:
            self.poll()
        finally:
            self._end()
        return self._readings

    def _drain(self) -> None:
        """Empty the pipe without waiting."""
        while True:
            try:
                data = os.read(self._process.stdout.fileno(), 1 << 16)
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
            self._error = message["error"]
        elif "child" in message:
            self._child_pid = message["child"]
        else:
            self._readings.append(reading_from_dict(message))

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.stdin.close()
        end_process(process)
        self._drain()
        process.stdout.close()
        self._process = None
        if self._child_pid is not None:
            end_reported_child(self._child_pid)


_KEYS = (("p", "power_w"), ("e", "energy_j"), ("c", "temperature_c"), ("f", "clock_hz"), ("r", "ram_used_bytes"))


def reading_to_dict(reading: Reading) -> Dict[str, Any]:
    """Return ``reading`` as short JSON data; what it lacks is left out."""
    data: Dict[str, Any] = {"t": reading.time_s}
    data.update((short, getattr(reading, long)) for short, long in _KEYS
                if getattr(reading, long) not in (None, {}))
    return data


def reading_from_dict(data: Dict[str, Any]) -> Reading:
    """Read back what :func:`reading_to_dict` made."""
    return Reading(data["t"], **{long: data[short] for short, long in _KEYS if short in data})


def _end_with_parent() -> None:
    """Wait in a thread for the parent to close our standard input (also by dying), then end this process."""
    def wait() -> None:
        try:
            while os.read(0, 1024):
                pass
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _stop(_number: int, _frame: Any) -> None:
    raise SystemExit(0)  # unwinds the meter's stream, which ends its own children


def main(argv: Optional[List[str]] = None) -> int:
    """Stream one meter to standard output until told to stop."""
    from harness.meters import make_meter
    from harness.meters.ambient import Ambient

    parser = argparse.ArgumentParser()
    parser.add_argument("meter")
    parser.add_argument("--root", default="/")
    parser.add_argument("--period", type=float, required=True)
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which ends us in order
    _end_with_parent()
    output = sys.stdout

    def send(message: Dict[str, Any]) -> None:
        output.write(json.dumps(message, separators=(",", ":")) + "\n")
        output.flush()

    try:
        meter = make_meter(options.meter, options.root)
        if hasattr(meter, "on_child"):
            meter.on_child = lambda pid: send({"child": pid})
        ambient = Ambient(options.root)
        with contextlib.closing(meter.stream(options.period)) as stream:  # type: ignore[type-var]
            for reading in stream:
                send(reading_to_dict(ambient.add(reading)))
        trouble = "meter {} ended by itself".format(options.meter)
    except BrokenPipeError:
        return 1  # nobody reads any more
    except (MeterError, ValueError) as error:
        trouble = str(error)
    except Exception as error:  # whatever a library throws must reach the record as a sentence
        trouble = "meter {} failed ({}: {})".format(options.meter, type(error).__name__, error)
    send({"error": trouble})
    return 1


if __name__ == "__main__":
    sys.exit(main())
