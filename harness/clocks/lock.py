"""Locking the clocks for one run, on request only, and always putting them back."""

import contextlib
import os
from typing import Callable, Iterator, List, NamedTuple, Optional

from harness.clocks.changes import (
    Change,
    ChangeError,
    JetsonClocksChange,
    NvmlChange,
    SysfsChange,
    Write,
    apply,
    plan_jetson_clocks,
    plan_nvml,
    plan_sysfs,
)
from harness.clocks.machine_wide import MachineLock
from harness.clocks.reading import cpu_section, gpu_section
from harness.clocks.state import (
    default_state_path,
    exclusive,
    is_running,
    pending,
    remove_state,
    restore_from_state,
    restore_held,
    undo_all,
    write_state,
)
from harness.signals import ending_signals_raise, undisturbed
from harness.system.nvml import Gpu, MakeGpu, NvmlError
from harness.system.programs import write_as_root
from harness.system.sensors import gpu_devfreq
from harness.system.tree import Tree


class LockResult(NamedTuple):
    """``locked``: at least one clock was locked. ``messages``: each what and why not, one sentence each."""

    locked: bool
    messages: List[str]


class Lock:
    """Locks the clocks of one machine: :meth:`lock`, then :meth:`restore`.

    ``device`` is ``cpu`` or ``cuda``; the latter locks a desktop GPU through NVML too. A Jetson is locked
    whole, by jetson_clocks or else through sysfs. ``write`` and ``make_gpu`` stand in for the kernel
    and NVML in tests.
    """

    def __init__(self, device: str = "cpu", root: str = "/", state_path: Optional[str] = None,
                 write: Write = write_as_root, make_gpu: MakeGpu = Gpu) -> None:
        self.state_path = state_path or default_state_path()
        self._device = device
        self._tree = Tree(root)
        self._write = write
        self._make_gpu = make_gpu
        self._machine = MachineLock(self.state_path, root)
        self._ours = False

    def lock(self) -> LockResult:
        """Lock what can be locked. Without the rights it says so and leaves everything as it was."""
        messages: List[str] = []
        try:
            with exclusive(self.state_path):
                locked = self._lock(messages)
        except OSError as error:
            messages.append(self._no_state(error))
            locked = False
        if not self._ours:
            self._machine.release()
        return LockResult(locked, messages)

    def _no_state(self, error: OSError) -> str:
        return ("the clocks are left as they are, since what to put back cannot be kept in {} ({}): name a folder "
                "that can be written with XDG_STATE_HOME".format(
                    os.path.dirname(self.state_path), error.strerror or error))

    def _lock(self, messages: List[str]) -> bool:
        """Lock while no other run can look or change; return whether any clock is locked."""
        trouble = self._clear_leftovers(messages)
        if trouble:
            messages.append(trouble)
            return False
        if not self._alone(messages):
            return False
        locked = False
        for changes in self._plans(messages):
            taken = self._take(changes, messages)
            locked = locked or taken
            if taken and isinstance(changes[0], JetsonClocksChange):
                break  # it has done all there is
        if locked:
            messages += self._still_moving()
        elif not messages:
            messages.append("nothing to lock: this machine shows no clock that can be set")
        return locked

    def _alone(self, messages: List[str]) -> bool:
        """Keep the runs of other users off; return whether none of them has changed the clocks."""
        said: List[str] = []
        alone = self._machine.take(said)
        messages += said if alone else ["the clocks are left as they are: {}".format(said[0])]
        return alone

    def _still_moving(self) -> List[str]:
        """Say which limits the kernel did not take; a thermal limit or a firmware may overrule them."""
        sections = {"CPU": cpu_section(self._tree), "GPU": gpu_section(self._tree, self._make_gpu)}
        return ["the {} clock may still move between {:.0f} and {:.0f} MHz: the kernel did not take the lock".format(
            name, section[name.lower() + "_min_hz"] / 1e6, section[name.lower() + "_max_hz"] / 1e6)
            for name, section in sections.items() if section[name.lower() + "_locked"] is False]

    def restore(self) -> List[str]:
        """Put back what :meth:`lock` changed; return what went wrong (empty: all is as it was)."""
        if not self._ours:
            return []
        result = restore_from_state(self.state_path, self._tree.root, write=self._write, make_gpu=self._make_gpu)
        self._ours = not result.restored
        self._machine.release()
        return [] if result.restored else result.messages + [
            "the clocks are still locked: run './run_bench.sh clocks restore' with the rights to do so"]

    def _clear_leftovers(self, messages: List[str]) -> Optional[str]:
        """Restore after a run that was killed; locking on top of it would take its clocks for the machine's own."""
        try:
            state = pending(self.state_path)
        except ChangeError as error:
            return str(error)
        if state is None:
            return None
        if is_running(state):
            return "the clocks are left as they are: another run (process {}) has locked them".format(state.pid)
        result = restore_held(self.state_path, self._tree.root, write=self._write, make_gpu=self._make_gpu)
        messages.append("an earlier run had left the clocks locked: {}".format("; ".join(result.messages)))
        return None if result.restored else "the clocks are left as they are"

    def _plans(self, messages: List[str]) -> Iterator[List[Change]]:
        """Yield the lists of steps to try, best first."""
        if gpu_devfreq(self._tree) is not None:
            store = os.path.join(os.path.dirname(os.path.abspath(self.state_path)), "jetson_clocks.{}.conf".format(
                os.getpid()))
            yield plan_jetson_clocks(self._tree, store)
        elif self._device == "cuda":
            try:
                yield plan_nvml(self._make_gpu)
            except NvmlError as error:
                messages.append(str(error))
        yield plan_sysfs(self._tree)

    def _take(self, changes: List[Change], messages: List[str]) -> bool:
        """Write the state, then take the steps; if one fails, undo this list and say why."""
        if not changes:
            return False
        had = pending(self.state_path) if self._ours else None
        before = [] if had is None else list(had.changes)
        try:
            write_state(self.state_path, before + changes, self._tree.root, first=not before)
        except FileExistsError:
            messages.append("the clocks are left as they are: another run has just locked them")
            return False
        except OSError as error:
            messages.append(self._no_state(error))
            return False
        self._ours = True
        taken = 0
        try:
            for change in changes:
                apply(change, self._tree, self._write, self._make_gpu)
                taken += 1
        except (ChangeError, NvmlError) as error:
            messages.append("not locked: {}".format(error))
            # A refused write or call changed nothing; the tool may have got half-way.
            begun = changes[:taken + 1] if isinstance(changes[taken], JetsonClocksChange) else changes[:taken]
            stuck = undo_all(begun, self._tree, self._write, self._make_gpu)
            messages += stuck
            if stuck or before:
                write_state(self.state_path, before + (begun if stuck else []), self._tree.root, first=False)
            else:
                remove_state(self.state_path)
                self._ours = False
            return False
        messages.append(describe(changes))
        return True


def describe(changes: List[Change]) -> str:
    """Say in one sentence what the steps lock."""
    first = changes[0]
    if isinstance(first, JetsonClocksChange):
        return "CPU, GPU and memory clocks locked by jetson_clocks"
    if isinstance(first, NvmlChange):
        return "GPU clock locked at {} MHz".format(first.mhz)
    parts = ["GPU" if "devfreq" in change.name else "CPU" for change in changes if isinstance(change, SysfsChange)]
    return "{} clocks locked at their upper limit".format(" and ".join(sorted(set(parts))))


@contextlib.contextmanager
def locked_clocks(enabled: bool, device: str = "cpu", root: str = "/", state_path: Optional[str] = None,
                  tell: Callable[[str], None] = print, write: Write = write_as_root,
                  make_gpu: MakeGpu = Gpu) -> Iterator[LockResult]:
    """Lock the clocks for the ``with`` block if ``enabled``; put them back however it ends.

    Ends through an error, Ctrl-C, SIGTERM and SIGHUP are covered here, a kill or power cut by
    :func:`harness.clocks.restore_from_state`. ``tell`` gets one sentence at a time.
    """
    if not enabled:
        yield LockResult(False, ["clock locking was not asked for"])
        return
    lock = Lock(device, root, state_path, write, make_gpu)
    with ending_signals_raise():
        try:
            result = lock.lock()
            for message in result.messages:
                tell(message)
            yield result
        finally:
            with undisturbed():  # a second Ctrl-C must not stop the restoring
                troubles = lock.restore()
            for message in troubles:
                tell(message)
