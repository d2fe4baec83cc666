"""The device source as one text."""

import io
import os

PARTS = ("target.cuh", "tile.cuh", "exchange.cuh", "nonlinear.cuh", "kernels.cu")


def read() -> str:
    """Return the whole source, to be compiled with the macros of :func:`suites.kernels.cuda.geometry.macros`."""
    texts = []
    for name in PARTS:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        with io.open(path, encoding="ascii") as file:
            texts.append(file.read())
    return "\n".join(texts)
