"""Paths as the user means them: run_bench.sh works in the project's folder, wherever it was called."""

import os
import sys

from harness.text import printable

#: Where run_bench.sh keeps the folder of the call.
VARIABLE = "EDGE_BENCH_CALLER"


def caller_folder() -> str:
    """Return the folder that run_bench.sh was called in; without it, this process's own."""
    return os.environ.get(VARIABLE) or os.getcwd()


def from_caller(path: str) -> str:
    """Return ``path``, relative to the folder of the call, as this process can use it."""
    return path if os.path.realpath(caller_folder()) == os.path.realpath(os.getcwd()) else os.path.join(
        caller_folder(), path)


def shown_path(path: str) -> str:
    """Return ``path`` as the user can take it up: below the folder of the call relative to it, else from the root.

    A character that standard output has none for is a question mark: Python 3.6 under LANG=C has only ASCII.
    """
    near = os.path.relpath(os.path.realpath(path), os.path.realpath(caller_folder()))
    shown = printable(os.path.abspath(path) if near.startswith(os.pardir) else near)
    encoding = sys.stdout.encoding or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)
