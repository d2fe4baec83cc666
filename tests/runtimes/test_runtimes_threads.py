"""How many threads really work is seen, not believed."""

import os
import subprocess
import sys
import threading

import pytest
from engines_here import engine_or_skip

from suites.runtimes.engines.threads import cpu_times_ns, threads_found

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def burn():
    sum(number * number for number in range(20000))


def test_a_thread_that_waits_does_not_count_and_one_that_works_does():
    stop = threading.Event()
    waiting = threading.Thread(target=stop.wait)
    waiting.start()
    try:
        assert threads_found(burn) == "1"
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
        assert threads_found(burn) == "2"
    finally:
        working.set()
        helper.join()


def test_a_kernel_that_does_not_tell_leaves_it_unknown():
    assert threads_found(burn, lambda: None) == "unknown"
    assert cpu_times_ns()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["litert", "onnxruntime", "ncnn"])
def test_engines_work_with_the_threads_they_were_given(name, threads):
    engine_or_skip(name)
    # In a process of its own, as in a run: what other engines have left behind spins here.
    code = "import sys; sys.path[:0] = ['tests/runtimes', '.']; from engines_here import call, find_engine, made\n" \
           "graph, x, _ = made('conv1x1', (1, 256, 32, 32), 0)\n" \
           "said = call(find_engine('{}'), graph, 'stock', x, threads={})[1]\n" \
           "print(said['threads'], said['threads found'])".format(name, threads)
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert said.split() == [str(threads), str(threads)]
