"""The worker process: one job from standard input, one result on the pipe that is its first argument."""

import atexit
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from typing import Any, Callable, Dict, List

from harness.collector import uncollected
from harness.system.children import die_with_parent
from harness.text import printable

#: One line per pass: its name and the function that runs it, imported only where it is needed.
PASSES = {
    "probe": "harness.passes.probe:run",
    "roof": "harness.passes.roof:run",
    "verify": "harness.passes.verify:run",
    "time": "harness.passes.time:run",
    "memory": "harness.passes.memory:run",
    "energy": "harness.passes.energy:run",
    "fit": "harness.passes.fit:run",
    "soak": "harness.passes.soak:run",
    "time-apart": "harness.passes.apart:time",
}


#: Some exceptions tell a tensor's every number.
LONGEST = 300


def resolve(name: str) -> Callable[..., Any]:
    """Import and return the function named ``package.module:function`` or ``folder/file.py:function``.

    Raises ``ValueError`` if the module has none of that name, and whatever importing it raises.
    """
    module, _, function = name.rpartition(":")
    try:
        if module.endswith(".py"):
            return runpy.run_path(module)[function]
        with uncollected():  # nearly all that modules make stays, and looking through it takes time
            loaded = importlib.import_module(module)
        return getattr(loaded, function)
    except (AttributeError, KeyError):
        raise ValueError("module {} has no function '{}'".format(module, function)) from None


def main(argv: List[str]) -> int:
    """Run the job and report it; the exit status is 0 only if a result was sent."""
    die_with_parent(signal.SIGKILL)
    if os.getppid() != int(argv[2]):
        return 1  # the controller died before it could be asked about
    channel = os.fdopen(int(argv[1]), "w", 1)

    def send(message: Dict[str, Any]) -> None:
        text = json.dumps(message, allow_nan=False)
        channel.write(text + "\n")
        channel.flush()

    def progress(done: int, total: int, what: str, left_s: Any = None) -> None:
        send({"event": "progress", "done": done, "total": total, "what": what, "left_s": left_s})

    job = json.load(sys.stdin)
    try:
        send({"event": "result", "payload": resolve(PASSES[job["pass"]])(job, progress)})
    except Exception as error:  # a worker's whole purpose is to turn any failure into a recorded reason
        traceback.print_exc()
        send({"event": "error", "reason": describe(error)})
        return 1
    return 0


def describe(error: BaseException) -> str:
    """Return ``error`` as one short line: its kind and the first line of its text."""
    lines = str(error).strip().splitlines() or [""]
    return printable("{}: {}".format(type(error).__name__, lines[0]).rstrip(": ")[:LONGEST])


def leave(status: int) -> None:
    """End this process after what was registered for its end; nothing else of Python and torch is taken apart.

    That would take longer than many a measurement and give back only what the kernel takes back anyway.
    """
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    leave(main(sys.argv))
