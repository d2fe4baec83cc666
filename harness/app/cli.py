"""The command line: reads arguments, says what went wrong in one sentence, and calls the parts.

Imports here cost every start, so each command imports what it needs itself.
"""

import json
import sys
from typing import Any, Dict, Optional

import click

from harness import __version__
from harness.app import measuring, reading
from harness.app.arguments import NearestGroup
from harness.caller import from_caller


@click.group(cls=NearestGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edge-transform-bench")
def cli() -> None:
    """Measure structured transform layers against the convolutions they replace, on this machine.

    Without a command the suite 'paper' is run. Beside the commands below, 'setup' makes the environment (setup
    --help), 'test' runs the tests, and 'python' starts the environment's own Python.

    Completion in bash (zsh_source, fish_source): eval "$(_RUN_BENCH_SH_COMPLETE=bash_source ./run_bench.sh)"
    """


for command in measuring.COMMANDS + reading.COMMANDS:
    cli.add_command(command)


@cli.command(name="list")
@click.argument("suite", required=False)
@click.option("--quick", is_flag=True, help="The smaller list that 'run --quick' takes.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Plan for it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def list_(suite: Optional[str], quick: bool, device: str, as_json: bool) -> None:
    """List the suites, or the cases of SUITE."""
    from harness.app import listing

    try:
        if suite is not None and suite.endswith(".py"):
            suite = from_caller(suite)
        if as_json:
            data = listing.suites_data() if suite is None else listing.cases_data(suite, device, quick)
            click.echo(json.dumps(data, indent=1))
        else:
            width = listing.columns()
            click.echo(listing.suites_text(width) if suite is None
                       else listing.cases_text(suite, device, quick, width))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@cli.command(short_help="Say what can be measured here, and what is missing.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def doctor(as_json: bool) -> None:
    """Say what can be measured here and what cannot, with the reason and the remedy."""
    from harness.app.doctor import examine, print_findings
    from harness.choices import SessionError

    try:
        found = examine()
    except SessionError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps([one._asdict() for one in found], indent=1))
    else:
        print_findings(found)


@cli.group(cls=NearestGroup, short_help="Show the clocks, or put them back.")
def clocks() -> None:
    """Show the clock settings, or put them back after a run that was killed."""


def clocks_text(found: Dict[str, Any], width: int) -> str:
    """Return what :func:`harness.clocks.read_clocks` found, a line each; lines fold between words at ``width``."""
    from harness.app.listing import hanging
    from reports.numbers import plain
    from reports.wording import value_text

    lines = [(key, value_text(found[key], key) if found[key] is not None else found.get(key + "_reason") or "unknown")
             for key in sorted(found) if not key.endswith("_reason")]
    return "\n".join(hanging("{:18} ".format(key), plain(text), width) for key, text in lines)


@clocks.command(short_help="Print power mode, governor and clock limits.")
def show() -> None:
    """Print power mode, governor and the limits of CPU, GPU and memory clocks."""
    from harness.app.listing import columns
    from harness.clocks import read_clocks

    click.echo(clocks_text(read_clocks(), columns()))


@clocks.command(short_help="Put the clocks back after a killed run.")
@click.option("--force", is_flag=True, help="Also while the run that locked them seems to be going on.")
def restore(force: bool) -> None:
    """Put the clocks and the power mode back as they were before a run that was killed or lost its power."""
    from harness.clocks import restore_all

    result = restore_all(force)
    for message in result.messages:
        click.echo(message)
    sys.exit(0 if result.restored else 1)
