"""From the command line's wishes to a finished run folder: probe, plan, run, end."""

import os
import time
from typing import Any, Dict, List, NamedTuple, Optional

from harness.allocator import heap_environment
from harness.clocks import locked_clocks, read_clocks
from harness.controller import Controller, RunPlan
from harness.environment import collect
from harness.plan import Suite, Target, comparison_to_dict
from harness.planning import plan_comparisons
from harness.process import run_worker
from harness.progress import PlainProgress
from harness.record import FORMAT, RecordWriter, Run, load_run
from harness.settings import Settings, settings_from_dict, settings_to_dict

#: Time enough to import torch from an SD card for the first time.
PROBE_LIMIT_S = 300.0

#: Sampling time of a quick run; a comparison gets its 12 rounds all the same.
QUICK_BUDGET_S = 45.0


class LaunchError(Exception):
    """A run that cannot start; the message is one sentence with the remedy."""


class Wishes(NamedTuple):
    """What the user asked for; ``None`` leaves the choice to :func:`settle`."""

    device: Optional[str] = None
    threads: Optional[int] = None
    seed: int = 1
    quick: bool = False
    launches: Optional[int] = None
    rounds: Optional[int] = None
    budget_s: Optional[float] = None
    limit_s: float = 900.0
    only: Optional[str] = None
    power: Optional[str] = None
    lock_clocks: bool = False


def probe(device: Optional[str] = None, power: Optional[str] = None,
          status: Optional[List[str]] = None) -> Dict[str, Any]:
    """Ask a worker what torch and the meters are here; raises :class:`LaunchError` if it cannot answer."""
    outcome = run_worker({"pass": "probe", "device": device, "power": power, "status": status or []}, PROBE_LIMIT_S)
    if outcome.payload is None:
        raise LaunchError("The first worker {}.".format(outcome.reason))
    return outcome.payload


def settle(wishes: Wishes, probed: Dict[str, Any]) -> Settings:
    """Choose what the user left open: the best device present, torch's threads, the launches, the budget."""
    if probed["torch"]["version"] is None:
        raise LaunchError("Nothing can be measured: {}. Remove .venv and start ./run_bench.sh again to set up "
                          "anew.".format(probed["torch"]["version_reason"]))
    has_cuda = probed["gpu"]["name"] is not None
    if wishes.device == "cuda" and not has_cuda:
        raise LaunchError("--device cuda: {}. Use --device cpu, or install a torch with CUDA ('./run_bench.sh "
                          "doctor' says more).".format(probed["gpu"]["name_reason"]))
    return Settings(
        device=wishes.device or ("cuda" if has_cuda else "cpu"),
        threads=wishes.threads or probed["torch"]["threads"],
        seed=wishes.seed, quick=wishes.quick,
        launches=wishes.launches or (1 if wishes.quick else int(probed["rule"]["launches"])),
        budget_s=wishes.budget_s or (QUICK_BUDGET_S if wishes.quick else Settings._field_defaults["budget_s"]),
        # Who asks for more time wants it spent where it is needed.
        launch_cap_s=max(Settings._field_defaults["launch_cap_s"], wishes.budget_s or 0.0),
        limit_s=wishes.limit_s, only=wishes.only, power=wishes.power, lock_clocks=wishes.lock_clocks)


def why_no_energy(meters: List[Dict[str, Any]], settings: Settings) -> Optional[str]:
    """Return in one sentence why this run measures no energy, ``None`` if it does."""
    power = [entry for entry in meters if entry["quantity"] == "power"]
    if any(entry["chosen"] for entry in power):
        return None if not settings.quick or settings.power else (
            "left out by --quick, since each case needs a quarter of a minute: name a meter with --power to have it")
    return "no power meter answers here ({}): './run_bench.sh doctor' gives each one's reason and remedy".format(
        ", ".join(entry["name"] for entry in power) or "none is known")


def measure_roof(function: Optional[str], settings: Settings) -> Dict[str, Any]:
    """Return the environment's ``roof``: the device's own limits as ``function`` measures them, or why not."""
    if function is None or settings.quick:
        reason = "left out by --quick" if settings.quick else "not asked for"
        return {"flops_per_s": None, "flops_per_s_reason": reason}
    outcome = run_worker({"pass": "roof", "function": function, "device": settings.device,
                          "threads": settings.threads}, PROBE_LIMIT_S, extra_environment=heap_environment("warm"))
    return outcome.payload or {"flops_per_s": None, "flops_per_s_reason": outcome.reason}


def run_id(suite: str, settings: Settings, now: Optional[float] = None) -> str:
    """Return a name for a new run: date, time, suite and device, and two letters of chance."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return "{}-{}-{}-{}".format(stamp, suite, settings.device, os.urandom(1).hex())


def utc_now() -> str:
    """Return the date and time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def start(suite: Suite, wishes: Wishes, probed: Dict[str, Any], out: str) -> Run:
    """Make the folder and the header of a new run. Raises ``ValueError`` or :class:`LaunchError`."""
    settings = settle(wishes, probed)
    target = Target(settings.device, settings.threads)
    comparisons = plan_comparisons(suite, target, settings.quick, settings.only)
    rule = dict(probed["rule"], launches=settings.launches)
    if wishes.rounds is not None:
        rule["max_rounds"] = wishes.rounds
    name = run_id(suite.name, settings)
    folder = os.path.join(out, name)
    RecordWriter(folder).append({
        "kind": "run", "format": FORMAT, "id": name, "suite": suite.name, "created": utc_now(),
        "seed": settings.seed, "settings": settings_to_dict(settings), "rule": rule,
        "comparisons": [comparison_to_dict(comparison) for comparison in comparisons]})
    return load_run(folder)


def carry_on(run: Run, argv: List[str], probed: Dict[str, Any], progress: PlainProgress,
             roof: Optional[str] = None) -> str:
    """Do what the record of ``run`` lacks; return ``complete`` or ``interrupted``.

    ``roof`` names the function that measures the device's limits, ``package.module:function``. Writes a
    ``session`` line first and an ``end`` line last, also after Ctrl-C. Where the settings ask for it the clocks
    are locked meanwhile and put back on any way out.
    """
    settings = settings_from_dict(run.header["settings"])
    writer = RecordWriter(run.folder)
    status = "interrupted"
    with locked_clocks(settings.lock_clocks, settings.device, tell=progress.note) as locking:
        found = dict(collect(), torch=probed["torch"], gpu=probed["gpu"], meters=probed["meters"],
                     roof=measure_roof(roof, settings),
                     clocks=dict(read_clocks(), locked_for_run=locking.locked, lock_messages=locking.messages))
        writer.append({"kind": "session", "argv": argv, "started": utc_now(), "environment": found})
        plan = RunPlan(run.comparisons, settings, run.header["rule"], why_no_energy(probed["meters"], settings))
        try:
            Controller(plan, writer, run.passes(), progress).run()
            status = "complete"
        except KeyboardInterrupt:
            pass  # said below and by the caller; everything finished is in the record
        finally:
            progress.close()
            writer.append({"kind": "end", "status": status, "finished": utc_now(),
                           "reason": None if status == "complete" else "stopped before its end"})
    return status
