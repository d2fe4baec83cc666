"""What locking changes, step by step, and how each step is undone. Each step is plain data for the state file.

Undoing a step that was never taken does no harm, so a list written before the first step is enough to
put everything back, wherever the run was cut off.
"""

import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Union, get_type_hints

from harness.clocks.nvpmodel import find_nvpmodel, set_mode
from harness.system.nvml import Gpu, MakeGpu
from harness.system.programs import find_program, run_program, write_as_root
from harness.system.sensors import cpu_policies, gpu_devfreq
from harness.system.tree import Tree, why


class SysfsChange(NamedTuple):
    """A setting below ``/sys``: the file ``name``, what it said and what it is to say."""

    name: str
    old: str
    new: str


class JetsonClocksChange(NamedTuple):
    """NVIDIA's own ``program``, which keeps in the file ``store`` how the clocks were."""

    program: str
    store: str


class NvmlChange(NamedTuple):
    """The clock of the GPU ``uuid``, locked at ``mhz`` (MHz)."""

    uuid: str
    mhz: int


class PowerModeChange(NamedTuple):
    """The power mode: its first number ``old`` with its ``name``, and the number to set, ``None`` for none yet."""

    program: str
    old: int
    name: str
    new: Optional[int] = None


class UnreadableChange(NamedTuple):
    """A step of a state file that no version wrote."""

    data: Any


Change = Union[SysfsChange, JetsonClocksChange, NvmlChange, PowerModeChange, UnreadableChange]

#: The name of each in the state file.
KINDS: Dict[str, Any] = {"sysfs": SysfsChange, "jetson_clocks": JetsonClocksChange, "nvml": NvmlChange,
                         "nvpmodel": PowerModeChange}

Write = Callable[[Tree, str, str], None]

_ALLOWED = re.compile(r"/sys/(devices/system/cpu/(cpu[0-9]+/cpufreq|cpufreq/policy[0-9]+)/scaling_(governor|min_freq)"
                      r"|(class/devfreq|devices/[0-9a-z.]+/devfreq)/[0-9a-z.@_-]+/min_freq)$")


class ChangeError(Exception):
    """A step that could not be taken or undone; one sentence with the remedy."""


def change_to_json(change: Change) -> Any:
    """Return ``change`` as JSON-ready data, with its kind."""
    if isinstance(change, UnreadableChange):
        return change.data
    kind = next(name for name, one in KINDS.items() if isinstance(change, one))
    return dict({name: value for name, value in change._asdict().items() if value is not None}, kind=kind)


def change_from_json(data: Any) -> Change:
    """Read back what :func:`change_to_json` wrote; anything else is an :class:`UnreadableChange`."""
    try:
        kind = KINDS[data["kind"]]
        fields = {name: value for name, value in data.items() if name != "kind"}
        change: Change = kind(**fields)
    except (KeyError, TypeError, AttributeError):
        return UnreadableChange(data)
    hints = get_type_hints(kind)
    right = all(isinstance(value, getattr(hints[name], "__args__", None) or hints[name])
                for name, value in fields.items())
    return change if right else UnreadableChange(data)


def plan_jetson_clocks(tree: Tree, store: str) -> List[Change]:
    """Return the one step of NVIDIA's own tool, which also locks the memory clock; empty without it.

    ``store`` is a file that does not exist yet: the tool asks before it overwrites one.
    """
    program = find_program("jetson_clocks", tree)
    return [] if program is None else [JetsonClocksChange(program, store)]


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
    return [SysfsChange(name, old, new)]


def plan_nvml(make_gpu: MakeGpu = Gpu) -> List[Change]:
    """Return the step that locks a desktop GPU's clock. Raises ``NvmlError`` without one."""
    with make_gpu() as gpu:
        return [NvmlChange(gpu.uuid(), gpu.sustained_mhz())]


def apply(change: Change, tree: Tree, write: Write = write_as_root, make_gpu: MakeGpu = Gpu) -> None:
    """Take one step. Raises :class:`ChangeError` or ``NvmlError``."""
    if isinstance(change, SysfsChange):
        _write(tree, change.name, change.new, write)
    elif isinstance(change, JetsonClocksChange):
        _tool(change.program, ["--store", change.store])
        _tool(change.program, [])
    elif isinstance(change, NvmlChange):
        with make_gpu(change.uuid) as gpu:
            gpu.lock_clock(change.mhz)
    elif isinstance(change, PowerModeChange) and change.new is not None:
        _set_power_mode(change.program, change.new)


def undo(change: Change, tree: Tree, write: Write = write_as_root, make_gpu: MakeGpu = Gpu) -> None:
    """Put back what one step changes. Raises :class:`ChangeError` or ``NvmlError``."""
    if isinstance(change, SysfsChange):
        if not _ALLOWED.match(change.name):
            raise ChangeError("{} is not a clock setting: the state file was tampered with, delete it".format(
                change.name))
        if tree.text(change.name) != change.old:
            _write(tree, change.name, change.old, write)
    elif isinstance(change, JetsonClocksChange):
        if os.path.exists(change.store):  # without it the tool had not been asked to change anything
            program = find_program("jetson_clocks", tree)
            if program is None:
                raise ChangeError("jetson_clocks is gone: restart the board to get its own clocks back")
            _tool(program, ["--restore", change.store])
            _remove(change.store)
    elif isinstance(change, NvmlChange):
        with make_gpu(change.uuid) as gpu:
            gpu.unlock_clock()
    elif isinstance(change, PowerModeChange):
        program = find_nvpmodel(tree)
        if program is None:
            raise ChangeError("nvpmodel is gone: set power mode {} by hand".format(change.old))
        _set_power_mode(program, change.old)
    else:
        raise ChangeError("a step of the state file cannot be read ({}): restart the machine to get its own clocks "
                          "back, then delete the file".format(change.data))


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


def _tool(program: str, options: List[str]) -> None:
    done = run_program([program] + options, as_root=True)
    if done.status != 0:
        last = (done.text.strip().splitlines() or ["no output"])[-1]
        raise ChangeError("jetson_clocks {} failed ({}): run as root, or let this user use sudo without a "
                          "password".format(" ".join(options[:1]), last).replace("  ", " "))


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        run_program(["rm", "-f", path], as_root=True)
