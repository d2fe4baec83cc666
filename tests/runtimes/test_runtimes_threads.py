"""How many threads really work is seen, not believed."""

import os
import subprocess
import sys
import threading

import pytest
from engines_here import engine_or_skip

from suites.runtimes.engines.threads import cpu_times_ns, threads_found
from tests.patience import wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def burn():
    sum(number * number for number in range(20000))


def test_a_thread_that_waits_does_not_count_and_one_that_works_does():
    left_behind = set(cpu_times_ns()) - {str(os.getpid())}  # by engines of tests before, some of which spin

    def ours():
        return {task: time_ns for task, time_ns in cpu_times_ns().items() if task not in left_behind}

    stop = threading.Event()
    waiting = threading.Thread(target=stop.wait)
    waiting.start()
    try:
        assert threads_found(burn, ours) == "1"
    finally:
        stop.set()
        waiting.join()
    working = threading.Event()

    def work():
        while not working.is_set():
            burn()

    helper = threading.Thread(target=work)
    helper.start()
    try:
        assert wait_for(lambda: threads_found(burn, ours) == "2")  # a busy machine may keep it from its turn for long
    finally:
        working.set()
        helper.join()


def test_a_kernel_that_does_not_tell_leaves_it_unknown():
    assert threads_found(burn, lambda: None) == "unknown"
    assert cpu_times_ns()


@pytest.mark.parametrize("name, threads", [
    ("litert", 1), ("litert", 2), ("onnxruntime", 1), ("onnxruntime", 2), ("ncnn", 1), ("ncnn", 2), ("openvino", 1)])
def test_engines_work_with_the_threads_they_were_given(name, threads):
    engine_or_skip(name)
    # In a process of its own, as in a run: what other engines have left behind spins here.
    # A thread that a busy machine kept from its turn is not seen, one that does nothing never is: the most of many.
    code = "import sys; sys.path[:0] = ['tests/runtimes', '.']; from engines_here import call, find_engine, made\n" \
           "graph, x, _ = made('conv1x1', (1, 256, 32, 32), 0)\n" \
           "found = []\n" \
           "while len(found) < 50 and max(found, default='0') != '{1}' or len(found) < 3:\n" \
           "    said = call(find_engine('{0}'), graph, 'stock', x, threads={1})[1]\n" \
           "    found.append(said['threads found'])\n" \
           "print(said['threads'], max(found))".format(name, threads)
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert said.split() == [str(threads), str(threads)]
