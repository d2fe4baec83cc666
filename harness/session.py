"""A session of a run: from the user's choices to the end line. Plan or take up, go on, end."""

import contextlib
import os
import time
from typing import Dict, Iterator, NamedTuple, Optional, Sequence

from harness.choices import Choices, SessionError, check_fit, check_meter, settle, with_defaults
from harness.clocks import locked_clocks
from harness.controller import Controller
from harness.machine import environment, measure_roof, power_meter, why_no_energy
from harness.plan import Suite, Target, slug
from harness.planning import plan_comparisons
from harness.probed import Probed
from harness.process import run_worker
from harness.progress import PlainProgress
from harness.reasons import Code, Reason, because
from harness.record import FORMAT, End, Header, RecordError, RecordWriter, Run, Session, damage_text
from harness.record.working import WorkingRun, load_working_run
from harness.rule import COMPARE_ROUNDS
from harness.settings import Settings
from harness.signals import Ended, ending_signals_raise, undisturbed
from harness.source import SourceFile, read_source, why_changed
from harness.standby import StandBy
from harness.system.memory import read_meminfo
from harness.system.strays import end_orphans
from harness.unit_runner import Runner, RunPlan
from harness.versions import against, checked_out, label_of, remove_left_behind
from harness.words import Pass, RunStatus


def run_id(suite: str, settings: Settings, now: Optional[float] = None) -> str:
    """Return a name for a new run: date, time, suite and device, and two letters of chance."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return "{}-{}-{}-{}".format(stamp, slug(suite) or "suite", settings.device, os.urandom(1).hex())


def utc_now() -> str:
    """Return the date and time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def new_folder(out: str, suite: str, settings: Settings) -> str:
    """Make and return the folder of a new run: it was not there before, whoever else starts one now.

    Raises :class:`SessionError`.
    """
    try:
        os.makedirs(out, exist_ok=True)
        for _ in range(100):
            folder = os.path.join(out, run_id(suite, settings))
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
                return folder
    except OSError as error:
        raise SessionError("{} cannot be written ({}): name another folder with --out".format(
            out, error.strerror or error)) from None
    raise SessionError("{} already holds a run of every name: name another folder with --out".format(out))


class Work(NamedTuple):
    """A run that this process is at work on: its index, and the writer that keeps others off."""

    run: Run
    writer: RecordWriter
    plan: RunPlan


def start(suite: Suite, choices: Choices, probed: Probed, out: str, file: Optional[str] = None) -> Work:
    """Make the folder and the header of a new run of the suite that stands in ``file``, if in one of the user's own.

    Raises ``ValueError``, ``OSError`` or :class:`SessionError`.
    """
    settings = settle(with_defaults(choices, suite), probed)
    check_meter(settings, probed)
    check_fit(settings.fit_bytes, settings.device, read_meminfo())
    target = Target(settings.device, settings.threads)
    comparisons = plan_comparisons(suite, target, settings.quick, settings.only)
    if settings.against is not None:
        comparisons = against(comparisons, label_of(settings.against))
    rule = probed.rule._replace(launches=settings.launches)
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
                RunPlan(why_no_energy(probed.meters, settings), settings.power))


def first_line(writer: RecordWriter, header: Header) -> None:
    """Write the plan; where that fails the folder goes too, for an empty run would only be in the way.

    Raises ``RecordError`` where that fails.
    """
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


def ready(work: Work, probed: Probed) -> Work:
    """Return ``work`` fit for this machine; raises :class:`SessionError` where what the run was made on is gone."""
    settings, had = work.run.header.settings, work.run.environment
    gpu = probed.gpu
    if settings.device == "cuda" and gpu["name"] is None:
        raise SessionError("--resume {}: the run is of a CUDA device ({}), and there is none now: {}. Nothing was "
                          "recorded.".format(work.run.folder, had.gpu.get("name"), gpu["name_reason"]))
    if settings.device == "cuda" and had.gpu.get("name") not in (None, gpu["name"]):
        raise SessionError("--resume {}: the run is of {}, and this is {}. Nothing was recorded.".format(
            work.run.folder, had.gpu["name"], gpu["name"]))
    meter = power_meter(had)
    chosen = [one.name for one in probed.meters if one.quantity == "power" and one.chosen]
    if meter is not None and Pass.ENERGY.value in settings.passes and chosen != [meter]:
        why = [one.reason for one in probed.meters if one.name == meter]
        raise SessionError("--resume {}: the run takes its power from {}, which does not answer now: {}. Nothing was "
                          "recorded.".format(work.run.folder, meter, why[0] if why else "it is unknown here"))
    return work._replace(plan=work.plan._replace(no_energy=why_no_energy(probed.meters, settings)))


def carry_on(work: Work, argv: Sequence[str], probed: Probed, progress: PlainProgress,
             roof: Optional[str] = None, runner: Runner = run_worker, stand_by: Optional[StandBy] = None) -> End:
    """Do what the record lacks; return the session's end, which is also its last line.

    ``roof`` names the function that measures the device's limits, ``package.module:function``. Ctrl-C, SIGTERM and
    SIGHUP end it in order. Where the settings ask for it the clocks are locked meanwhile and put back on any way out.
    ``stand_by`` has workers load side by side in the passes that allow it.

    Raises ``RecordError`` where the record can no longer be written.
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
            for left in remove_left_behind():
                progress.note("A run that was killed had left its checkout of another version: {} is removed".format(
                    left))
            roofs = measure_roof(roof, settings, work.run.comparisons)
            session = Session(tuple(argv), utc_now(), environment(settings, probed, lock, roofs),
                              changed_file(work.run.header.suite_file),
                              work.run.damage.lines + work.run.done_over.lines)
            work.writer.append(session)
            work.run.add(session)
            plan = work.plan._replace(versions=versions)
            Controller(work.run, plan, work.writer, progress, runner, stand_by=stand_by).run()
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
