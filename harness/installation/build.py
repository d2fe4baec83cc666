"""Making an environment: from the one in use where that is enough, else anew; then what is pinned, in steps."""

import os
import shutil
import subprocess
import time
from typing import Callable, List, NamedTuple, Optional, Tuple

from harness.installation import checks, swap
from harness.installation.base import Base
from harness.installation.errors import SetUpError
from harness.installation.jetson import torch_advice
from harness.installation.pip import NEEDED, Pip, Sources
from harness.installation.wanted import (
    RUNTIMES,
    Wanted,
    figures_file,
    lane_of,
    lock_file,
    locked,
    name_of,
    read,
    runtimes_file,
    without,
)

Say = Callable[[str], None]

#: The oldest numpy the project takes; a system's own that is as new stays, since NVIDIA's torch is built for it.
NUMPY = (1, 19, 4)


class Plan(NamedTuple):
    """Everything an environment is made from; ``l4t`` is a Jetson's release, ``jetson`` whether it is one."""

    wanted: Wanted
    base: Base
    sources: Sources
    torch_index: Optional[str]
    jetson: bool
    l4t: Optional[str]


def build(project: str, plan: Plan, old: Optional[str], had: Optional[Wanted], log: str, say: Say) -> str:
    """Make the environment beside the one in use (``old``) and return its folder; raises :class:`SetUpError`."""
    name = "{}-{}-{}".format(lane_of(plan.base.version), time.strftime("%Y%m%d-%H%M%S"), os.getpid())
    folder = os.path.join(swap.folder_of(project), name)
    try:
        if not _take_over(old, had, plan, project, folder):
            torch = plan.wanted.torch not in (None, "system")
            checks.check_room(project, checks.WITH_TORCH_BYTES if torch else checks.WITHOUT_TORCH_BYTES)
            say("Setting up with Python {} (once; a few minutes)".format(plan.base.text.partition(" ")[0]))
            _make(plan, folder, log)
        _fill(project, plan, Pip(folder, log, plan.sources), say)
        return folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _take_over(old: Optional[str], had: Optional[Wanted], plan: Plan, project: str, folder: str) -> bool:
    """Start from what the environment in use holds, if it is of the same Python and of a kind; return whether."""
    if old is None or not _same_python(old, had, plan.base) or _sees_system(old) != plan.jetson:
        return False
    places = {project, had.project if had is not None else project}  # a project may have been moved since
    try:
        swap.clone(old, folder, [os.path.join(place, name) for place in sorted(places)
                                 for name in (swap.LINK, os.path.join(swap.FOLDER, os.path.basename(old)))])
        return True
    except OSError:  # no hard links here
        shutil.rmtree(folder, ignore_errors=True)
        return False


def _same_python(old: str, had: Optional[Wanted], base: Base) -> bool:
    if had is not None:
        return had.python == base.text
    return os.path.realpath(os.path.join(old, "bin", "python")) == base.file and os.path.isdir(
        os.path.join(old, "lib", "python{}.{}".format(*base.version[:2]), "site-packages", "pip"))


def _sees_system(folder: str) -> bool:
    try:
        lines = read(os.path.join(folder, "pyvenv.cfg")).splitlines()
    except OSError:
        return False
    return any(line.replace(" ", "") == "include-system-site-packages=true" for line in lines)


def _make(plan: Plan, folder: str, log: str) -> None:
    # NVIDIA's torch lives with a Jetson's system Python; only an environment that sees the system's packages has it.
    site = ["--system-site-packages"] if plan.jetson else []
    with open(log, "ab") as file:
        status = subprocess.call([plan.base.file, "-m", "venv"] + site + [folder], stdout=file, stderr=file)
    if status != 0:
        raise SetUpError("{} cannot make an environment (status {}): the reason is in {}".format(
            plan.base.name, status, log))


def _fill(project: str, plan: Plan, pip: Pip, say: Say) -> None:
    """Install pip, the pinned packages, torch, the project and the figures, in this order."""
    lane = lane_of(plan.base.version)
    blocks = locked(read(lock_file(project, lane)))
    pip_block = [block for block in blocks if name_of(block) == "pip"]
    if pip.version() < NEEDED and not pip.install(pip_block):
        raise SetUpError(_why_not("a newer pip", pip, plan.sources, pip_block))
    packages = without(blocks, ["pip"] + (["numpy"] if _keeps_numpy(plan) else []))
    say("Installing the pinned packages")
    if not pip.install(packages):
        raise SetUpError(_why_not("the packages of requirements/{}.txt".format(lane), pip, plan.sources, pip_block))
    if plan.wanted.torch not in (None, "system"):
        _install_torch(project, plan, pip, pip_block, say)
    constraints = os.path.join(project, "constraints.txt")
    # The engines have pins of their own, below: what they name beside would be hundreds of megabytes more.
    editable = "{}[{}]".format(project, ",".join(one for one in plan.wanted.extras if one != RUNTIMES))
    # What the pins leave open (a dependency added to pyproject.toml, an extra) comes with this; pip takes no torch
    # along, since nothing there asks for one.
    if not pip.run("install", ["--no-build-isolation", "-c", constraints, "-e", editable]):
        raise SetUpError(_why_not("the project", pip, plan.sources, pip_block))
    if not pip.install(locked(read(figures_file(project, lane)))):
        say("No matplotlib for this Python and machine: reports are made all the same, publication figures later on "
            "any other machine from the run's folder ('./run_bench.sh report RUN').")
    if RUNTIMES in plan.wanted.extras:
        _install_engines(locked(read(runtimes_file(project, lane))), pip, say)


def _install_engines(blocks: List[str], pip: Pip, say: Say) -> None:
    """Install the engines there are wheels of for this machine: one that is missing takes no other along."""
    say("Installing other engines than torch")
    if pip.install(blocks):
        return
    missing = [name_of(block) for block in blocks if not pip.install([block])]
    if missing:
        say("Not to be had for this Python and machine: {}. Cases that need them say so, './run_bench.sh doctor' "
            "names each with its reason.".format(", ".join(missing)))


def _keeps_numpy(plan: Plan) -> bool:
    version = tuple(int(part) for part in (plan.base.numpy or "0").split(".")[:3] if part.isdecimal())
    return plan.jetson and version >= NUMPY


def _install_torch(project: str, plan: Plan, pip: Pip, probe: List[str], say: Say) -> None:
    torch = str(plan.wanted.torch)
    if _torch_of(pip.python)[0] == torch.partition("==")[2] and plan.torch_index is None:
        return
    say("Installing {}".format(torch))
    index = ["--index-url", plan.torch_index] if plan.torch_index else []
    options = index + ["--only-binary", ":all:", "-c", os.path.join(project, "constraints.txt")]
    if not pip.run("install", options + [torch]):
        raise SetUpError(_why_not(torch, pip, plan.sources, probe))
    version, said = _torch_of(pip.python)
    if version is None:
        raise SetUpError("torch was installed but cannot be imported ({}): remove what breaks it, then start "
                      "again".format(said))


def _torch_of(python: str) -> Tuple[Optional[str], str]:
    """Return the version of the environment's torch without its build's name, and what was said in its place."""
    done = subprocess.run([python, "-c", "import torch; print(torch.__version__.split('+')[0])"], cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines() or [""]
    return (lines[-1], "") if done.returncode == 0 else (None, lines[-1])


def _why_not(what: str, pip: Pip, sources: Sources, probe: List[str]) -> str:
    """Return why ``what`` could not be installed: no source of packages answers, or this one package is not there."""
    said = pip.last_error()
    if sources.offline:
        return ("{} cannot be had offline{}: put the missing wheels into a folder and name it with --find-links DIR "
                "({})".format(what, " from " + " and ".join(sources.links) if sources.links else "", said))
    if probe and not pip.reaches(probe[0]):
        return ("{} cannot be had, since no package index answers: connect to the network (or set PIP_INDEX_URL or a "
                "proxy), or bring the wheels in a folder: ./run_bench.sh --offline --find-links DIR".format(what))
    return ("pip could not install {} for this Python and machine ({}): another Python may have it, PYTHON=/path/to/"
            "python3 ./run_bench.sh".format(what, said))


def missing_torch(plan: Plan) -> str:
    """Return what to do where a Jetson's system Python has no torch for its GPU."""
    return torch_advice(plan.l4t, plan.base.name, plan.base.version, plan.base.torch)
