"""Worker processes: start one, follow its messages, say in words how it ended.

A worker gets its job as JSON on standard input and answers with JSON lines on a pipe of its own, so
that nothing a library prints can be taken for a result. Whatever happens to it, the caller gets an
:class:`Outcome`, never an exception.
"""

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from harness.gate import Gate
from harness.messages import Error, ForeignError, Messages, Progress, Result
from harness.reasons import Code, Reason, because
from harness.signals import deferred
from harness.system.guard import MemoryGuard
from harness.system.strays import VARIABLE, end_strays, new_mark
from harness.system.suspend import asleep_s
from harness.text import printable
from harness.witness import Witness

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Between two looks whether a silent worker still lives: a child of its may hold its pipe open.
LOOK_S = 0.5

#: So long may a worker take to end once it has said all it has to say, and once it was killed.
EXIT_S = 5.0

Report = Callable[[Progress], None]


class Outcome(NamedTuple):
    """How a worker ended: ``payload`` if all went well, else ``reason``.

    ``busy_with`` is the number of the job's case that it was at work on last, where its pass notes that. ``left``
    names processes that it left behind, which were ended. ``suspended_s`` tells how long the machine slept.
    """

    payload: Optional[Dict[str, Any]]
    reason: Optional[Reason]
    seconds: float
    busy_with: Optional[int] = None
    left: Tuple[str, ...] = ()
    suspended_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a payload."""
        return self.payload is not None


def worker_environment(extra: Dict[str, str], folder: Optional[str] = None) -> Dict[str, str]:
    """Return this process's environment with ``extra`` and what every worker needs.

    ``folder`` holds the code to run, this project's own by default.
    """
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [folder or PROJECT, os.environ.get("PYTHONPATH")]))
    if os.uname().machine == "aarch64":
        # numpy 1.19's OpenBLAS picks a kernel that the Tegra cores cannot run ("Illegal instruction").
        environment.setdefault("OPENBLAS_CORETYPE", "ARMV8")
    environment.update(extra)
    return environment


def run_worker(job: Dict[str, Any], limit_s: float, progress: Report = lambda message: None,
               extra_environment: Optional[Dict[str, str]] = None, module: str = "harness.worker",
               most_bytes: Optional[int] = None, folder: Optional[str] = None,
               worker: Optional["Worker"] = None) -> Outcome:
    """Run ``job`` in a fresh process and return how it ended, little more than ``limit_s`` seconds later at most.

    A result that was sent counts, whatever the worker does afterwards. One whose resident memory is above
    ``most_bytes`` is ended for it, which the outcome's reason says. ``folder`` holds the code that it runs, this
    project's own by default. ``worker`` is one that was started with this job and waits at its gate for its turn.
    """
    started, asleep = time.monotonic(), asleep_s()
    with contextlib.ExitStack() as stack:
        try:
            worker = worker or Worker(job, module, extra_environment or {}, stack, folder)
        except OSError as error:
            return Outcome(None, because(Code.NOT_STARTED, str(error)), time.monotonic() - started)
        if worker.gate is not None:
            worker.gate.open()
        guard = None if most_bytes is None else MemoryGuard(worker.process.pid, most_bytes)
        left: Tuple[str, ...] = ()
        try:
            with contextlib.ExitStack() as watched:
                if guard is not None:
                    watched.enter_context(guard)
                said = worker.follow(started + limit_s, progress)
                if not isinstance(said, Reason):
                    worker.has_ended_within(EXIT_S)
        finally:
            ended, left = worker.end()
        if isinstance(said, Result):
            return Outcome(said.payload, None, time.monotonic() - started, worker.witness.read(), left,
                           asleep_s() - asleep)
        if guard is not None and guard.tripped:
            reason = because(Code.NO_MEMORY, limit_bytes=int(most_bytes or 0))
        elif isinstance(said, Error):
            reason = because(Code.RAISED, said.reason)
        elif isinstance(said, Reason):
            reason = said if said.code is not Code.HUNG else because(Code.HUNG, limit_s=limit_s)
        elif worker.ran_on:
            reason = because(Code.FOREIGN, "it closed its pipe and ran on")
        elif not ended:
            reason = because(Code.HUNG, limit_s=limit_s)
        else:
            reason = describe_exit(worker.process.returncode, last_words(worker.log))
        return Outcome(None, reason, time.monotonic() - started, worker.witness.read(), left, asleep_s() - asleep)


class Worker:
    """A started worker with its files, which ``stack`` closes. Raises ``OSError`` where it cannot be started.

    One with a ``gate`` waits there, if its pass has one.
    """

    def __init__(self, job: Dict[str, Any], module: str, extra: Dict[str, str], stack: contextlib.ExitStack,
                 folder: Optional[str] = None, gate: Optional[Gate] = None) -> None:
        self.log = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        self.witness = stack.enter_context(contextlib.closing(Witness()))
        self.mark, self.gate = new_mark(), gate
        self.ran_on = False
        # A file and no pipe: a worker that never reads would hold up who writes to it. Without a buffer: what a full
        # disk did not take would be written once more, and fail once more, where the file is closed.
        given = stack.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        inherited = {"witness": self.witness.fileno()}
        if gate is not None:
            inherited["gate"] = gate.fileno()
        left = json.dumps(dict(job, **inherited)).encode("ascii")
        while left:
            left = left[given.write(left):]
        given.seek(0)
        self._reader, writer = os.pipe()
        stack.callback(os.close, self._reader)
        try:
            self.process: Any = subprocess.Popen(
                [sys.executable, "-m", module, str(writer), str(os.getpid())], stdin=given, stdout=self.log,
                stderr=self.log, pass_fds=[writer] + list(inherited.values()), start_new_session=True,
                cwd=folder, env=worker_environment(dict(extra, **{VARIABLE: self.mark}), folder))
        finally:
            os.close(writer)
            if gate is not None:
                gate.given()

    def end(self) -> Tuple[bool, Tuple[str, ...]]:
        """End it with all that it started; tell whether it is gone, and in words what had left its group."""
        with deferred():  # a second Ctrl-C must not leave half of it behind
            return end_group(self.process), end_strays(self.mark, self.process.pid)

    def follow(self, deadline: float, progress: Report) -> Union[Result, Error, Reason, None]:
        """Return its last word, a reason where it said something foreign or nothing for too long, else ``None``."""
        messages, poll, gone = Messages(), select.poll(), False
        poll.register(self._reader, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return Reason(Code.HUNG)
            if not poll.poll(0 if gone else 1000.0 * min(left, LOOK_S)):
                if gone:
                    return None  # everything that it sent was read; whoever holds the pipe is not asked
                gone = self._has_ended()
                continue
            chunk = os.read(self._reader, 1 << 16)
            if not chunk:
                self.ran_on = not self.has_ended_within(EXIT_S)
                return None
            try:
                for message in messages.feed(chunk):
                    if not isinstance(message, Progress):
                        return message
                    progress(message)
            except ForeignError as error:
                return because(Code.FOREIGN, str(error))

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for its end; it is not reaped, so that nobody else can get its number meanwhile."""
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not self._has_ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(0.01, 2 * pause)
        return True

    def _has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # under an ignored SIGCHLD nobody waits for the dead
            return True


def end_group(process: Any, wait_s: float = EXIT_S) -> bool:
    """Leave no process of the worker's session behind, on any way out; tell whether the worker itself is gone.

    A process that waits in the kernel for a broken disk or driver cannot be killed: it is not waited for.
    """
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all gone already, or what is left of it is another user's
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def last_words(log: Any, lines: int = 3, width: int = 300) -> str:
    """Return the end of a worker's output, on one line."""
    size = log.seek(0, io.SEEK_END)
    log.seek(max(0, size - 4096))
    text = log.read().decode("utf-8", "replace")
    kept: List[str] = [line.strip() for line in text.splitlines() if line.strip()][-lines:]
    return printable(" / ".join(kept)[-width:])


def describe_exit(code: int, words: str) -> Reason:
    """Return what exit status ``code`` of a worker means, with its last ``words``."""
    said = words or None
    if code == -signal.SIGKILL:
        return because(Code.KILLED, said)
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "signal {}".format(-code)
        return because(Code.CRASHED, said, signal=name)
    return because(Code.EXITED, said, status=code)
