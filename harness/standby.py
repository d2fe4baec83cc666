"""Workers that load side by side and are measured one by one.

A worker of the memory pass spends most of its life on starting: Python, torch, the layer's libraries. Several do
that at once, each on a core of its own, and wait at a gate. Nothing moves on the machine while one of them is
measured: the others have not been let in yet, or have ended.
"""

import contextlib
import os
import time
from typing import Any, Callable, ContextManager, Dict, Generator, Iterator, List, NamedTuple, Optional, Sequence

from harness.gate import Gate
from harness.process import Outcome, Worker
from harness.system.memory import free_bytes, ram_used_bytes, read_meminfo

#: At once, whatever the machine: beyond two the start is no longer most of a worker's life.
MOST = 2

#: This share of the machine's memory has to be available: the ones that wait hold theirs.
LEAST_AVAILABLE_SHARE = 0.5


#: Page tables of a process that has ended come back some 20 to 80 ms later (0.8 MB of 240 MB, Linux 6): the next one
#: begins when the system's used memory has not moved by more than so many bytes for so long, or at last anyway.
STILL_BYTES = 64 * 1024
STILL_S = 0.06
MOST_WAIT_S = 1.0
LOOK_S = 0.01


class Start(NamedTuple):
    """What a worker is started with: its job and what its environment has beside this process's own."""

    job: Dict[str, Any]
    environment: Dict[str, str]


StandBy = Callable[[Sequence[Start], float], ContextManager[Sequence[Optional[Worker]]]]
Play = Callable[[int, Optional[Worker]], Outcome]


def how_many(cores: int, meminfo: Dict[str, int]) -> int:
    """Return how many workers may load side by side on a machine with so many cores and such a /proc/meminfo."""
    available = meminfo.get("MemAvailable", 0) >= LEAST_AVAILABLE_SHARE * meminfo["MemTotal"]
    return min(MOST, cores) if available else 1


@contextlib.contextmanager
def side_by_side(starts: Sequence[Start], limit_s: float,
                 module: str = "harness.worker") -> Iterator[List[Optional[Worker]]]:
    """Start a worker for each of ``starts`` and yield them once all wait at their gates, or have ended.

    ``None`` stands for one that could not be started, or was not there within ``limit_s`` seconds: it is no more, and
    its job is for a worker of its own. All are gone afterwards.
    """
    with contextlib.ExitStack() as stack:
        workers: List[Optional[Worker]] = [_started(start, module, stack) for start in starts]
        deadline = time.monotonic() + limit_s
        for place, worker in enumerate(workers):
            if worker is not None and worker.gate is not None and not worker.gate.reached_within(
                    deadline - time.monotonic()):
                worker.end()
                workers[place] = None
        yield workers


def _started(start: Start, module: str, stack: contextlib.ExitStack) -> Optional[Worker]:
    try:
        gate = stack.enter_context(contextlib.closing(Gate()))
        worker = Worker(start.job, module, start.environment, stack, gate=gate)
    except OSError:
        return None
    stack.callback(_end_if_there, worker)
    return worker


def _end_if_there(worker: Worker) -> None:
    if worker.process.returncode is None:  # else it was reaped, and its number may be another's
        worker.end()


def in_turns(starts: Sequence[Start], play: Play, stand_by: Optional[StandBy], limit_s: float,
             together: Callable[[], int] = lambda: how_many(len(os.sched_getaffinity(0)), read_meminfo()),
             ) -> Generator[Outcome, None, None]:
    """Yield the outcome of each of ``starts`` in order: ``play(place, worker)`` measures the one at ``place``.

    ``together()`` tells before each batch how many may load side by side; ``stand_by`` starts them, ``None`` has each
    start when its turn has come. One that fails while others wait is measured again alone: what they hold may have
    been what it lacked.
    """
    done = 0
    while done < len(starts):
        batch = [done] if stand_by is None else list(range(done, len(starts)))[:max(1, together())]
        if stand_by is not None and len(batch) > 1:
            for outcome in _one_by_one(batch, starts, play, stand_by, limit_s):
                yield outcome
                done += 1
        if done <= batch[-1]:
            yield play(done, None)
            done += 1


def _one_by_one(batch: Sequence[int], starts: Sequence[Start], play: Play, stand_by: StandBy,
                limit_s: float) -> Iterator[Outcome]:
    """Yield the outcomes of ``batch`` up to one that failed while others waited; loading goes to the first."""
    began = time.monotonic()
    with stand_by([starts[place] for place in batch], limit_s) as workers:
        loading_s = time.monotonic() - began
        for place, worker in zip(batch, workers):
            if place != batch[0]:
                wait_until_still()
            outcome = play(place, worker)
            if not outcome.ok and place != batch[-1]:
                return
            yield outcome._replace(seconds=outcome.seconds + loading_s)
            loading_s = 0.0


def wait_until_still(used_bytes: Callable[[], int] = lambda: ram_used_bytes(read_meminfo(), free_bytes()),
                     clock: Callable[[], float] = time.monotonic,
                     sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until what an ended process gave back has arrived: the system's used memory stands still."""
    began = since = clock()
    last = used_bytes()
    while clock() - since < STILL_S and clock() - began < MOST_WAIT_S:
        sleep(LOOK_S)
        now = used_bytes()
        if abs(now - last) > STILL_BYTES:
            last, since = now, clock()
