"""A recorded run as one tidy pandas table: a row per case and pass.

Time has one per launch and cache state, memory one per repeat. What holds for all launches of a cache state together
(the verdict, its speed and interval) stands in each of their rows.
"""

from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Sequence, Union

from harness.plan import Case, Comparison
from harness.quantiles import quantile
from harness.reasons import Reason, sentence
from harness.record import EnergyLine, FitLine, MemoryLine
from harness.record.time_lines import BASELINE, COPY, Series, samples_by_entrant
from harness.statistics.denominators import Denominators, denominators, engine_of
from harness.statistics.verdict import verdicts
from harness.words import MEASURED_HEAPS, Heap, Pass, Status

if TYPE_CHECKING:
    import pandas

    from harness.record import Run


class Column(NamedTuple):
    """A column of the table: its name (unit included), the passes that fill it, what it holds, and of what type."""

    name: str
    passes: str
    meaning: str
    type: type = str


COLUMNS = (
    Column("run", "all", "identifier of the run"),
    Column("suite", "all", "name of the suite"),
    Column("comparison", "all", "identifier of the comparison"),
    Column("case", "all", "identifier of the case, comparison/case"),
    Column("name", "all", "layer and form as the reports print them"),
    Column("baseline", "all", "whether the case is the comparison's baseline, the fastest of several engines", bool),
    Column("engine", "all", "engine that runs it, None where the suite names none"),
    Column("layer", "all", "layer"),
    Column("implementation", "all", "form asked for"),
    Column("ran_as", "all", "form that ran, None if the check did not say"),
    Column("shape", "all", "input as torch sees it, 10x1024x32x32"),
    Column("dtype", "all", "element type"),
    Column("memory_format", "all", "contiguous or channels_last"),
    Column("device", "all", "cpu or cuda"),
    Column("threads", "all", "torch's threads", int),
    Column("mode", "all", "inference or training"),
    Column("protocol", "all", "steady or published"),
    Column("pass", "all", "verify, time, memory or energy; fit where it was asked for"),
    Column("launch", "time", "number of the launch", int),
    Column("cache", "time", "hot or cold"),
    Column("heap", "memory", "heap the process ran on: pinned, or default where both were measured"),
    Column("repeat", "memory", "number of the fresh process, the baseline's later half being its second copy", int),
    Column("status", "all", "ok, failed, skipped, or absent: planned, but the record holds no line of it"),
    Column("reason", "all", "why there is no result, in words"),
    Column("missing", "all", "columns of this pass without a value, each with its reason"),
    Column("seconds", "all", "wall time of the worker that did this unit, in s", float),
    Column("ok", "verify", "True right, False wrong, None could not be checked", bool),
    Column("error", "verify", "largest error relative to the reference's root mean square", float),
    Column("error_allowed", "verify", "largest error that counts as right", float),
    Column("parameters", "verify", "number of trainable parameters", int),
    Column("macs", "verify", "multiply-accumulates per call", int),
    Column("median_s", "time", "median time per call", float),
    Column("mean_s", "time", "mean time per call", float),
    Column("p5_s", "time", "5th percentile of the time per call", float),
    Column("p95_s", "time", "95th percentile of the time per call", float),
    Column("min_s", "time", "shortest time per call", float),
    Column("max_s", "time", "longest time per call", float),
    Column("samples", "time", "number of samples", int),
    Column("calls_per_sample", "time", "calls in one sample", int),
    Column("copy_median_s", "time", "median time per call of the second copy (A/A check), planned baseline only",
           float),
    Column("stopped", "time", "why the launch stopped"),
    Column("verdict", "time", "rival against baseline over all launches of this cache state: faster, slower, same or "
                              "cannot tell; None for the baseline"),
    Column("against", "time", "identifier of the baseline that verdict and speed hold the case against"),
    Column("speed", "time", "baseline time over the rival's over all launches, above 1 is faster", float),
    Column("speed_low", "time", "lower end of the interval of speed", float),
    Column("speed_high", "time", "upper end of the interval of speed", float),
    Column("own_against", "time", "the fastest form of the baseline's layer in the case's own engine; None where the "
                                  "suite names no engines, and for that form itself"),
    Column("own_verdict", "time", "verdict against own_against"),
    Column("own_speed", "time", "time of own_against over the case's, above 1 is faster", float),
    Column("own_speed_low", "time", "lower end of the interval of own_speed", float),
    Column("own_speed_high", "time", "upper end of the interval of own_speed", float),
    Column("noise_floor", "time", "largest relative difference of the baseline's two copies in those launches",
           float),
    Column("torch_peak_allocated_bytes", "memory", "torch's count of live tensors at the peak", int),
    Column("torch_peak_reserved_bytes", "memory", "what torch's allocator held at the peak", int),
    Column("rss_peak_bytes", "memory", "resident memory of the process at the peak", int),
    Column("rss_delta_peak_bytes", "memory", "the same above the level with the input alone", int),
    Column("uss_delta_peak_bytes", "memory", "memory no other process shares, above that level", int),
    Column("ram_delta_peak_bytes", "memory", "used memory of the system (tegrastats formula), above that level", int),
    Column("nvmap_delta_bytes", "memory", "memory handed out by the Jetson's GPU driver, above that level", int),
    Column("swap_delta_bytes", "memory", "growth of used swap", int),
    Column("energy_per_call_j", "energy", "energy per call, idle power included", float),
    Column("energy_above_idle_per_call_j", "energy", "energy per call above the idle power", float),
    Column("uncertainty_j", "energy", "stated uncertainty of energy_per_call_j", float),
    Column("mean_w", "energy", "mean power under load", float),
    Column("peak_w", "energy", "highest power read under load", float),
    Column("idle_before_w", "energy", "idle power before", float),
    Column("idle_after_w", "energy", "idle power after", float),
    Column("window_s", "energy", "length of the load", float),
    Column("calls", "energy", "calls in the load", int),
    Column("rounds", "energy", "rounds of windows, two of every case in each", int),
    Column("copy_energy_per_call_j", "energy", "energy per call of the baseline's second copy (A/A check)", float),
    Column("readings_fresh", "energy", "readings of the sensor that were new", int),
    Column("sensor_period_s", "energy", "refresh period of the sensor, found from the readings", float),
    Column("meter", "energy", "meter that was read"),
    Column("rail", "energy", "rail that was read"),
    Column("limit_bytes", "fit", "memory that was given", int),
    Column("largest", "fit", "largest batch that ran in it", int),
    Column("refused", "fit", "smallest batch that did not", int),
)

ABSENT = "absent"
Cells = Dict[str, Union[str, int, float, bool, None]]


def run_to_frame(run: "Run") -> "pandas.DataFrame":
    """Return ``run`` as a pandas DataFrame with the columns :data:`COLUMNS`, in plan order.

    Every planned case has a row for every pass, also where the record holds none (status ``absent``).
    """
    import pandas

    return pandas.DataFrame(rows(run), columns=[column.name for column in COLUMNS])


def rows(run: "Run") -> List[Cells]:
    """Return the rows as plain dicts, without pandas; columns a row has no value for are left out."""
    found: List[Cells] = []
    for comparison in run.comparisons:
        times, held = _times(run, comparison), denominators(comparison, run.timed(comparison.id))
        _tell(times, run, comparison, held)
        for case in comparison.cases:
            ident = comparison.case_id(case)
            base = _identity(run, comparison, case, ident, case == held.fastest)
            found.append(_verify_row(run, comparison, base, ident))
            found.extend(dict(base, **cells) for cells in times.get(ident) or [_untimed(run, comparison, ident)])
            repeats: Sequence[Optional[MemoryLine]] = [
                line for heap in MEASURED_HEAPS for line in run.memory_repeats(ident, heap)] or (None,)
            found.extend(_case_row(run, base, Pass.MEMORY, line) for line in repeats)
            found.append(_case_row(run, base, Pass.ENERGY, run.energy(ident)))
            if Pass.FIT.value in run.header.settings.passes:
                found.append(_case_row(run, base, Pass.FIT, run.fit(ident)))
    return found


def _tell(times: Dict[str, List[Cells]], run: "Run", comparison: Comparison, held: Denominators) -> None:
    """Write the verdicts of ``comparison`` into ``times``: against its baseline, and in each case's own engine."""
    own = {comparison.case_id(case): held.own(case) for case in comparison.cases}
    for base in held.all():
        for one in verdicts(run.launches(comparison.id), run.header.rule,
                            comparison.case_id(base) if comparison.pairs else None):
            for cells in times[one.case]:
                if cells.get("cache") == one.cache and base == held.fastest:
                    cells.update(verdict=one.state.value, against=one.baseline, speed=one.speed, speed_low=one.low,
                                 speed_high=one.high, noise_floor=one.floor)
                if cells.get("cache") == one.cache and base == own[one.case]:
                    cells.update(own_verdict=one.state.value, own_against=one.baseline, own_speed=one.speed,
                                 own_speed_low=one.low, own_speed_high=one.high)


def _identity(run: "Run", comparison: Comparison, case: Case, ident: str, baseline: bool) -> Cells:
    check = run.check(ident)
    return {"run": run.id, "suite": run.suite, "comparison": comparison.id, "case": ident, "name": case.name,
            "baseline": baseline, "engine": engine_of(case), "layer": case.layer,
            "implementation": case.implementation,
            "ran_as": check.implementation if check is not None else None, "shape": "x".join(map(str, case.shape)),
            "dtype": case.dtype, "memory_format": case.memory_format, "device": case.device,
            "threads": case.threads, "mode": case.mode, "protocol": case.protocol}


def _row(name: Pass, status: str, reason: Optional[Reason], seconds: Optional[float] = None) -> Cells:
    return {"pass": name.value, "status": status, "reason": sentence(reason), "seconds": seconds}


def _verify_row(run: "Run", comparison: Comparison, base: Cells, ident: str) -> Cells:
    check = run.check(ident)
    lines = [line for line in run.checks(comparison.id) if line.case in (None, ident)]
    if check is None:
        failed = [line for line in lines if line.status is not Status.OK]
        row = dict(base, **_row(Pass.VERIFY, ABSENT, run.why_absent(Pass.VERIFY, comparison.id)))
        if failed:
            row.update(_row(Pass.VERIFY, failed[-1].status.value, failed[-1].reason, failed[-1].seconds))
        return row
    return dict(base, ok=check.ok, error=check.error, error_allowed=check.allowed, parameters=check.parameters,
                macs=check.macs, **_row(Pass.VERIFY, Status.OK.value, check.reason, lines[-1].seconds))


def _times(run: "Run", comparison: Comparison) -> Dict[str, List[Cells]]:
    """Return the cells of every launch by case id; a failed launch stands with every case."""
    found: Dict[str, List[Cells]] = {}
    for line in run.launches(comparison.id):
        launch = dict(_row(Pass.TIME, line.status.value, line.reason, line.seconds), launch=line.launch)
        if line.status is not Status.OK:
            for case in comparison.cases:
                found.setdefault(comparison.case_id(case), []).append(launch)
        for ident, reason in line.left_out.items():
            row = dict(launch, **_row(Pass.TIME, Status.FAILED.value, reason, line.seconds))
            found[ident] = [one for one in found.get(ident, ()) if one["launch"] != line.launch] + [row]
        for series in line.series:
            samples = samples_by_entrant(series)
            for entrant, ident in enumerate(series.entrants):
                if entrant != COPY:
                    found.setdefault(ident, []).append(dict(launch, **_statistics(series, entrant, samples)))
    return found


def _untimed(run: "Run", comparison: Comparison, ident: str) -> Cells:
    """Return the cells of a case without a time: left out of every launch, or no launch was made."""
    status = Status.SKIPPED.value if run.launches(comparison.id) else ABSENT
    return _row(Pass.TIME, status, run.why_not_timed(comparison.id, ident))


def _statistics(series: Series, entrant: int, samples: List[List[float]]) -> Cells:
    values = sorted(samples[entrant])
    found: Cells = {"cache": series.cache, "samples": len(values), "stopped": sentence(series.stopped),
                    "calls_per_sample": series.calls_per_sample[entrant]}
    if not values:
        found["reason"] = found["stopped"]
        return found
    found.update(median_s=quantile(values, 0.5), mean_s=sum(values) / len(values), p5_s=quantile(values, 0.05),
                 p95_s=quantile(values, 0.95), min_s=values[0], max_s=values[-1])
    if entrant == BASELINE:
        copy = sorted(samples[COPY])
        found["copy_median_s"] = quantile(copy, 0.5) if copy else None
    return found


def _case_row(run: "Run", base: Cells, name: Pass, line: Union[MemoryLine, EnergyLine, FitLine, None]) -> Cells:
    if line is None:
        return dict(base, **_row(name, ABSENT, run.why_absent(name, str(base["comparison"]))))
    row = dict(base, **_row(name, line.status.value, line.reason, line.seconds))
    if isinstance(line, MemoryLine):
        row["repeat"], row["heap"] = line.repeat, (line.heap or Heap.PINNED).value
    if line.status is not Status.OK:
        return row
    missing: List[str] = []
    for column in COLUMNS:
        if column.passes == name.value:  # these columns are named after the fields of the line
            row[column.name] = getattr(line, column.name)
            if row[column.name] is None:
                said = getattr(line, column.name + "_reason", None) or sentence(line.reason)
                missing.append("{}: {}".format(column.name, said or "the record gives no reason"))
    row["missing"] = "; ".join(missing) or None
    return row
