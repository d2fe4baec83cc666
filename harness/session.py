"""A session of a run: from the user's choices to the end line. Probe, plan or take up, go on, end."""

import contextlib
import os
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from harness.allocator import heap_environment
from harness.clocks import LockResult, locked_clocks, read_clocks
from harness.controller import Controller, Runner, RunPlan
from harness.environment import collect
from harness.plan import Comparison, Suite, Target, slug
from harness.planning import plan_comparisons
from harness.process import run_worker
from harness.progress import PlainProgress
from harness.reasons import Code, Reason, because, sentence, whole_sentence
from harness.record import FORMAT, End, Environment, Header, RecordError, RecordWriter, Run, Session, damage_text
from harness.record.wire import line_decoder
from harness.record.working import WorkingRun, load_working_run
from harness.rule import COMPARE_LAUNCHES, COMPARE_ROUNDS, rule_from_dict
from harness.settings import PASSES, Settings
from harness.signals import Ended, ending_signals_raise, undisturbed
from harness.soak_blocks import block_length_s
from harness.source import SourceFile, read_source, why_changed
from harness.system.memory import read_meminfo
from harness.system.strays import end_orphans
from harness.text import printable
from harness.versions import against, checked_out, commit_of, label_of
from harness.words import Heap, Pass, RunStatus

#: Time enough to import torch from an SD card for the first time.
PROBE_LIMIT_S = 300.0

#: Sampling time of a quick run; a comparison gets its 12 rounds all the same.
QUICK_BUDGET_S = 45.0


class SessionError(Exception):
    """A run that cannot start; the message is one sentence with the remedy."""

    def __init__(self, message: str) -> None:
        super(SessionError, self).__init__(printable(message))


class Choices(NamedTuple):
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
    fit_bytes: Optional[int] = None
    soak_s: Optional[float] = None
    soak_block_s: Optional[float] = None
    power_mode: Optional[str] = None
    for_compare: bool = False
    against: Optional[str] = None


def probe(device: Optional[str] = None, power: Optional[str] = None,
          status: Optional[List[str]] = None) -> Dict[str, Any]:
    """Ask a worker what torch and the meters are here; raises :class:`SessionError` if it cannot answer."""
    outcome = run_worker({"pass": "probe", "device": device, "power": power, "status": status or []}, PROBE_LIMIT_S)
    if outcome.payload is None:
        raise SessionError("The first worker {}.".format(whole_sentence(outcome.reason)))
    return outcome.payload


def settle(choices: Choices, probed: Dict[str, Any]) -> Settings:
    """Choose what the user left open: the best device present, torch's threads, the launches, the budget."""
    if probed["torch"]["version"] is None:
        raise SessionError("Nothing can be measured: {}. './run_bench.sh setup' installs it or says what is in the "
                          "way.".format(probed["torch"]["version_reason"]))
    has_cuda = probed["gpu"]["name"] is not None
    if choices.device == "cuda" and not has_cuda:
        raise SessionError("--device cuda: {}. Use --device cpu, or install a torch with CUDA ('./run_bench.sh "
                          "doctor' says more).".format(probed["gpu"]["name_reason"]))
    if choices.for_compare and choices.quick:
        raise SessionError("--for-compare goes without --quick: its launches are short already; leave cases out with "
                           "--only")
    if choices.against is not None and choices.for_compare:
        raise SessionError("--against has both versions in one run: leave out --for-compare")
    launches = COMPARE_LAUNCHES if choices.for_compare else 1 if choices.quick else int(probed["rule"]["launches"])
    return Settings(
        device=choices.device or ("cuda" if has_cuda else "cpu"),
        threads=choices.threads or probed["torch"]["threads"],
        seed=choices.seed, quick=choices.quick,
        launches=choices.launches or launches, every_launch=choices.for_compare,
        against=None if choices.against is None else commit_of(choices.against),
        budget_s=choices.budget_s or (QUICK_BUDGET_S if choices.quick else Settings._field_defaults["budget_s"]),
        # Who asks for more time wants it spent where it is needed.
        launch_cap_s=max(Settings._field_defaults["launch_cap_s"], choices.budget_s or 0.0),
        memory_repeats=1 if choices.quick else Settings._field_defaults["memory_repeats"],
        limit_s=choices.limit_s, only=choices.only, power=choices.power, lock_clocks=choices.lock_clocks,
        passes=passes_for(choices), power_mode=choices.power_mode, fit_bytes=choices.fit_bytes, soak_s=choices.soak_s,
        soak_block_s=None if choices.soak_s is None else choices.soak_block_s or block_length_s(choices.soak_s))


def with_defaults(choices: Choices, suite: Suite) -> Choices:
    """Return ``choices`` with what ``suite`` says of launches and budget where the user said nothing of them."""
    if choices.quick or choices.for_compare or choices.against is not None:
        return choices
    return choices._replace(launches=choices.launches or suite.launches, budget_s=choices.budget_s or suite.budget_s)


def passes_for(choices: Choices) -> Tuple[str, ...]:
    """Return the passes of the run: what was asked for alone, after the check of every layer, else the usual four."""
    time_alone = choices.for_compare or choices.against is not None
    asked = [(Pass.TIME, time_alone or None), (Pass.FIT, choices.fit_bytes), (Pass.SOAK, choices.soak_s)]
    extra = tuple(name.value for name, value in asked if value is not None)
    return (Pass.VERIFY.value,) + extra if extra else PASSES


def check_fit(fit_bytes: Optional[int], device: str, meminfo: Dict[str, int]) -> None:
    """Raise :class:`SessionError` if this machine could not give a worker ``fit_bytes`` without swapping."""
    available = meminfo.get("MemAvailable")
    if fit_bytes is not None and device == "cpu" and available is not None and fit_bytes > available:
        raise SessionError("--fit: {:.2f} GB were asked for, but only {:.2f} GB are free on this machine now: ask "
                          "for less, or close programs.".format(fit_bytes / 1e9, available / 1e9))


def why_no_energy(meters: List[Dict[str, Any]], settings: Settings) -> Optional[Reason]:
    """Return why this run measures no energy, ``None`` if it does."""
    power = [entry for entry in meters if entry["quantity"] == "power"]
    if any(entry["chosen"] for entry in power):
        return None if not settings.quick or settings.power else Reason(Code.ENERGY_LEFT_OUT)
    return because(Code.NO_METER, ", ".join(entry["name"] for entry in power) or "none is known")


def measure_roof(function: Optional[str], settings: Settings, comparisons: Sequence[Comparison]) -> Dict[str, Any]:
    """Return the environment's ``roof``: the device's limits as ``function`` measures them, or why not.

    Of arithmetic it is measured in the types that the cases on that device multiply in, and once for each number of
    threads: the run's own, and under ``other_threads`` those that cases have beside it.
    """
    if function is None or settings.quick:
        reason = "left out by --quick" if settings.quick else "not asked for"
        return {"flops_per_s": None, "flops_per_s_reason": reason}
    cases = [case for one in comparisons for case in one.cases if case.device == settings.device]
    threads = {case.threads for case in cases} - {settings.threads}

    def measured(number: int) -> Dict[str, Any]:
        job = {"pass": "roof", "function": function, "device": settings.device, "threads": number,
               "types": sorted({case.arithmetic for case in cases})}
        outcome = run_worker(job, PROBE_LIMIT_S, extra_environment=heap_environment(Heap.WARM))
        return outcome.payload or {"flops_per_s": None, "flops_per_s_reason": sentence(outcome.reason)}

    found = measured(settings.threads)
    if threads and settings.device == "cpu":
        found["other_threads"] = {str(number): measured(number) for number in sorted(threads)}
    return found


def run_id(suite: str, settings: Settings, now: Optional[float] = None) -> str:
    """Return a name for a new run: date, time, suite and device, and two letters of chance."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return "{}-{}-{}-{}".format(stamp, slug(suite) or "suite", settings.device, os.urandom(1).hex())


def utc_now() -> str:
    """Return the date and time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def new_folder(out: str, suite: str, settings: Settings) -> str:
    """Make and return the folder of a new run: it was not there before, whoever else starts one now."""
    os.makedirs(out, exist_ok=True)
    for _ in range(100):
        folder = os.path.join(out, run_id(suite, settings))
        try:
            os.mkdir(folder)
        except FileExistsError:
            continue
        return folder
    raise SessionError("{} already holds a run of every name: name another folder with --out".format(out))


class Work(NamedTuple):
    """A run that this process is at work on: its index, and the writer that keeps others off."""

    run: Run
    writer: RecordWriter
    plan: RunPlan


def start(suite: Suite, choices: Choices, probed: Dict[str, Any], out: str, file: Optional[str] = None) -> Work:
    """Make the folder and the header of a new run of the suite that stands in ``file``, if in one of the user's own.

    Raises ``ValueError``, ``OSError`` or :class:`SessionError`.
    """
    settings = settle(with_defaults(choices, suite), probed)
    check_fit(settings.fit_bytes, settings.device, read_meminfo())
    target = Target(settings.device, settings.threads)
    comparisons = plan_comparisons(suite, target, settings.quick, settings.only)
    if settings.against is not None:
        comparisons = against(comparisons, label_of(settings.against))
    rule = rule_from_dict(dict(probed["rule"], launches=settings.launches))
    rounds = choices.rounds or (COMPARE_ROUNDS if choices.for_compare else None)
    if rounds is not None:
        rule = rule._replace(max_rounds=rounds)
    folder = new_folder(out, suite.name, settings)
    header = Header(FORMAT, os.path.basename(folder), suite.name, utc_now(), settings.seed, settings, rule,
                    tuple(comparisons), None if file is None else read_source(file),
                    () if suite.goals is None or settings.against is not None else tuple(suite.goals(target)))
    writer = RecordWriter(folder)
    first_line(writer, header)
    return Work(WorkingRun(folder, [header]), writer,
                RunPlan(why_no_energy(probed["meters"], settings), settings.power))


def first_line(writer: RecordWriter, header: Header) -> None:
    """Write the plan; where that fails the folder goes too, for an empty run would only be in the way."""
    try:
        writer.append(header)
    except RecordError:
        writer.close()
        with contextlib.suppress(OSError):
            os.remove(writer.path)
            os.rmdir(writer.folder)
        raise


def take_up(folder: str, retry_failed: bool = False, anyway: bool = False) -> Work:
    """Open the run in ``folder`` to go on with it, with ``anyway`` also where its suite's file has changed.

    The writer keeps every other process off before the record is read. Raises :class:`SessionError` and
    ``RecordError``.
    """
    writer = RecordWriter(folder)
    try:
        run = load_working_run(folder)
        if run.header.format != FORMAT:
            raise SessionError("{} was recorded in format {}; its report can be made, but only runs of format {} can "
                              "be gone on with: run it anew".format(folder, run.header.format, FORMAT))
        if run.ended and not (retry_failed and run.failed()) and not run.damage.lines:
            raise SessionError("--resume {0}: that run is complete{1}. './run_bench.sh report {0}' makes its report "
                              "again.".format(folder, " and has no failed unit" if retry_failed else
                                              "; failed units are tried again with --retry-failed"
                                              if run.failed() else ""))
        had = run.header.suite_file
        changed = None if had is None else why_changed(had)
        if changed is not None and not anyway:
            raise SessionError("--resume {}: {}, and a run of two different things compares nothing. Put the file "
                               "back, start a new run, or say --anyway".format(folder, changed))
    except BaseException:
        writer.close()
        raise
    return Work(run, writer, RunPlan(power=run.header.settings.power or power_meter(run.environment),
                                     retry_failed=retry_failed))


def ready(work: Work, probed: Dict[str, Any]) -> Work:
    """Return ``work`` fit for this machine; raises :class:`SessionError` where what the run was made on is gone."""
    settings, had = work.run.header.settings, work.run.environment
    gpu = probed["gpu"]
    if settings.device == "cuda" and gpu["name"] is None:
        raise SessionError("--resume {}: the run is of a CUDA device ({}), and there is none now: {}. Nothing was "
                          "recorded.".format(work.run.folder, had.gpu.get("name"), gpu["name_reason"]))
    if settings.device == "cuda" and had.gpu.get("name") not in (None, gpu["name"]):
        raise SessionError("--resume {}: the run is of {}, and this is {}. Nothing was recorded.".format(
            work.run.folder, had.gpu["name"], gpu["name"]))
    meter = power_meter(had)
    chosen = [entry["name"] for entry in probed["meters"] if entry["quantity"] == "power" and entry["chosen"]]
    if meter is not None and Pass.ENERGY.value in settings.passes and chosen != [meter]:
        why = [entry["reason"] for entry in probed["meters"] if entry["name"] == meter]
        raise SessionError("--resume {}: the run takes its power from {}, which does not answer now: {}. Nothing was "
                          "recorded.".format(work.run.folder, meter, why[0] if why else "it is unknown here"))
    return work._replace(plan=work.plan._replace(no_energy=why_no_energy(probed["meters"], settings)))


def power_meter(environment: Environment) -> Optional[str]:
    """Return the name of the power meter that a session chose, ``None`` if it chose none."""
    return next((meter.name for meter in environment.meters if meter.quantity == "power" and meter.chosen), None)


def carry_on(work: Work, argv: Sequence[str], probed: Dict[str, Any], progress: PlainProgress,
             roof: Optional[str] = None, runner: Runner = run_worker) -> End:
    """Do what the record lacks; return the session's end, which is also its last line.

    ``roof`` names the function that measures the device's limits, ``package.module:function``. Ctrl-C, SIGTERM and
    SIGHUP end it in order. Where the settings ask for it the clocks are locked meanwhile and put back on any way out.
    """
    settings = work.run.header.settings
    reason: Optional[Reason] = because(Code.STOPPED)
    try:
        with ending_signals_raise(), versions_of(settings) as versions, locked_clocks(
                settings.lock_clocks, settings.device, tell=progress.note) as lock:
            if work.run.damage.lines:
                progress.note(damage_text(work.run.damage, work.writer.path))
            for name in end_orphans():
                progress.note("A process of an earlier run that was killed was still at work: {}".format(name))
            roofs = measure_roof(roof, settings, work.run.comparisons)
            session = Session(tuple(argv), utc_now(), environment(settings, probed, lock, roofs),
                              changed_file(work.run.header.suite_file),
                              work.run.damage.lines + work.run.done_over.lines)
            work.writer.append(session)
            work.run.add(session)
            plan = work.plan._replace(versions=versions)
            Controller(work.run, plan, work.writer, progress, runner).run()
            reason = None
    except KeyboardInterrupt:
        pass  # said by the end line and by the caller; everything finished is in the record
    except Ended as ended:
        reason = because(Code.SIGNALLED, signal=ended.name)
    except RecordError:
        reason = None
        raise
    finally:
        with undisturbed():
            progress.close()
            end = End(RunStatus.COMPLETE if reason is None else RunStatus.INTERRUPTED, utc_now(), reason)
            if not work.writer.lost:
                work.writer.append(end)
                work.run.add(end)
            work.writer.close()
    return end


@contextlib.contextmanager
def versions_of(settings: Settings) -> Iterator[Dict[str, str]]:
    """Yield the folders of the commits that the run's cases name, by label; they are gone afterwards."""
    if settings.against is None:
        yield {}
        return
    with checked_out(settings.against) as folder:
        yield {label_of(settings.against): folder}


def changed_file(had: Optional[SourceFile]) -> Optional[SourceFile]:
    """Return the suite's file as it is now where it is not what the run began with, as far as it can be read."""
    if had is None or why_changed(had) is None:
        return None
    try:
        return read_source(had.path)
    except OSError:
        return SourceFile(had.path, "")


def compiled_parts(status: Dict[str, Any]) -> Dict[str, Any]:
    """Return what the optional parts said of themselves, as one section; the names of their functions go."""
    found: Dict[str, Any] = {}
    for part in status.values():
        found.update(part)
    return found


def environment(settings: Settings, probed: Dict[str, Any], lock: LockResult, roof: Dict[str, Any]) -> Environment:
    """Return everything that is known of the machine as this session finds it."""
    clocks = dict(read_clocks(), locked_for_run=lock.locked, lock_messages=list(lock.messages))
    sections = dict(collect(), torch=probed["torch"], gpu=probed["gpu"], clocks=clocks, meters=probed["meters"],
                    kernels=compiled_parts(probed["status"]), roof=roof)
    return line_decoder().decode(Environment, sections)
