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
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from harness.reasons import Code, Reason, because
from harness.system.guard import MemoryGuard

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

Progress = Callable[[Dict[str, Any]], None]


class Outcome(NamedTuple):
    """How a worker ended: ``payload`` if all went well, else ``reason``."""

    payload: Optional[Dict[str, Any]]
    reason: Optional[Reason]
    seconds: float

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


def run_worker(job: Dict[str, Any], limit_s: float, progress: Progress = lambda message: None,
               extra_environment: Optional[Dict[str, str]] = None, module: str = "harness.worker",
               most_bytes: Optional[int] = None, folder: Optional[str] = None) -> Outcome:
    """Run ``job`` in a fresh process and return how it ended, after ``limit_s`` seconds at the latest.

    ``folder`` holds the code that it runs, this project's own by default.
    One whose resident memory is above ``most_bytes`` is ended for it, which the outcome's reason says.
    """
    started = time.monotonic()
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(writer), str(os.getpid())], stdin=subprocess.PIPE, stdout=log,
            stderr=log, pass_fds=[writer], start_new_session=True, cwd=folder,
            env=worker_environment(extra_environment or {}, folder))
        os.close(writer)
        guard = None if most_bytes is None else MemoryGuard(process.pid, most_bytes)
        try:
            with contextlib.ExitStack() as stack:
                if guard is not None:
                    stack.enter_context(guard)
                _send_job(process, job)
                final, timed_out = _follow(reader, started + limit_s, progress)
                if not timed_out:
                    timed_out = not _wait(process, started + limit_s)
        finally:
            os.close(reader)
            _end(process)
        seconds = time.monotonic() - started
        if final.get("event") == "result" and not timed_out:
            return Outcome(final["payload"], None, seconds)
        if guard is not None and guard.tripped:
            return Outcome(None, because(Code.NO_MEMORY, limit_bytes=int(most_bytes or 0)), seconds)
        if final.get("event") == "error":
            return Outcome(None, because(Code.RAISED, str(final["reason"])), seconds)
        if timed_out:
            return Outcome(None, because(Code.HUNG, limit_s=limit_s), seconds)
        return Outcome(None, describe_exit(process.returncode, last_words(log)), seconds)


def _send_job(process: Any, job: Dict[str, Any]) -> None:
    try:
        process.stdin.write(json.dumps(job).encode("ascii"))
        process.stdin.close()
    except BrokenPipeError:
        process.stdin = None  # it died at once; its exit status tells why


def _follow(reader: int, deadline: float, progress: Progress) -> Any:
    """Read messages until the pipe closes; return the last weighty one and whether time ran out."""
    final: Dict[str, Any] = {}
    waiting = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return final, True
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            return final, False
        lines = (waiting + chunk).split(b"\n")
        waiting = lines.pop()
        for line in lines:
            message = json.loads(line.decode("ascii"))
            if message["event"] == "progress":
                progress(message)
            else:
                final = message


def _wait(process: Any, deadline: float) -> bool:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
        return True
    except subprocess.TimeoutExpired:
        return False


def _end(process: Any) -> None:
    """Leave no process of the worker's session behind, on any way out."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all gone already, or what is left of it is another user's
    process.wait()


def last_words(log: Any, lines: int = 3, width: int = 300) -> str:
    """Return the end of a worker's output, on one line."""
    size = log.seek(0, io.SEEK_END)
    log.seek(max(0, size - 4096))
    text = log.read().decode("utf-8", "replace")
    kept: List[str] = [line.strip() for line in text.splitlines() if line.strip()][-lines:]
    return " / ".join(kept)[-width:]


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
