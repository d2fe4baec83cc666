"""Questions to a recorded run that several parts ask."""

from typing import Any, Dict, List, NamedTuple, Optional

from harness.plan import Case, Comparison
from harness.record import Line, Run

NOT_REACHED = "not reached: the run stopped before it"


class Check(NamedTuple):
    """What the verify pass said of one case; ``ok`` None means it could not be checked."""

    ok: Optional[bool]
    reason: Optional[str]
    implementation: Optional[str] = None
    implementation_reason: Optional[str] = None
    parameters: Optional[int] = None
    macs: Optional[int] = None
    error: Optional[float] = None


def checks(run: Run, comparison: Comparison) -> Dict[str, Check]:
    """Return the last answer of the verify pass by case id; cases it never answered are left out."""
    found: Dict[str, Check] = {}
    for line in run.passes("verify", comparison.id):
        if line["status"] != "ok":
            if line.get("case") is not None:
                found[line["case"]] = Check(False, line["reason"])
            continue
        for result in line["results"]:
            found[result["case"]] = Check(
                result["ok"], result.get("reason"), result.get("implementation"),
                result.get("implementation_reason"), result.get("parameters"), result.get("macs"),
                result.get("error"))
    return found


def case_line(run: Run, name: str, case: str) -> Optional[Line]:
    """Return the last line of pass ``name`` for ``case``, ``None`` if the run never got there."""
    lines = run.passes(name, case=case)
    return lines[-1] if lines else None


def timed(run: Run, comparison: Comparison) -> List[Line]:
    """Return the time pass's finished launches in order."""
    return [line for line in run.launches(comparison.id) if line["status"] == "ok"]


def why_not_timed(run: Run, comparison: Comparison, case: str) -> str:
    """Return in words why ``case`` has no time."""
    check = checks(run, comparison).get(case)
    if check is not None and check.ok is False:
        return check.reason or "its output differs from the reference"
    if check is None:
        failed = [line for line in run.passes("verify", comparison.id) if line["status"] != "ok"]
        if failed:
            return "the check failed: {}".format(failed[-1]["reason"])
    launches = run.launches(comparison.id)
    failed = [line for line in launches if line["status"] != "ok"]
    if failed:
        return str(failed[-1]["reason"])
    if launches:
        return "the time pass left it out"
    return _not_in_plan(run, "time") or NOT_REACHED


def why_no_line(run: Run, name: str) -> str:
    """Return in words why the run has no line of pass ``name`` for a case."""
    return _not_in_plan(run, name) or NOT_REACHED


def _not_in_plan(run: Run, name: str) -> Optional[str]:
    planned = run.header.get("settings", {}).get("passes")
    if planned is not None and name not in planned:
        return "the {} pass was not asked for".format(name)
    if run.ended and not run.passes(name):
        return "this run has no {} pass".format(name)
    return None


def case_label(case: Case) -> str:
    """Return what a reader sees as the case's name."""
    return case.name


def device_name(run: Run) -> str:
    """Return a short name of the device that was measured, ``this machine`` if nothing names it."""
    environment = run.environment
    board = (environment.get("board") or {}).get("model") or ""
    gpu = (environment.get("gpu") or {}).get("name")
    cpu = (environment.get("cpu") or {}).get("model")
    short = board.replace("NVIDIA ", "").replace(" Developer Kit", "")
    if "Jetson" in short:
        return short
    if run.header.get("settings", {}).get("device") == "cuda" and gpu:
        return str(gpu).replace("NVIDIA ", "")
    return str(cpu or short or "this machine").replace("(R)", "").replace("(TM)", "").split(" @")[0].replace(
        " CPU", "").strip()


def device_text(run: Run) -> str:
    """Return the device with what decides its speed: ``Jetson Nano, CUDA`` or ``Xeon E5, CPU, 2 threads``."""
    settings = run.header.get("settings", {})
    if settings.get("device") == "cuda":
        return "{}, CUDA".format(device_name(run))
    threads = settings.get("threads")
    return "{}, CPU{}".format(device_name(run), "" if not threads else ", {} thread{}".format(
        threads, "" if threads == 1 else "s"))


def first_number(line: Dict[str, Any], name: str) -> Optional[float]:
    """Return a number of ``line``, ``None`` if it is missing."""
    value = line.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
