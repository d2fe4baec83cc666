"""The commands that measure: run and calibrate. What can be told wrong without torch is told before it is loaded."""

import signal
import sys
from typing import Any, List, Optional, Tuple

import click

from harness.app.arguments import (
    AgainstCommand,
    DurationType,
    FolderType,
    ShareType,
    SizeType,
    UnreadableError,
    check_selection,
)
from harness.app.reading import RESULTS, STOPPED, fail_on_options, find_run, report_process
from harness.caller import from_caller, shown_path
from harness.text import printable

DEFAULT_SUITE = "paper"

#: The suite of known loads.
CALIBRATION = "calibration"

#: What measures the device's own limits, run in a worker.
ROOF = "suites.roof:measure"

DURATION = DurationType()
SHARE = ShareType()
SIZE = SizeType()
FOLDER = FolderType()


@click.command(cls=AgainstCommand, short_help="Measure a suite, or a .py file of your own; write its report.")
@click.argument("suite", required=False)
@click.option("--quick", is_flag=True, help="One launch, short budget, a suite's smaller list; the report says so.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda if torch sees one, else cpu.")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads. Default: torch's own choice.")
@click.option("--budget", type=DURATION, help="Sampling time for the whole run, such as 10m.")
@click.option("--seed", type=click.IntRange(0, 2 ** 32 - 1), default=1, show_default=True,
              help="Seed of the inputs and of the shuffled order.")
@click.option("--only", metavar="PATTERN", help="Rivals to run, as part of a name or with * and ?; several by comma.")
@click.option("--launches", type=click.IntRange(1, 100),
              help="Fresh processes that must agree. Default: 4, with --quick 1, with --for-compare 24.")
@click.option("--for-compare", is_flag=True,
              help="Time only, in many short launches that are all played: for 'compare' with another such run.")
@click.option("--against", metavar="REVISION",
              help="Each layer against itself in a commit or 'stash', in the same rounds; exit status as 'compare'.")
@click.option("--fail-on", type=SHARE, metavar="SHARE", help="With --against: the slowdown that counts, such as 5%.")
@click.option("--rounds", type=click.IntRange(12), help="Most rounds of one launch. Default: 450.")
@click.option("--limit", type=DURATION, default="15m", show_default=True, help="Longest time for one worker.")
@click.option("--power", metavar="METER", help="Power meter to use. Default: the best one that answers.")
@click.option("--fit", "fit_bytes", type=SIZE, metavar="MEMORY",
              help="Instead of timing: the largest batch of each case that runs in so much memory, such as 4GB.")
@click.option("--soak", "soak_s", type=DURATION,
              help="Instead of timing: keep each rival and its baseline busy by turns for so long, such as 10m.")
@click.option("--soak-block", "soak_block_s", type=DURATION,
              help="Length of one turn. Default: a minute, less where the soak would hold too few.")
@click.option("--power-modes", metavar="MODES",
              help="One run in each of these modes of a Jetson, such as 5W,MAXN; then the first one is put back.")
@click.option("--lock-clocks", is_flag=True, help="Lock CPU and GPU clocks for this run and put them back after it.")
@click.option("--out", type=FOLDER, help="Folder that gets the run's folder. Default: the project's results.")
@click.option("--resume", metavar="RUN", help="Finish a stopped run; its own settings hold.")
@click.option("--retry-failed", is_flag=True, help="With --resume: do failed units over.")
@click.option("--anyway", is_flag=True, help="With --resume: also where the suite's own file has changed.")
@click.option("--no-report", is_flag=True, help="Leave the report to './run_bench.sh report RUN'.")
@click.pass_context
def run(context: click.Context, suite: Optional[str], out: Optional[str], resume: Optional[str], retry_failed: bool,
        anyway: bool, no_report: bool, budget: Optional[float], limit: float, fail_on: Optional[float],
        power_modes: Optional[str],
        **choices: Any) -> None:
    """Run SUITE (a name from 'list', or a .py file of your own) and write its report."""
    from harness import session
    from harness.app.power_modes import Runs, run_modes
    from harness.choices import Choices, SessionError
    from harness.clocks import PowerModeError
    from harness.machine import probe
    from harness.progress import make_progress
    from harness.record import RecordError, load_run
    from harness.signals import Ended
    from harness.standby import side_by_side

    def carry_on(work: Any, probed: Any) -> Any:
        click.echo(printable("Run {} in {}".format(work.run.id, shown_path(work.run.folder))), err=True)
        return work.run, session.carry_on(work, sys.argv[1:], probed, make_progress(), ROOF,
                                          stand_by=side_by_side)

    answers = choices["against"] is not None or fail_on is not None  # with the status: 1 says slower, 2 cannot tell
    try:
        # Everything that can be told wrong without torch is told before a worker spends seconds on loading it.
        if resume is not None:
            refuse_choices(context)
            folder = find_run(resume, out or RESULTS)

            def go_on(mode: Optional[str]) -> Any:
                work = session.take_up(folder, retry_failed, anyway)
                if suite not in (None, work.run.suite):
                    raise SessionError("--resume {}: that run is of suite '{}', not '{}'. Leave the suite "
                                       "out.".format(resume, work.run.suite, suite))
                probed = probe(work.run.header.settings.device, work.plan.power, status_of(work.run.suite))
                return carry_on(session.ready(work, probed), probed)

            settled = load_run(folder).header.settings
            answers = answers or settled.against is not None
            if fail_on is not None and settled.against is None:
                raise SessionError("--resume {}: that run holds no two versions against each other, so --fail-on has "
                                   "nothing to judge: leave it out.".format(resume))
            power_modes, run_once = settled.power_mode, go_on
        elif retry_failed or anyway:
            raise SessionError("{} goes with --resume RUN: a new run has nothing to go on from.".format(
                "--retry-failed" if retry_failed else "--anyway"))
        elif fail_on is not None and choices["against"] is None:
            raise SessionError("--fail-on goes with --against REVISION, or with './run_bench.sh compare RUN RUN'.")
        elif power_modes is not None and choices["against"] is not None:
            raise SessionError("--against has both versions in one run: leave out --power-modes.")
        elif power_modes is not None and choices["fit_bytes"] is not None:
            raise SessionError("--fit measures memory, which is the same in every power mode: leave out "
                               "--power-modes.")
        else:
            wanted = Choices(budget_s=budget, limit_s=limit, **choices)
            chosen = check(suite or DEFAULT_SUITE, wanted)

            def run_once(mode: Optional[str]) -> Any:
                return carry_on(*begin(chosen, wanted._replace(power_mode=mode), out or RESULTS))

        if power_modes is None:
            one, end = run_once(None)
            made = Runs([one], end, [])
        else:
            made = run_modes(power_modes, run_once, lambda text: click.echo(text, err=True))
    except Ended as ended:  # between two runs: within one it is recorded
        sys.exit(128 + ended.number)
    except (SessionError, PowerModeError, RecordError, ValueError, OSError) as error:
        if answers:
            raise UnreadableError(str(error)) from None
        raise click.ClickException(str(error)) from None
    finish(made, no_report, fail_on)


def finish(made: Any, no_report: bool, fail_on: Optional[float]) -> None:
    """Make the report of the runs that were made, side by side if there are several, and exit with their status.

    Raises ``click.ClickException`` where nothing could be timed.
    """
    from harness.words import RunStatus

    folders = [run.folder for run in made.runs]
    if made.end.status is RunStatus.COMPLETE:
        code = 0 if no_report else report_process(folders)
        if made.runs[0].header.settings.against is not None:
            sys.exit(report_process(folders[:1], fail_on_options(fail_on), module="reports.against"))
        if not all(nothing_timed(run) for run in made.runs):
            sys.exit(code)
        raise click.ClickException("nothing could be timed: the report says of each case why not.")
    click.echo("Stopped. Everything finished is kept; go on with: ./run_bench.sh run --resume {}".format(
        shown_path(folders[-1])), err=True)
    if made.left:
        click.echo("Not begun: {}. Run them with --power-modes {}, then './run_bench.sh report' with all of their "
                   "folders.".format(", ".join(made.left), ",".join(made.left)), err=True)
    status = stopped_status(made.end)
    if not no_report and status == STOPPED:  # who sends a signal does not wait for a report
        report_process(folders)
    sys.exit(status)


def stopped_status(end: Any) -> int:
    """Return the exit status of a run that was stopped: that of the signal, as a shell counts, or of Ctrl-C."""
    from harness.reasons import Code

    if end.reason is not None and end.reason.code is Code.SIGNALLED:
        return 128 + signal.Signals[str(end.reason.numbers["signal"])]
    return STOPPED


def status_of(suite: str) -> List[str]:
    """Return the parts whose state a run of ``suite`` records: a suite of one's own may not need them built."""
    import suites
    from harness.app.doctor import STATUS

    return list(STATUS) if suite in suites.SUITES else []


@click.command(short_help="Say what this machine can tell, from known loads.")
@click.option("--quick", is_flag=True, help="Fewer loads, one launch, one process per memory figure.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda if torch sees one, else cpu.")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads. Default: torch's own choice.")
@click.option("--out", type=FOLDER, help="Folder that gets the run's folder. Default: the project's results.")
def calibrate(quick: bool, device: Optional[str], threads: Optional[int], out: Optional[str]) -> None:
    """Say what this machine can tell, as it is now, from loads whose answer is known.

    Exit status: 0 every number given was right and no identical layers were called different, 1 otherwise.
    """
    from harness import session
    from harness.choices import Choices, SessionError
    from harness.progress import make_progress
    from harness.record import RecordError
    from harness.standby import side_by_side
    from harness.words import RunStatus

    try:
        wanted = Choices(device=device, threads=threads, quick=quick)
        work, probed = begin(check(CALIBRATION, wanted), wanted, out or RESULTS)
        click.echo(printable("Run {} in {}".format(work.run.id, shown_path(work.run.folder))), err=True)
        end = session.carry_on(work, sys.argv[1:], probed, make_progress(), stand_by=side_by_side)
    except (SessionError, RecordError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if end.status is not RunStatus.COMPLETE:
        click.echo("Stopped. Go on with './run_bench.sh run --resume {0}', then './run_bench.sh python -m "
                   "reports.calibration {0}'.".format(shown_path(work.run.folder)), err=True)
        sys.exit(stopped_status(end))
    sys.exit(report_process([work.run.folder], module="reports.calibration"))


def nothing_timed(run: Any) -> bool:
    """Whether the run was to time something and no comparison holds a sample."""
    from harness.words import Pass

    planned = [one for one in run.comparisons if Pass.TIME.value not in one.without]
    return Pass.TIME.value in run.header.settings.passes and bool(planned) and not any(
        run.timed(one.id) for one in planned)


def check(name: str, choices: Any) -> Tuple[Any, Optional[str]]:
    """Return the suite ``name`` and its file; raises ``ValueError`` for all that can be told wrong without torch."""
    from harness.app.registry import load_suite
    from harness.choices import check_together
    from harness.meters import check_named

    check_together(choices)
    if choices.power is not None:
        check_named(choices.power, "power", choices.device)
    name = from_caller(name) if name.endswith(".py") else name
    suite = load_suite(name)
    if choices.against is not None and name.endswith(".py"):
        raise ValueError("--against compares versions of this project's own layers: name one of its suites, no file")
    if not name.endswith(".py"):  # a file's plan may load torch itself, in a process of its own
        check_selection(suite, choices.device, choices.threads, choices.quick, choices.only)
    return suite, name if name.endswith(".py") else None


def begin(chosen: Tuple[Any, Optional[str]], choices: Any, out: str) -> Tuple[Any, Any]:
    """Ask a worker what there is here, and start a new run of what :func:`check` returned."""
    from harness import session
    from harness.machine import probe

    suite, file = chosen
    probed = probe(choices.device, choices.power, status_of(suite.name))
    return session.start(suite, choices, probed, out, file), probed


#: What --resume goes well with; everything else is in the run's record already.
RESUME_TAKES = ("suite", "resume", "retry_failed", "anyway", "no_report", "out", "fail_on")


def refuse_choices(context: click.Context) -> None:
    """Raise ``ValueError`` if something was chosen that a resumed run has settled long ago."""
    given = [parameter for parameter in context.command.params if parameter.name not in RESUME_TAKES
             and context.get_parameter_source(str(parameter.name)) is not click.core.ParameterSource.DEFAULT]
    if given:
        raise ValueError("--resume goes on with the run's own settings: leave out {}, or start a new run.".format(
            ", ".join(parameter.opts[0] for parameter in given)))


COMMANDS = (run, calibrate)
