"""How many threads really work in a call: seen from the CPU time of each, whatever was asked for."""

import os
import time
from typing import Callable, Dict, Optional

TASKS = "/proc/self/task"
#: For this long it is called, so that a thread's share stands out of what it does besides.
WATCHED_S = 0.03
#: A thread works with the others if it takes this part of the busiest one's time at least.
PART = 0.1


def cpu_times_ns() -> Optional[Dict[str, int]]:
    """Return the CPU time of each thread of this process by its id, ``None`` where the kernel does not tell."""
    found = {}
    for task in os.listdir(TASKS):
        try:
            with open(os.path.join(TASKS, task, "schedstat")) as file:
                found[task] = int(file.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            if not os.path.exists(os.path.join(TASKS, task)):
                continue  # it ended meanwhile
            return None
        except (OSError, ValueError, IndexError):
            return None
    return found


def threads_found(run: Callable[[], None], cpu_times: Callable[[], Optional[Dict[str, int]]] = cpu_times_ns) -> str:
    """Return how many threads share the work of ``run``, which is called for about :data:`WATCHED_S`."""
    run()
    before, end = cpu_times(), time.perf_counter() + WATCHED_S
    while time.perf_counter() < end:
        run()
    after = cpu_times()
    if before is None or after is None:
        return "unknown"
    spent = [time_ns - before.get(task, 0) for task, time_ns in after.items()]
    return str(sum(one > PART * max(spent) for one in spent))
