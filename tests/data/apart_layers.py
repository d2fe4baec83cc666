"""Layers for the tests of comparisons whose cases are kept apart: real work, and every way to fail in a process."""

import os
import signal
import sys
import threading
import time

import torch

from harness.plan import Subject, UnavailableError

#: Threads that a case leaves running for good.
SPINNING = []


def subject(case, call, x):
    return Subject(call, lambda double: double, implementation="process {}".format(os.getpid()))


def products(case, x):
    """As many products with the identity as the option ``products`` says: the same answer whatever the number."""
    matrix, batch = torch.eye(192), x.reshape(192, 192)
    number = dict(case.options).get("products", 20)

    def call():
        found = batch
        for _ in range(number):
            found = torch.mm(found, matrix)
        return found.reshape(x.shape)

    return subject(case, call, x)


def absent(case, x):
    """A case that cannot be built here."""
    raise UnavailableError("there is no such engine here", "install one")


def killed(case, x):
    """Answers in the worker that checks it and is killed, as the kernel kills for memory, once it is timed."""
    def call():
        if "harness.passes.peer" in sys.modules or "peer.py" in sys.argv[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return x.clone()

    return subject(case, call, x)


def spinning(case, x):
    """A case with a thread that never rests, as a pool has that spins until the next call."""
    def spin():
        while True:
            pass

    def call():
        if not SPINNING:
            SPINNING.append(threading.Thread(target=spin, daemon=True))
            SPINNING[0].start()
        time.sleep(0.002)
        return x.clone()

    return subject(case, call, x)
