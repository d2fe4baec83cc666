"""Paths as the user means them: run_bench.sh works in the project's folder, wherever it was called."""

import os

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
    """Return ``path`` as the user can take it up: below the folder of the call relative to it, else from the root."""
    near = os.path.relpath(os.path.realpath(path), os.path.realpath(caller_folder()))
    return printable(os.path.abspath(path) if near.startswith(os.pardir) else near)
