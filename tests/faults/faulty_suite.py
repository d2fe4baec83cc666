"""Layers that do harm from their n-th call in a process on: ``FAULT`` says what, ``FAULT_BUILDS`` in which builds.

A build is counted in the file ``FAULT_COUNT``, so that a fault can wait for the second launch, say.
"""

import ctypes
import os
import resource
import signal
import time

import torch
from torch import nn

from suites import modules

#: More calls than the check makes, fewer than the twelve rounds that are always played.
AFTER = 20


def do_harm(what):
    if what == "segfault":
        ctypes.string_at(0)
    elif what == "abort":
        os.abort()
    elif what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "exit":
        os._exit(3)
    elif what == "hang":
        time.sleep(600)
    elif what == "raise":
        raise RuntimeError("the n-th call is refused")
    elif what == "eat memory":
        with open("/proc/self/statm") as file:
            soft = int(file.read().split()[0]) * resource.getpagesize() + (256 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
        eaten = []
        while True:
            eaten.append(torch.ones(16 << 20))


class Faulty(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0
        self.armed = True
        if os.environ.get("FAULT_COUNT"):
            with open(os.environ["FAULT_COUNT"], "a+") as file:
                file.write("x")
                file.seek(0)
                self.armed = len(file.read()) >= int(os.environ["FAULT_BUILDS"])

    def forward(self, x):
        self.calls += 1
        if self.calls > AFTER and self.armed:
            do_harm(os.environ.get("FAULT", ""))
        time.sleep(0.004)  # so much slower than the others that every launch can tell, on a busy machine too
        return x * 1.0


class Fine(nn.Module):
    def forward(self, x):
        return x * 1.0


def role(name):
    return Faulty if os.environ.get("FAULT_ROLE", "faulty") == name else Fine


SUITE = modules.suite(
    "faulty", input_shape=(1, 2, 8, 8), baseline=("base", role("base")),
    rivals={"fine": role("fine"), "faulty": role("faulty"), "other": Fine},
    references=dict.fromkeys(("base", "fine", "faulty", "other"), lambda x: x))
