"""Pass 6, on request: what a device sustains. One rival and its baseline, one at a time busy, by turns for minutes.

Speed, clock, temperature and power are read about once a second between batches of calls, each ended with the device
synchronised. What they mean (burst, sustained, throttled) is found from the record.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.energy.traces import AMBIENT_S
from harness.meters.base import MeterError
from harness.passes.energy import Clock, Loop
from harness.record.codec import to_json
from harness.record.lines import SoakBlock, SoakLine, SoakTrace
from harness.soak_blocks import entrant_of

SAMPLE_S = 1.0
BATCH_S = 0.1

#: Blocks are short in tests and minutes long in earnest; each is read this often at least.
SAMPLES_PER_BLOCK = 4


class Gauges(NamedTuple):
    """What is read beside the speed; ``None`` where it cannot be, with the reason.

    ``power(start_s, end_s)`` is the mean power of a stretch of the clock, ``clock()`` Hz, ``temperature()`` degrees.
    """

    clock: Optional[Callable[[], Optional[float]]] = None
    temperature: Optional[Callable[[], Optional[float]]] = None
    power: Optional[Callable[[float, float], Optional[float]]] = None
    clock_name: Optional[str] = None
    clock_reason: Optional[str] = None
    temperature_reason: Optional[str] = None
    meter: Optional[str] = None
    power_reason: Optional[str] = None


def run_soak(entrants: Sequence[Tuple[str, Callable[[], Any]]], synchronize: Callable[[], Any], gauges: Gauges,
             soak_s: float, block_s: float, clock: Clock = Clock(),  # noqa: B008
             report: Optional[Callable[[float], None]] = None) -> Dict[str, Any]:
    """Keep baseline and rival (``entrants``: id and call) busy by turns; return the payload of a ``soak`` line.

    Only whole blocks are played, an even number of them, and at least two.
    """
    loops = [Loop(call, synchronize, clock, min(BATCH_S, block_s / 20.0)) for _, call in entrants]
    for loop in loops:
        loop.run(0.0)  # what is loaded by the first call belongs to no block
    number = max(2, 2 * int(round(soak_s / (2.0 * block_s))))
    sample_s = min(SAMPLE_S, block_s / SAMPLES_PER_BLOCK)
    rows: List[Tuple[Any, ...]] = []
    blocks: List[SoakBlock] = []
    zero_s = clock.now()
    for index in range(number):
        entrant = entrant_of(index)
        start_s = end_s = clock.now()
        calls = 0
        while end_s - start_s < block_s:
            at_s, end_s, count = loops[entrant].run(min(sample_s, max(0.0, block_s - (end_s - start_s))))
            calls += count
            rows.append((end_s - zero_s, index, count / max(end_s - at_s, 1e-9), _read(gauges.clock),
                         _read(gauges.temperature), None if gauges.power is None else gauges.power(at_s, end_s)))
        blocks.append(SoakBlock(entrants[entrant][0], start_s - zero_s, end_s - zero_s, calls))
        if report is not None:
            report(end_s - zero_s)
    trace = SoakTrace(*[tuple(column) for column in zip(*rows)])
    line = SoakLine("", "", status=None, soak_s=soak_s, block_s=block_s, blocks=tuple(blocks),  # type: ignore[arg-type]
                    trace=trace, clock=gauges.clock_name, clock_reason=gauges.clock_reason,
                    temperature_reason=gauges.temperature_reason, meter=gauges.meter,
                    power_reason=gauges.power_reason)
    data = to_json(line)
    return {name: data[name] for name in SoakLine._fields[6:] if name in data}


def _read(source: Optional[Callable[[], Optional[float]]]) -> Optional[float]:
    return None if source is None else source()


class Power:
    """Mean power of a stretch, from the readings of a meter that runs in a process of its own."""

    def __init__(self, meter: Any) -> None:
        self.reason: Optional[str] = None
        self._meter = meter

    def between(self, start_s: float, end_s: float) -> Optional[float]:
        """Return the mean of the input rail's fresh readings in the stretch, ``None`` once the meter has failed."""
        from harness.energy.series import build_series

        if self.reason is not None:
            return None
        try:
            recent = [reading for reading in self._meter.poll() if reading.time_s >= start_s - 10 * AMBIENT_S]
        except MeterError as error:
            self.reason = str(error)
            return None
        if not recent:
            return None
        power_w = build_series(recent, self._meter.input_rail, trusting=True).between(start_s, end_s)
        return float(power_w.mean()) if len(power_w) else None


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Soak the rival that the job names and its baseline; return the payload of a ``soak`` line."""
    import torch

    from harness.meters import choose
    from harness.passes.time import instruments
    from harness.subjects import Inputs, build, cases_of, prepare, synchronizer

    comparison, cases = cases_of(job)
    prepare(cases)
    inputs = Inputs(job["seed"])
    named = [(comparison.case_id(case), case) for case in cases]
    entrants = [(name, build(case, inputs, own_input=name in job["own_input"])) for name, case in named]
    source = instruments(cases[0])[1]
    choice = choose("power", job.get("power"), device=cases[0].device, thorough=False)
    power, power_reason = None, choice.reason
    if choice.meter is not None:
        try:
            choice.meter.start()
            power = Power(choice.meter)
        except MeterError as error:
            power_reason = str(error)
    heat = hottest()
    gauges = Gauges(source.read, heat, None if power is None else power.between, source.name, source.reason,
                    None if heat is not None else "the kernel shows no thermal zone",
                    None if choice.meter is None else choice.meter.name, power_reason)

    def report(done_s: float) -> None:
        progress(int(done_s), int(job["soak_s"]), "soak", max(0.0, job["soak_s"] - done_s))

    try:
        with torch.inference_mode(cases[0].mode == "inference"):
            payload = run_soak([(name, subject.call) for name, subject in entrants], synchronizer(cases[0].device),
                               gauges, job["soak_s"], job["block_s"], report=report)
    finally:
        if choice.meter is not None and power is not None and power.reason is None:
            choice.meter.stop()
    if power is not None and power.reason is not None:
        payload["power_reason"] = power.reason
    return payload


def hottest(root: str = "/") -> Optional[Callable[[], Optional[float]]]:
    """Return a reader of the hottest thermal zone, ``None`` where the kernel shows none that answers."""
    from harness.system.sensors import temperatures_c, thermal_zones
    from harness.system.tree import Tree

    tree = Tree(root)
    zones = thermal_zones(tree)
    if not temperatures_c(tree, zones):
        return None
    return lambda: max(temperatures_c(tree, zones).values(), default=None)
