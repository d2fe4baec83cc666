"""Layers whose need is known: so many bytes for each image of the batch, held by a call while it runs."""

import time

import torch

from harness.plan import Case, Comparison, Subject, Suite

HERE = "tests/data/fit_suite.py"
SHAPE = (4, 1, 2, 2)


def per_image(case, x):
    size = int(dict(case.options)["bytes"])
    return Subject(lambda: torch.ones(len(x) * size, dtype=torch.uint8), reference_reason="it has no output to check")


def kept(case, x):
    """The same, and it is not given back for ten minutes."""
    made = per_image(case, x)

    def call():
        held = made.call()
        time.sleep(600)
        return held

    return made._replace(call=call)


def case(name, size):
    return Case(name, "", HERE + ":per_image", SHAPE, options=(("bytes", size),))


def comparisons(target):
    cases = [case("1 MB", 10 ** 6), case("2.5 MB", 2500000)]
    return [Comparison("known", "Layers of known need", cases[0], tuple(cases[1:]))]


SUITE = Suite("fit", "Layers of known need", comparisons)
