"""How many threads really work is seen, not believed."""

import threading

import pytest
from engines_here import call, engine_or_skip, made

from suites.runtimes.engines.threads import cpu_times_ns, threads_found


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
    engine = engine_or_skip(name)
    graph, x, _ = made("conv1x1", (1, 256, 32, 32), 0)
    described = call(engine, graph, "stock", x, threads=threads)[1]
    assert (described["threads"], described["threads found"]) == (str(threads), str(threads))
