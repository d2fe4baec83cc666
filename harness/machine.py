"""What a session finds of the machine: torch and meters, the device's limits, the environment it records."""

from typing import Dict, List, Optional, Sequence

from harness.allocator import heap_environment
from harness.choices import SessionError
from harness.clocks import LockResult, read_clocks
from harness.environment import collect
from harness.plan import Comparison
from harness.probed import Probed, probed_of
from harness.process import run_worker
from harness.reasons import Code, Reason, because, sentence, whole_sentence
from harness.record import Environment
from harness.record.codec import Decoder, to_json
from harness.record.lines import MeterStatus, Section
from harness.settings import Settings
from harness.words import Heap

#: Time enough to import torch from an SD card for the first time.
PROBE_LIMIT_S = 300.0


def probe(device: Optional[str] = None, power: Optional[str] = None,
          status: Optional[List[str]] = None) -> Probed:
    """Ask a worker what torch and the meters are here; raises :class:`SessionError` if it cannot answer."""
    outcome = run_worker({"pass": "probe", "device": device, "power": power, "status": status or []}, PROBE_LIMIT_S)
    if outcome.payload is None:
        raise SessionError("The first worker {}.".format(whole_sentence(outcome.reason)))
    return probed_of(outcome.payload)


def why_no_energy(meters: Sequence[MeterStatus], settings: Settings) -> Optional[Reason]:
    """Return why this run measures no energy, ``None`` if it does."""
    power = [meter for meter in meters if meter.quantity == "power"]
    if any(meter.chosen for meter in power):
        return None if not settings.quick or settings.power else Reason(Code.ENERGY_LEFT_OUT)
    return because(Code.NO_METER, ", ".join(meter.name for meter in power) or "none is known")


def power_meter(environment: Environment) -> Optional[str]:
    """Return the name of the power meter that a session chose, ``None`` if it chose none."""
    return next((meter.name for meter in environment.meters if meter.quantity == "power" and meter.chosen), None)


def measure_roof(function: Optional[str], settings: Settings, comparisons: Sequence[Comparison]) -> Section:
    """Return the environment's ``roof``: the device's limits as ``function`` measures them, or why not.

    Of arithmetic it is measured in the types that the cases on that device multiply in, and once for each number of
    threads: the run's own, and under ``other_threads`` those that cases have beside it.
    """
    if function is None or settings.quick:
        reason = "left out by --quick" if settings.quick else "not asked for"
        return {"flops_per_s": None, "flops_per_s_reason": reason}
    cases = [case for one in comparisons for case in one.cases if case.device == settings.device]
    threads = {case.threads for case in cases} - {settings.threads}

    def measured(number: int) -> Section:
        job = {"pass": "roof", "function": function, "device": settings.device, "threads": number,
               "types": sorted({case.arithmetic for case in cases})}
        outcome = run_worker(job, PROBE_LIMIT_S, extra_environment=heap_environment(Heap.WARM))
        return outcome.payload or {"flops_per_s": None, "flops_per_s_reason": sentence(outcome.reason)}

    found = measured(settings.threads)
    if threads and settings.device == "cpu":
        found["other_threads"] = {str(number): measured(number) for number in sorted(threads)}
    return found


def compiled_parts(status: Dict[str, Section]) -> Section:
    """Return what the optional parts said of themselves, as one section; the names of their functions go."""
    found: Section = {}
    for part in status.values():
        found.update(part)
    return found


def environment(settings: Settings, probed: Probed, lock: LockResult, roof: Section) -> Environment:
    """Return everything that is known of the machine as this session finds it."""
    clocks = dict(read_clocks(), locked_for_run=lock.locked, lock_messages=list(lock.messages))
    sections = dict(collect(), torch=probed.torch, gpu=probed.gpu, clocks=clocks, meters=to_json(probed.meters),
                    kernels=compiled_parts(probed.status), roof=roof)
    return Decoder().decode(Environment, sections)
