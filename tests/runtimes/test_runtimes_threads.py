"""How many threads really work is seen, not believed."""

import os
import subprocess
import sys
import threading

import pytest
from engines_here import engine_or_skip

from suites.runtimes.engines.threads import cpu_times_ns, threads_found
from suites.runtimes.operators import library
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
        assert threads_found(burn, 1, ours, lambda: 0.0) == "1"
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
        # a busy machine may keep it from its turn for long
        assert wait_for(lambda: threads_found(burn, 1, ours, lambda: 0.0) == "2")
    finally:
        working.set()
        helper.join()


@pytest.mark.parametrize("process_s, told", [(0.030, "1"), (0.032, "1"), (0.045, "2"), (0.060, "2"), (0.115, "4")])
def test_threads_that_end_with_each_call_are_seen_by_what_the_process_used(process_s, told):
    """A pool that is made and ended in every call leaves no thread to look at."""
    main, process = iter([{"1": 5}, {"1": 5 + int(30e6)}]), iter([0.0, process_s])
    assert threads_found(lambda: None, None, lambda: next(main), lambda: next(process)) == told


@pytest.mark.parametrize("given, told", [(None, "4"), (4, "4"), (2, "2"), (1, "2")])
def test_no_more_ended_threads_are_reckoned_than_the_engine_was_given_but_one_that_worked_is_told(given, told):
    main, process = iter([{"1": 0}, {"1": int(30e6)}]), iter([0.0, 0.120])
    assert threads_found(lambda: None, given, lambda: next(main), lambda: next(process)) == told


def test_a_thread_made_for_each_call_counts_where_the_kernel_tells():
    code = ("import threading, hashlib\n"
            "from suites.runtimes.engines.threads import threads_found\n"
            "data = bytes(1 << 21)\n"
            "def work(): hashlib.sha256(data).digest()\n"  # without the interpreter's lock
            "def call():\n"
            "    other = threading.Thread(target=work)\n"
            "    other.start(); work(); other.join()\n"
            "print(threads_found(work, 1), threads_found(call, 2))")
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert said.split() == ["1", "2"]


def test_a_kernel_that_does_not_tell_leaves_it_unknown():
    assert threads_found(burn, 1, lambda: None) == "unknown"
    assert cpu_times_ns()


@pytest.mark.parametrize("name, threads", [
    ("litert", 1), ("litert", 2), ("onnxruntime", 1), ("onnxruntime", 2), ("ncnn", 1), ("ncnn", 2), ("openvino", 1)])
def test_engines_work_with_the_threads_they_were_given(name, threads):
    engine_or_skip(name)
    assert told_of(name, threads, "conv1x1", "stock", (1, 256, 32, 32)) == [str(threads), str(threads)]


@pytest.mark.parametrize("graph", ["wht1d-fused", "wht2d-fused"])
@pytest.mark.parametrize("name, threads", [("litert", 1), ("litert", 2), ("onnxruntime", 1), ("onnxruntime", 2),
                                           ("ncnn", 2)])
def test_the_projects_operators_work_with_the_threads_they_were_given(name, threads, graph):
    """Of ONNX Runtime 1.10 too, which lends them none: the engine tells them."""
    engine_or_skip(name)
    if library(name).path is None:
        pytest.skip(library(name).reason)
    told = told_of(name, threads, graph, "custom", (4, 1024, 32, 32))
    assert told == [str(threads), str(threads)]


def told_of(name, threads, graph, form, shape):
    """What an engine says of its threads in a process of its own, as in a run: here spins what others left behind.

    On a busy machine one thread may do the work of both before the other is given a core: the most of many counts,
    since one that rests is never seen to work. And what an engine or operator tried in its first calls stays with its
    process: where it found one core then, it is asked anew in another. ncnn takes ten operators a process.
    """
    code = ("import sys; sys.path[:0] = ['tests/runtimes', '.']; import numpy as np\n"
            "from engines_here import find_engine, describe, random_weights, call\n"
            "graph = describe({graph!r}, {shape!r}, random_weights({graph!r}, {shape!r}, 0))\n"
            "x = np.ones({shape!r}, np.float32)\n"
            "found = []\n"
            "while len(found) < 3 or len(found) < 9 and max(found) != '{threads}':\n"
            "    said = call(find_engine({name!r}), graph, {form!r}, x, threads={threads})[1]\n"
            "    found.append(said['threads found'])\n"
            "print(said['threads'], max(found))").format(**locals())
    said = []
    for _ in range(12):
        said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True).split()
        if said[-1] == str(threads):
            return said
    if sys.version_info >= (3, 7) and int(said[-1]) < threads and os.getloadavg()[0] > 1.5:
        pytest.skip("other programs hold the cores: {} of {} threads were given one".format(said[-1], threads))
    return said
