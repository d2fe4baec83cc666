"""The power modes of a Jetson (nvpmodel): which there are, and running under several of them with the first put back.

The mode outlives restarts, so what it was is written to a state file before the first change, as for locked clocks.
"""

import contextlib
import os
from typing import Callable, Iterator, List, Optional, Sequence

from harness.clocks.changes import ChangeError, PowerModeChange, apply
from harness.clocks.machine_wide import MachineLock
from harness.clocks.nvpmodel import PowerMode, current_mode, find_nvpmodel, list_modes
from harness.clocks.state import (
    RestoreResult,
    default_state_path,
    exclusive,
    is_running,
    pending,
    restore_from_state,
    restore_held,
    write_state,
)
from harness.nearest import unknown
from harness.signals import ending_signals_raise, undisturbed
from harness.system.tree import Tree


class PowerModeError(Exception):
    """Power modes that cannot be run; one sentence with the remedy."""


def state_path() -> str:
    """Return where it is kept what the power mode was: beside the state of the clocks."""
    return os.path.join(os.path.dirname(default_state_path()), "power_mode.json")


def known_modes(root: str = "/") -> List[PowerMode]:
    """Return the machine's power modes. Raises :class:`PowerModeError` where there are none."""
    tree = Tree(root)
    program = find_nvpmodel(tree)
    if program is None:
        raise PowerModeError("--power-modes: nvpmodel is not on this machine, since only a Jetson has power modes: "
                             "leave the option out.")
    modes = list_modes(tree, program)
    if not modes:
        raise PowerModeError("--power-modes: nvpmodel does not list its modes and /etc/nvpmodel.conf names none: "
                             "set the mode with 'sudo nvpmodel -m' and make one run in each.")
    return modes


def choose_modes(wanted: str, known: Sequence[PowerMode]) -> List[PowerMode]:
    """Return the modes that ``wanted`` names or numbers, by comma. Raises :class:`PowerModeError`."""
    chosen: List[PowerMode] = []
    for text in filter(None, (part.strip() for part in wanted.split(","))):
        # 5W is what people say and MODE_10W_4CORE what some releases do
        mode = next((one for one in known if text.lower() in (one.name.lower(), str(one.number))), None)
        if mode is None:
            raise PowerModeError("--power-modes: {}".format(unknown(
                "power mode", text, [name for one in known for name in (one.name, str(one.number))])))
        if mode not in chosen:
            chosen.append(mode)
    if not chosen:
        raise PowerModeError("--power-modes names no mode: this machine has {}.".format(
            ", ".join("{} ({})".format(one.name, one.number) for one in known)))
    return chosen


def restore_all(force: bool = False, root: str = "/") -> RestoreResult:
    """Put back what any run has left behind: the clocks, which were locked within a power mode, then the mode."""
    clocks = restore_from_state(root=root, force=force)
    if not os.path.lexists(state_path()):
        return clocks
    if not clocks.restored:
        return RestoreResult(False, clocks.messages + ["the power mode is left until the clocks are back"])
    mode = restore_from_state(state_path(), root, force)
    return RestoreResult(mode.restored, clocks.messages + mode.messages)


class PowerModes:
    """Changes the mode of one machine for this process: :meth:`set` each, then :meth:`restore` the first."""

    def __init__(self, root: str = "/", path: Optional[str] = None) -> None:
        self._tree = Tree(root)
        self._path = path or state_path()
        self._machine = MachineLock(self._path, root)
        self._change: Optional[PowerModeChange] = None

    def hold(self) -> List[str]:
        """Write down what the mode is now, and keep others from changing it; return what an earlier run had left.

        Raises :class:`PowerModeError` where another run holds it, or it cannot be written or read.
        """
        messages: List[str] = []
        try:
            with exclusive(self._path):
                state = pending(self._path)
                if state is not None and is_running(state):
                    raise PowerModeError("--power-modes: another run (process {}) is at work on the power mode: wait "
                                         "for it, or end it first.".format(state.pid))
                if state is not None:
                    result = restore_held(self._path, self._tree.root)
                    messages = ["an earlier run had left its power mode: {}".format("; ".join(result.messages))]
                    if not result.restored:
                        raise PowerModeError(messages[0] + ".")
                if not self._machine.take(messages):
                    raise PowerModeError("--power-modes: the modes are left as they are: {}.".format(messages[-1]))
                program = find_nvpmodel(self._tree)
                mode = None if program is None else current_mode(program)
                if mode is None:
                    raise PowerModeError("nvpmodel -q does not say which power mode is set, so it could not be put "
                                         "back: run as root, or let this user use sudo without a password.")
                self._change = PowerModeChange(str(program), mode.number, mode.name)
                write_state(self._path, [self._change], self._tree.root)
        except (OSError, ChangeError) as error:
            self._change = None
            raise PowerModeError("the power mode is left as it is, since what to put back cannot be kept in {} "
                                 "({}).".format(self._path, getattr(error, "strerror", None) or error)) from error
        return messages

    def set(self, mode: PowerMode) -> None:
        """Change to ``mode``; raises :class:`PowerModeError` where the machine did not take it."""
        assert self._change is not None
        try:
            apply(self._change._replace(new=mode.number), self._tree)
        except ChangeError as error:
            raise PowerModeError("power mode {}: {}.".format(mode.name, error)) from error

    def restore(self) -> List[str]:
        """Put the first mode back; return what went wrong (empty: all is as it was)."""
        if self._change is None:
            self._machine.release()
            return []
        result = restore_from_state(self._path, self._tree.root)
        self._machine.release()
        if result.restored:
            self._change = None
            return []
        return result.messages + ["the power mode is not the first one: run './run_bench.sh clocks restore' with the "
                                  "rights to do so"]


@contextlib.contextmanager
def held_power_modes(tell: Callable[[str], None], root: str = "/",
                     path: Optional[str] = None) -> Iterator[PowerModes]:
    """Let the block change the power mode; the first one is put back however it ends.

    Ends through an error, Ctrl-C, SIGTERM and SIGHUP are covered here, a kill or power cut by ``clocks restore``.
    """
    modes = PowerModes(root, path)
    with ending_signals_raise():
        try:
            for message in modes.hold():
                tell(message)
            yield modes
        finally:
            with undisturbed():
                troubles = modes.restore()
            for message in troubles:
                tell(message)
