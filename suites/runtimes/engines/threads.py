"""How many threads really work in a call: seen from the CPU time of each, whatever was asked for."""

import os
import time
from typing import Callable, Dict, Optional

TASKS = "/proc/self/task"
#: For this long it is called, so that a thread's share stands out of what it does besides.
WATCHED_S = 0.03
#: A thread works with the others if it takes this part of the busiest one's time at least.
PART = 0.1
#: And threads that have ended did, if they took this part of it together.
PART_OF_ENDED = 0.3

#: The last bits of the number that the kernel gives the clock of a thread's CPU time.
THREAD_CLOCK = 6


def cpu_times_ns() -> Optional[Dict[str, int]]:
    """Return the CPU time of each thread of this process by its id, ``None`` where the kernel does not tell.

    From each thread's own clock: what ``/proc`` shows of a running one is as old as the last tick of the scheduler.
    """
    found = {}
    for task in os.listdir(TASKS):
        try:
            found[task] = int(1e9 * time.clock_gettime(~int(task) << 3 | THREAD_CLOCK))
        except OSError:
            if os.path.exists(os.path.join(TASKS, task)):
                return None
    return found  # without those that ended meanwhile


def threads_found(run: Callable[[], None], given: Optional[int],
                  cpu_times: Callable[[], Optional[Dict[str, int]]] = cpu_times_ns,
                  used_s: Callable[[], float] = time.process_time) -> str:
    """Return how many threads share the work of ``run``, which is called for about :data:`WATCHED_S`.

    Some begin and end within a call: what the whole process ``used_s`` beyond its present threads was theirs. How
    many they were is reckoned from that, and no more than the engine was ``given`` (``None``: it chose itself).
    """
    run()
    before, used_before, end = cpu_times(), used_s(), time.perf_counter() + WATCHED_S
    while time.perf_counter() < end:
        run()
    after, used = cpu_times(), 1e9 * (used_s() - used_before)
    if before is None or after is None:
        return "unknown"
    spent = [time_ns - before.get(task, 0) for task, time_ns in after.items()]
    busiest = max(spent)
    ended = used - sum(spent)
    # whoever waits for a thread to be made works a little less than it: rather one too few than one too many
    passing = max(1, int(ended / busiest + PART_OF_ENDED)) if ended > PART_OF_ENDED * busiest > 0 else 0
    present = sum(one > PART * busiest for one in spent)
    if passing and given is not None:
        passing = max(1, min(passing, given - present))
    return str(present + passing)
