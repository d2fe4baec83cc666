"""One case in a process of its own that times a stretch whenever it is asked: one of several in lock step.

The job is the first line of standard input, then each line asks for one stretch, ``{"sampler": index, "calls":
number}``; answers go out as JSON lines on the pipe that is the first argument. Between two questions the process does
nothing, so that the other cases have the machine to themselves.
"""

import json
import os
import signal
import sys
import time
import traceback
from typing import Any, Callable, Dict, List, NamedTuple

import torch

from harness.passes.apart import Ready
from harness.passes.process_state import put_back, read_state, tidied
from harness.passes.time import instruments
from harness.record.codec import to_json
from harness.subjects import Inputs, build, cases_of, prepare
from harness.system.children import die_with_parent
from harness.system.tree import Tree
from harness.worker import describe

#: A process is at rest after so many steps of so many seconds in which it used next to no CPU. Rest and waking are
#: most of a turn of a millisecond, and a machine whose pace wanders over tens of them makes what lies between two
#: turns its noise: one engine against itself played 26 rounds a second with these and 16 with steps of 3 x 1 ms and
#: 5 ms of waking, each round as noisy.
QUIET_STEPS, REST_STEP_S = 2, 0.0005
#: It gets so many of them: a quarter of a second, and longer where other programs hold the processor meanwhile.
MOST_STEPS = 500

#: So long a case that rested works before it is timed: alone, and with a pool of threads. After 30 ms of sleep the
#: first calls of four engines with two threads took up to 2.5 times as long as their 64th, some 40 ms later. Alone,
#: the second call was still 2 % slower than the third where nothing came before, and no slower after 2 ms.
WAKE_S, WAKE_POOL_S = 0.002, 0.04


def wake_s(threads: int) -> float:
    """Return how long a case with ``threads`` threads works before it is timed."""
    return WAKE_S if threads == 1 else WAKE_POOL_S


def serve(job: Dict[str, Any], asked: Any, send: Any) -> None:
    """Build the job's one case, say that it is ready, and answer every line of ``asked`` with a sample."""
    comparison, cases = cases_of(job)
    case = cases[0]
    prepare(cases)
    timer, _ = instruments(case)
    state = read_state(torch)
    subject = build(case, Inputs(job["seed"]))
    put_back(torch, state)
    disturbs = comparison.case_id(case) in job.get("disturbing", ())
    call = tidied(subject.call, torch, state) if disturbs else subject.call
    send(to_json(Ready(timer.describe(), tuple(sampler.cache for sampler in timer.samplers), timer.resolution_s,
                       subject.implementation, wake_s(case.threads), QUIET_STEPS * REST_STEP_S)))
    with torch.inference_mode(case.mode == "inference"):
        for line in iter(asked.readline, ""):
            question = json.loads(line)
            if question.get("rest"):
                send(rest()._asdict())
                continue
            sampler = timer.samplers[question["sampler"]]
            if question["wake"]:
                wake(lambda sampler=sampler: sampler.sample(call, 1), wake_s(case.threads))  # type: ignore[misc]
            send(dict(sampler.sample(call, question["calls"])._asdict()))


def wake(work: Callable[[], Any], least_s: float, clock: Callable[[], float] = time.perf_counter) -> int:
    """Do ``work`` for ``least_s``, once at least, and return how often: what just woke is not what users run.

    After a rest the threads of a pool start on one core, and the scheduler takes milliseconds to part them: samples
    of a millisecond would be of one thread.
    """
    done, ends = 0, clock() + least_s
    while not done or clock() < ends:
        work()
        done += 1
    return done


class Rest(NamedTuple):
    """How long a process took to come to rest, and whether it did."""

    rested_s: float
    quiet: bool


def others_run() -> bool:
    """Whether another thread of this process is on a processor, or waits for one that other programs hold."""
    for task in os.listdir("/proc/self/task"):
        stat = Tree().text("/proc/self/task/{}/stat".format(task)) or ""
        if task != str(os.getpid()) and stat.rpartition(")")[2].split()[:1] == ["R"]:
            return True
    return False


def rest(clock: Callable[[], float] = time.perf_counter, used: Callable[[], float] = time.process_time,
         sleep: Callable[[float], None] = time.sleep, busy: Callable[[], bool] = others_run) -> Rest:
    """Wait until this process uses no CPU any more, :data:`MOST_STEPS` at most, and return how that went.

    The threads of OpenMP go on for some milliseconds after a layer has ended, waiting for the next one: in another
    process's turn they would take its cores. What other programs do makes a step longer and tells nothing: a thread
    that waits for them is ``busy``, and a process that they held up is not.
    """
    begun, quiet = clock(), 0
    for _ in range(MOST_STEPS):
        before = used()
        sleep(REST_STEP_S)
        quiet = quiet + 1 if used() - before < 0.2 * REST_STEP_S and not busy() else 0
        if quiet == QUIET_STEPS:
            break
    return Rest(clock() - begun, quiet == QUIET_STEPS)


def main(argv: List[str]) -> int:
    """Serve until standard input ends; what goes wrong is told as an ``error``."""
    die_with_parent(signal.SIGKILL)
    if os.getppid() != int(argv[2]):
        return 1  # who wanted to know died first
    channel = os.fdopen(int(argv[1]), "w", 1)

    def send(message: Dict[str, Any]) -> None:
        channel.write(json.dumps(message, allow_nan=False) + "\n")
        channel.flush()

    try:
        serve(json.loads(sys.stdin.readline()), sys.stdin, send)
    except Exception as error:  # any failure becomes the recorded reason of the launch
        traceback.print_exc()
        send({"error": describe(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
