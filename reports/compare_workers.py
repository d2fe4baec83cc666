"""Runs read by several processes, the answers in the order of the runs.

Each process reads every so manieth run and hands its answers over a pipe, which holds it up until they are wanted:
however many runs there are, few answers wait. A process that ends early is an error and no wait.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from typing import Any, Callable, Iterator, List, Sequence, TypeVar

from harness.record import RecordError

#: A process must have so many runs to read to be worth its start.
LEAST_A_WORKER = 8

R = TypeVar("R")

#: A run is so many objects and leaves no cycles of them: in a process that only reads runs, that is often enough to
#: look for some.
OBJECTS = 100000


def each_run(work: Callable[[str], R], paths: Sequence[str], cores: int = 0) -> Iterator[R]:
    """Yield ``work`` of each of ``paths`` in order; many are read by every one of ``cores`` (0: all there are).

    Raises the ``RecordError`` or ``OSError`` of the first that cannot be read.
    """
    workers = min(cores or os.cpu_count() or 1, len(paths) // LEAST_A_WORKER)
    if workers < 2:
        for path in paths:
            yield work(path)
        return
    started: List[Any] = []
    answers: List[Connection] = []
    try:
        for number in range(workers):
            here, there = multiprocessing.Pipe(duplex=False)
            answers.append(here)
            started.append(multiprocessing.Process(target=_read, daemon=True, args=(
                work, paths[number::workers], there, answers)))
            started[-1].start()
            there.close()  # else the end of the process would not be the end of its pipe
        for number, path in enumerate(paths):
            try:
                found = answers[number % workers].recv()
            except EOFError:
                raise RecordError("the process that read {} ended before it was done: it was killed, or the memory "
                                  "did not suffice; name fewer runs".format(path)) from None
            if isinstance(found, Exception):
                raise found
            yield found
    finally:
        for process in started:
            process.terminate()
        for process, here in zip(started, answers):
            process.join()
            here.close()


def _read(work: Callable[[str], Any], paths: Sequence[str], answers: Connection,
          others: Sequence[Connection]) -> None:
    for other in others:  # else the end of who asked would not be the end of the pipe that this process writes to
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked: it ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.set_threshold(OBJECTS)
    with contextlib.suppress(BrokenPipeError):
        for path in paths:
            try:
                found: Any = work(path)
            except (RecordError, OSError) as error:
                found = error
            answers.send(found)
