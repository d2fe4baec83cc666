"""``python -m harness.installation``: look at what is there, make what is missing, swap it in."""

import argparse
import os
import subprocess
import sys
from typing import List, Optional

from harness.caller import caller_folder
from harness.environment.board import board_section
from harness.installation import checks, swap
from harness.installation.base import Base, find_base
from harness.installation.build import Plan, build, missing_torch
from harness.installation.errors import SetUpError
from harness.installation.jetson import l4t_release
from harness.installation.pip import Sources
from harness.installation.wanted import EXTRAS, RUNTIMES, Wanted, lane_of, packages_digest, read, torch_pin

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Return the options; paths are the caller's."""
    parser = argparse.ArgumentParser(prog="run_bench.sh setup", description="Make or renew the environment in .venv. "
                                     "The one that works stays until the new one does.")
    parser.add_argument("--offline", action="store_true", help="use no network")
    parser.add_argument("--find-links", action="append", default=[], metavar="DIR", help="folder with wheels to "
                        "install from; made elsewhere with 'pip download -r requirements/pythonX.Y.txt -d DIR'")
    parser.add_argument("--torch-index", metavar="URL", help="index with torch's build for this machine's CUDA")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="optional part to install too")
    parser.add_argument("--runtimes", dest="extra", action="append_const", const=RUNTIMES, help="install other "
                        "engines than torch too: ONNX Runtime, LiteRT, ncnn, OpenVINO, as far as there are wheels")
    parser.add_argument("--without-torch", action="store_true", help="enough for reports and lists")
    parser.add_argument("--python", default=sys.executable, help=argparse.SUPPRESS)
    parser.add_argument("--project", default=PROJECT, help=argparse.SUPPRESS)
    parser.add_argument("--root", default="/", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    caller = caller_folder()
    options.find_links = [link if "://" in link else os.path.join(caller, link) for link in options.find_links]
    return options


def make_plan(options: argparse.Namespace, had: Optional[Wanted]) -> Plan:
    """Decide what the environment is to hold."""
    jetson = bool(board_section(options.root)["jetson"])
    base = find_base(options.python, bool(os.environ.get("PYTHON")), jetson)
    lane = lane_of(base.version)
    if options.without_torch:
        torch = had.torch if had is not None and had.python == base.text else None
    elif jetson:
        torch = "system" if base.cuda is not None else None
    else:
        torch = torch_pin(read(os.path.join(options.project, "constraints.txt")), base.version)
    extras = sorted(set(EXTRAS) | set(options.extra) | set(had.extras if had is not None else ()))
    wanted = Wanted(base.text, packages_digest(options.project, lane, extras), torch, tuple(extras), options.project)
    return Plan(wanted, base, Sources(options.offline, tuple(options.find_links)), options.torch_index, jetson,
                l4t_release(options.root))


def check(options: argparse.Namespace, plan: Plan) -> None:
    """Raise :class:`SetUpError` for what can be told before anything is made."""
    checks.check_venv(plan.base)
    checks.check_folder(options.project)
    for link in plan.sources.links:
        if "://" not in link and not os.path.isdir(link):
            raise SetUpError("--find-links {}: there is no such folder".format(link))
    installs_torch = plan.wanted.torch not in (None, "system")
    if installs_torch and plan.torch_index is None and not plan.sources.links:
        checks.check_driver(str(plan.wanted.torch))


def say(text: str) -> None:
    """Tell the user, beside what the program prints."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def compared(project: str, base: Base) -> str:
    """Return what run_bench.sh compares at every start (its function ``wanted``)."""
    count = subprocess.check_output("cat pyproject.toml constraints.txt requirements/*.txt | cksum", shell=True,
                                    cwd=project).decode("ascii").strip()
    return "{}\n{}".format(count, base.file)


def set_up(options: argparse.Namespace) -> None:
    """Make the environment where there is none that holds what is wanted. Raises :class:`SetUpError`."""
    project = options.project
    checks.check_folder(project)
    with swap.exclusive(project, lambda: say("Another set-up is under way: waiting for it")):
        old = swap.current(project)
        had = swap.read_stamp(old)
        plan = make_plan(options, had)
        if old is None or had != plan.wanted or plan.torch_index is not None:
            log = os.path.join(swap.folder_of(project), "setup.log")
            open(log, "w").close()
            try:
                check(options, plan)
                folder = build(project, plan, old, had, log, say)
            except SetUpError as error:
                raise SetUpError("{}{}".format(error, ". The environment in .venv stays as it was" if old else
                                               "")) from error
            swap.write_stamp(folder, plan.wanted, compared(project, plan.base), plan.wanted.torch is not None)
            swap.swap(project, folder)
            swap.clean(project)
            say("Ready.")
        else:
            swap.write_stamp(old, plan.wanted, compared(project, plan.base), plan.wanted.torch is not None)
        if plan.jetson and plan.wanted.torch is None and not options.without_torch:
            raise SetUpError(missing_torch(plan))


def main(argv: Optional[List[str]] = None) -> int:
    """Set up; return the exit status."""
    options = parse(argv)
    try:
        set_up(options)
    except SetUpError as error:
        say("run_bench.sh: {}".format(error))
        return 1
    except OSError as error:
        say("run_bench.sh: setting up failed ({}); the environment that worked is as it was: make room or fix it, "
            "then start again".format(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
