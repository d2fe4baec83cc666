"""What locking changes, step by step, and how each step is undone. Each step is plain JSON data.

Undoing a step that was never taken does no harm, so a list written before the first step is enough to
put everything back, wherever the run was cut off.
"""

import os
import re
from typing import Any, Callable, Dict, List, Optional

from harness.clocks.nvpmodel import find_nvpmodel, set_mode
from harness.system.nvml import Gpu, MakeGpu
from harness.system.programs import find_program, run_program, write_as_root
from harness.system.sensors import cpu_policies, gpu_devfreq
from harness.system.tree import Tree, why

Change = Dict[str, Any]
Write = Callable[[Tree, str, str], None]

_ALLOWED = re.compile(r"/sys/(devices/system/cpu/(cpu[0-9]+/cpufreq|cpufreq/policy[0-9]+)/scaling_(governor|min_freq)"
                      r"|(class/devfreq|devices/[0-9a-z.]+/devfreq)/[0-9a-z.@_-]+/min_freq)$")


class ChangeError(Exception):
    """A step that could not be taken or undone; one sentence with the remedy."""


def plan_jetson_clocks(tree: Tree, store: str) -> List[Change]:
    """Return the one step of NVIDIA's own tool, which also locks the memory clock; empty without it.

    ``store`` is a file that does not exist yet: the tool asks before it overwrites one.
    """
    program = find_program("jetson_clocks", tree)
    return [] if program is None else [{"kind": "jetson_clocks", "program": program, "store": store}]


def plan_sysfs(tree: Tree) -> List[Change]:
    """Return the steps that raise every lower limit to its upper one, for CPUs and a Jetson's GPU.

    The upper limit is left as the power mode set it. On a PC the governor becomes ``performance`` first.
    """
    gpu = gpu_devfreq(tree)
    changes: List[Change] = []
    for folder in cpu_policies(tree):
        governors = (tree.text(folder + "/scaling_available_governors") or "").split()
        if gpu is None and "performance" in governors:
            changes += _raise(tree, folder + "/scaling_governor", "performance")
        changes += _raise(tree, folder + "/scaling_min_freq", tree.text(folder + "/scaling_max_freq"))
    if gpu is not None:
        changes += _raise(tree, gpu + "/min_freq", tree.text(gpu + "/max_freq"))
    return changes


def _raise(tree: Tree, name: str, new: Optional[str]) -> List[Change]:
    old = tree.text(name)
    if old is None or new is None or old == new:
        return []
    return [{"kind": "sysfs", "name": name, "old": old, "new": new}]


def plan_nvml(make_gpu: MakeGpu = Gpu) -> List[Change]:
    """Return the step that locks a desktop GPU's clock. Raises ``NvmlError`` without one."""
    with make_gpu() as gpu:
        return [{"kind": "nvml", "uuid": gpu.uuid(), "mhz": gpu.sustained_mhz()}]


def apply(change: Change, tree: Tree, write: Write = write_as_root, make_gpu: MakeGpu = Gpu) -> None:
    """Take one step. Raises :class:`ChangeError` or ``NvmlError``."""
    if change["kind"] == "sysfs":
        _write(tree, change["name"], change["new"], write)
    elif change["kind"] == "jetson_clocks":
        _tool(change, ["--store", change["store"]])
        _tool(change, [])
    elif change["kind"] == "nvml":
        with make_gpu(change["uuid"]) as gpu:
            gpu.lock_clock(change["mhz"])
    elif change["kind"] == "nvpmodel":
        _set_power_mode(change["program"], change["new"])


def undo(change: Change, tree: Tree, write: Write = write_as_root, make_gpu: MakeGpu = Gpu) -> None:
    """Put back what one step changes. Raises :class:`ChangeError` or ``NvmlError``."""
    if change["kind"] == "sysfs":
        if not _ALLOWED.match(change["name"]):
            raise ChangeError("{} is not a clock setting: the state file was tampered with, delete it".format(
                change["name"]))
        if tree.text(change["name"]) != change["old"]:
            _write(tree, change["name"], change["old"], write)
    elif change["kind"] == "jetson_clocks":
        if os.path.exists(change["store"]):  # without it the tool had not been asked to change anything
            program = find_program("jetson_clocks", tree)
            if program is None:
                raise ChangeError("jetson_clocks is gone: restart the board to get its own clocks back")
            _tool(dict(change, program=program), ["--restore", change["store"]])
            _remove(change["store"])
    elif change["kind"] == "nvml":
        with make_gpu(change["uuid"]) as gpu:
            gpu.unlock_clock()
    elif change["kind"] == "nvpmodel":
        program = find_nvpmodel(tree)
        if program is None:
            raise ChangeError("nvpmodel is gone: set power mode {} by hand".format(change["old"]))
        _set_power_mode(program, change["old"])


def _set_power_mode(program: str, number: int) -> None:
    taken = set_mode(program, number)
    if not taken.done:
        raise ChangeError(str(taken.trouble))


def _write(tree: Tree, name: str, text: str, write: Write) -> None:
    try:
        write(tree, name, text)
    except OSError as error:
        raise ChangeError("{}: run as root, or let this user use sudo without a password".format(
            why(name, error))) from error


def _tool(change: Change, options: List[str]) -> None:
    done = run_program([change["program"]] + options, as_root=True)
    if done.status != 0:
        last = (done.text.strip().splitlines() or ["no output"])[-1]
        raise ChangeError("jetson_clocks {} failed ({}): run as root, or let this user use sudo without a "
                          "password".format(" ".join(options[:1]), last).replace("  ", " "))


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        run_program(["rm", "-f", path], as_root=True)
