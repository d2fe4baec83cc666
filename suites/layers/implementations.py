"""The forms a transform can take, and which one runs when the choice is left to the library."""

from typing import Callable, NamedTuple, Optional

from suites.layers.choices import check_choice

IMPLEMENTATIONS = ("auto", "matrix", "two-stage", "butterfly", "fused")
#: The same for layers that stock torch operations run in one way only.
STOCK_OR_FUSED = ("auto", "stock", "fused")

# Where the dense product stops winning, measured on x86 with torch 1.10 and 2.13: along rows (channels-last)
# the smaller stages of the Kronecker form are slow batches of tiny products, so dense wins longer.
LARGEST_DENSE_ROWS = 128
LARGEST_DENSE_COLUMNS = 32
# Batched products this narrow waste most of each vector register; butterflies do not.
NARROW = 16


class Choice(NamedTuple):
    """The form that runs, and in one sentence why, where that is not simply what was asked for."""

    form: str
    reason: Optional[str]


def check_implementation(name: str) -> None:
    """Raise ``ValueError`` with the nearest right name unless ``name`` is one of :data:`IMPLEMENTATIONS`."""
    check_choice("implementation", name, IMPLEMENTATIONS)


def best_plain_form(size: int, inner: int) -> str:
    """Return the fastest form made of stock torch operations for ``size`` points lying ``inner`` apart."""
    if inner == 1:
        return "matrix" if size <= LARGEST_DENSE_ROWS else "two-stage"
    if inner < NARROW:
        return "butterfly"
    return "matrix" if size <= LARGEST_DENSE_COLUMNS else "two-stage"


def choose(asked: str, plain: str, fused_problem: Callable[[], Optional[str]]) -> Choice:
    """Return what runs for ``asked``; ``fused_problem()`` says why the fused kernel cannot, ``None`` if it can.

    ``plain`` is the best plain form here, run by ``auto`` where the fused kernel cannot. The kernel is asked about
    only where it may run, since that can mean compiling it.

    Raises ``RuntimeError`` if ``fused`` was asked for by name and cannot run.
    """
    if asked == "fused" or asked == "auto":
        problem = fused_problem()
        if problem is None:
            return Choice("fused", None)
        if asked == "fused":
            raise RuntimeError(_cannot_run(problem))
        return Choice(plain, "{} of stock torch operations: {}".format(plain, problem))
    return Choice(asked, None)


def fused_or_stock(asked: str, fused_problem: Callable[[], Optional[str]]) -> Choice:
    """Return what runs of :data:`STOCK_OR_FUSED`; arguments and error as in :func:`choose`."""
    if asked == "stock":
        return Choice("stock", None)
    problem = fused_problem()
    if problem is None:
        return Choice("fused", None)
    if asked == "fused":
        raise RuntimeError(_cannot_run(problem))
    return Choice("stock", problem)


def _cannot_run(problem: str) -> str:
    return ("the fused kernel cannot run: {}; use implementation='auto' to fall back to stock torch "
            "operations".format(problem.rstrip(".")))
