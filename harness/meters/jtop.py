"""jtop (jetson-stats): a service that runs as root and so sees the rails an ordinary user may not.

The package is imported only inside a process of its own: its newer versions set the multiprocessing
start method of whoever imports them.
"""

import json
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, List, Optional

from harness.meters.base import Availability, Meter, MeterError, Sees, judge, refusal
from harness.meters.reading import Reading
from harness.process import worker_environment

PROBE_S = 15.0
RESTART = "restart it with 'sudo systemctl restart jtop.service'"
INSTALL = "install it with 'sudo pip3 install -U jetson-stats' and log in again"


class JtopMeter(Meter):
    """Power, RAM, temperature and GPU clock from the jtop service."""

    name = "jtop"
    quantities = ("power", "ram", "temperature", "clock")
    sees = Sees.BOARD
    period_s = 0.5  # its maintainer advises against faster

    def probe(self) -> Dict[str, Availability]:
        """Connect from a child process, read once, leave."""
        if self.root != "/":
            return dict.fromkeys(self.quantities, Availability(
                False, "jtop is a service of the real machine, not of a tree below another root", "use '/'"))
        try:
            done = subprocess.run([sys.executable, "-m", "harness.meters.jtop"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
                                  timeout=PROBE_S, env=worker_environment({}))
            answer = json.loads(done.stdout.strip().split("\n")[-1])
        except subprocess.TimeoutExpired:
            answer = {"error": "jtop did not answer within {:g} s".format(PROBE_S), "remedy": RESTART}
        except ValueError:
            answer = {"error": "jtop ended without an answer", "remedy": INSTALL}
        if "error" in answer:
            return dict.fromkeys(self.quantities, refusal(MeterError(answer["error"], answer["remedy"])))
        return judge(self.quantities, Reading(0.0, **answer), self.name)

    def stream(self, period_s: float) -> Iterator[Reading]:
        """Yield a reading for each new answer of the server; to be run in a process of its own.

        Raises :class:`MeterError` where its server does not answer or stops doing so.
        """
        client = connect(period_s)
        try:
            while client.ok():
                yield to_reading(client, time.monotonic())
            raise MeterError("jtop stopped giving data in the middle (its server reads every {:g} s)".format(
                client.interval), "close other jtop windows and try again")
        except _errors() as error:
            raise MeterError("jtop failed ({})".format(_one_line(error)), RESTART) from error
        finally:
            client.close()


def connect(period_s: float) -> Any:
    """Return a started client whose interval suits the server's. Raises :class:`MeterError`.

    The first client's interval rules the server; a later one that asks for less than about a third of it
    is silently cut off after one answer. So look first, then ask for what the server really does.
    """
    client = _start(period_s)
    server_s = client.interval
    if server_s <= 1.5 * period_s:
        return client
    client.close()
    return _start(server_s)


def _start(interval_s: float) -> Any:
    try:
        import jtop
    except ImportError as error:
        raise MeterError("the Python package jetson-stats is not installed", "on a Jetson " + INSTALL) from error
    try:
        client = jtop.jtop(interval=interval_s)
        client.start()
    except (jtop.JtopException, OSError) as error:
        # Its messages say what to run, over several lines.
        reason, _, remedy = _one_line(error).partition(". ")
        raise MeterError(reason, remedy or RESTART) from error
    return client


def _errors() -> Any:
    import jtop

    return (jtop.JtopException, OSError, EOFError)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def to_reading(client: Any, time_s: float) -> Reading:
    """Return one answer of the server in our units (it gives mW, kB, kHz).

    jtop moves the input rail out of ``rail`` into ``tot``; without an input rail ``tot`` is a sum of all
    rails, some of them inside others, and is not used.
    """
    power = client.power or {}
    rails = {name: rail["power"] / 1e3 for name, rail in power.get("rail", {}).items()
             if name != "NC" and _is_number(rail.get("power"))}
    total = power.get("tot", {})
    if total.get("name") and total["name"].upper() not in ("TOT", "TOTAL", "ALL") and _is_number(total.get("power")):
        rails[total["name"]] = total["power"] / 1e3
    ram_kb = (client.memory or {}).get("RAM", {}).get("used")
    temperatures = {zone: value["temp"] for zone, value in (client.temperature or {}).items()
                    if isinstance(value, dict) and value.get("online", True) and _is_number(value.get("temp"))
                    and value["temp"] != -256 and not zone.upper().startswith("PMIC")}
    gpu_khz = [gpu.get("freq", {}).get("cur") for gpu in (client.gpu or {}).values()][:1]
    return Reading(time_s, power_w=rails, temperature_c=temperatures,
                   clock_hz={"gpu": gpu_khz[0] * 1e3} if gpu_khz and _is_number(gpu_khz[0]) else {},
                   ram_used_bytes=ram_kb * 1024 if _is_number(ram_kb) else None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def main(_argv: Optional[List[str]] = None) -> int:
    """Print one reading, or the error, as a JSON line."""
    try:
        client = connect(JtopMeter.period_s)
        try:
            if not client.ok():
                raise MeterError("jtop gave no data", RESTART)
            reading = to_reading(client, 0.0)
            answer: Dict = {key: value for key, value in reading._asdict().items() if key != "time_s"}
        finally:
            client.close()
    except MeterError as error:
        answer = {"error": error.reason, "remedy": error.remedy}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
