"""What weakens this run, each with its next step: the reader's reasons not to believe the headline."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

from harness.record import Run
from reports.numbers import count, hertz, listing, percent, size
from reports.parts.comparisons import RUN_FLAGS
from reports.parts.environment import differences, failed_passes
from reports.parts.record import checks, timed

STEADY = "close other programs, lock the clocks, check fan and power mode"
SWAP_BYTES = 1e6    # a few pages come and go on any machine
THROTTLED = 0.95    # a clock below this share of the run's highest marks its round as throttled


def weakener(text: str, next_step: Optional[str] = None, code: Optional[str] = None) -> Dict[str, Any]:
    """Return one entry: what is the matter, what to do, and the command if there is one."""
    return {"text": text, "next_step": next_step, "code": code}


def weakeners(run: Run, tables: Sequence[Dict[str, Any]], factor: float) -> List[Dict[str, Any]]:
    """Return everything that weakens ``run``, the gravest first; empty if nothing does."""
    found: List[Optional[Dict[str, Any]]] = []
    found.append(_unfinished(run))
    found.extend(_failed(run))
    found.append(_throttled(run) or _moved(tables))
    found.append(_unlocked(run))
    found.append(_swap(run))
    found.append(_noisy(tables, factor))
    found.append(_few_launches(run, tables))
    found.append(_unsettled(run))
    found.append(_unchecked(run))
    found.append(_sessions_differ(run))
    found.append(_dirty(run))
    return [one for one in found if one is not None]


def _unfinished(run: Run) -> Optional[Dict[str, Any]]:
    ends = [line for line in run.lines if line["kind"] == "end"]
    if ends and ends[-1]["status"] == "complete":
        return None
    reason = ends[-1].get("reason") if ends else None
    return weakener("The run did not reach its end{}.".format(": {}".format(reason) if reason else ""),
                    "finish it", "./run_bench.sh run --resume {}".format(run.id))


def _failed(run: Run) -> List[Dict[str, Any]]:
    """One entry per pass and reason, so that twenty cases without a meter do not fill the page."""
    groups: List[Tuple[Tuple[str, str], List[str]]] = []
    for line in failed_passes(run):
        key = (line["pass"], str(line["reason"]))
        where = line.get("case") or line["comparison"]
        for known, members in groups:
            if known == key:
                members.append(where)
                break
        else:
            groups.append((key, [where]))
    return [weakener("The {} pass of {} failed: {}.".format(
        name, listing(members) if len(members) < 3 else count(len(members), "unit"), reason.rstrip(".")))
        for (name, reason), members in groups]


def clock_drop(run: Run) -> Optional[Tuple[float, float, int, int]]:
    """Return (highest, lowest, throttled rounds, rounds with a reading), ``None`` without readings."""
    pairs = [one["clock_hz"] for comparison in run.comparisons for line in timed(run, comparison)
             for series in line["series"] for one in series["rounds"] if one.get("clock_hz")]
    readings = [value for pair in pairs for value in pair if value]
    if not readings:
        return None
    top = max(readings)
    slow = [pair for pair in pairs if any(value and value < THROTTLED * top for value in pair)]
    return top, min(readings), len(slow), len(pairs)


def _throttled(run: Run) -> Optional[Dict[str, Any]]:
    drop = clock_drop(run)
    if drop is None or not drop[2]:
        return None
    top, low, slow, rounds = drop
    return weakener("The clock moved between {} and {}: {} of {} are marked throttled and kept.".format(
        hertz(top), hertz(low), slow, count(rounds, "round")), "lock the clocks, add a fan", _lock_command(run))


def _moved(tables: Sequence[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    """Return what the samples say of a clock, or a load, that moved where none could be read."""
    said = [(table, row, sentence) for table in tables for row in table["rows"] for word, sentence in row["flags"]
            if word in RUN_FLAGS]
    if not said:
        return None
    table, row, sentence = said[0]
    rivals = sum(len(one["rows"]) - 1 for one in tables)
    if len(said) == 1:
        return weakener("For {} at {}, {}.".format(row["name"], table["title"], sentence), STEADY)
    return weakener("The machine was unsteady for {} of {}: at {}, {}.".format(
        len(said), count(rivals, "rival"), table["title"], sentence), STEADY)


def _lock_command(run: Run) -> Optional[str]:
    return "./run_bench.sh run {} --lock-clocks".format(run.suite)


def _unlocked(run: Run) -> Optional[Dict[str, Any]]:
    clocks = run.environment.get("clocks") or {}
    parts = [part for part in ("cpu", "gpu") if clocks.get(part + "_locked") is False]
    if not parts or clocks.get("locked_for_run") is True:
        return None
    told = ["{}{}".format(part.upper(), " (governor {})".format(clocks[part + "_governor"])
                          if clocks.get(part + "_governor") else "") for part in parts]
    return weakener("Clocks were not locked: {}.".format(listing(told)), "lock them", _lock_command(run))


def _swap(run: Run) -> Optional[Dict[str, Any]]:
    moved = [line for line in run.passes("memory") if (line.get("swap_delta_bytes") or 0) >= SWAP_BYTES]
    if not moved:
        return None
    most = max(line["swap_delta_bytes"] for line in moved)
    return weakener("Swap grew by up to {} while {} ran, so memory and times hold a slow disk.".format(
        size(most), count(len(moved), "case")), "close other programs or measure one comparison at a time (--only)")


def _noisy(tables: Sequence[Dict[str, Any]], factor: float) -> Optional[Dict[str, Any]]:
    over = [table for table in tables if table["floor"] is not None and math.log(table["floor"]) > math.log1p(factor)]
    if not over:
        return None
    worst = max(over, key=lambda table: table["floor"])
    return weakener("Two copies of the baseline differ by {} % at {}{}: differences below that mean nothing there."
                    .format(percent(worst["floor"], sign=False), worst["title"],
                            "" if len(over) == 1 else " (and beyond the factor in {} more)".format(len(over) - 1)),
                    "lock the clocks, close other programs, use more launches")


def _few_launches(run: Run, tables: Sequence[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    wanted = run.header.get("settings", {}).get("launches")
    if run.header.get("settings", {}).get("quick"):
        return weakener("A quick run: one launch, so a difference tied to one process would not be seen.",
                        "confirm it", "./run_bench.sh run {}".format(run.suite))
    if wanted is not None and wanted < 4 and any(table["launches"] for table in tables):
        return weakener("Only {}, four are the rule: a difference tied to one process may go unseen.".format(
            count(wanted, "launch", "launches")), "use --launches 4")
    return None


def _unsettled(run: Run) -> Optional[Dict[str, Any]]:
    cases = sorted({entry["case"] for comparison in run.comparisons for line in timed(run, comparison)
                    for entry in line.get("warmup") or [] if entry.get("settled") is False})
    if not cases:
        return None
    named = listing(cases) if len(cases) < 3 else count(len(cases), "case")
    return weakener("The times of {} had not settled when the warm-up ended.".format(named),
                    "a cooler board or locked clocks")


def _unchecked(run: Run) -> Optional[Dict[str, Any]]:
    cases = [case for comparison in run.comparisons for case, check in sorted(checks(run, comparison).items())
             if check.ok is None]
    if not cases:
        return None
    named = listing(cases) if len(cases) < 3 else count(len(cases), "case")
    return weakener("The output of {} could not be checked against a reference.".format(named))


def _sessions_differ(run: Run) -> Optional[Dict[str, Any]]:
    sessions = run.sessions
    if len(sessions) < 2:
        return None
    changed: List[str] = []
    for session in sessions[1:]:
        other = Run(run.folder, [run.header, session])
        changed.extend(one["name"] for one in differences([run, other]) if one["name"] not in changed)
    if not changed:
        return None
    return weakener("The run was resumed in an unlike environment: {} changed.".format(listing(changed[:5])),
                    "run it again in one piece")


def _dirty(run: Run) -> Optional[Dict[str, Any]]:
    git = run.environment.get("git") or {}
    if git.get("dirty") is not True:
        return None
    return weakener("The code had changes that no commit holds, so nobody else can run the same.",
                    "commit them first")
