"""Shuffled, mirrored rounds: every entrant once in a fresh random order, then once more backwards.

Nothing is ever dropped: every stretch and every settling call that was timed is in the record.
"""

import gc
from contextlib import contextmanager
from random import Random
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from harness.collector import uncollected
from harness.record.time_lines import Round
from harness.timing.sampler import Call, Sample, Sampler

ClockReader = Callable[[], Optional[float]]


class Entrant(NamedTuple):
    """One place in a round: the call, calls a sample, and whether a settling call precedes each sample."""

    call: Call
    calls: int
    settle: bool


class OutOfTimeError(Exception):
    """The hard limit passed inside a round; ``partial`` holds what was timed of it."""

    def __init__(self, partial: Round) -> None:
        super().__init__("the hard time limit passed inside a round")
        self.partial = partial


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Collect garbage once, then keep the collector off; it is on again afterwards in any case.

    A collector that is off already is left alone.
    """
    if gc.isenabled():
        gc.collect()
    with uncollected():
        yield


def shuffled(present: Sequence[int], random: Random) -> List[int]:
    """Return the entrant indices in a freshly shuffled order."""
    order = list(present)
    random.shuffle(order)
    return order


def nine_digits(value: float) -> float:
    """Return ``value`` with nine significant digits, as the record keeps it."""
    return float("%.9g" % value)


def play_round(sampler: Sampler, entrants: Sequence[Entrant], order: Sequence[int],
               read_clock: Optional[ClockReader] = None, now: Optional[Callable[[], float]] = None,
               deadline: float = float("inf")) -> Round:
    """Play one mirrored round and return it.

    ``order`` holds the entrant indices of the first half. ``read_clock`` (Hz) is read before and after.
    Raises :class:`OutOfTimeError` when ``now()`` passes ``deadline`` between two places.
    """
    sample = sampler.sample
    places = list(order) + list(reversed(order))
    taken: List[Sample] = []
    settled: List[Optional[float]] = []
    before = read_clock() if read_clock is not None else None
    for index in places:
        call, calls, settle = entrants[index]
        if now is not None and now() > deadline:
            raise OutOfTimeError(_round(order, taken, settled, None))
        settled.append(sample(call, 1).seconds if settle else None)
        taken.append(sample(call, calls))
    after = read_clock() if read_clock is not None else None
    clock = None if before is None or after is None else (before, after)
    return _round(order, taken, settled, clock)


def _round(order: Sequence[int], taken: Sequence[Sample], settled: Sequence[Optional[float]],
           clock: Optional[Tuple[float, float]]) -> Round:
    hidden = tuple(one.hidden for one in taken)
    return Round(tuple(order), tuple(nine_digits(one.seconds) for one in taken), _column(settled),
                 _column([one.enqueue_s for one in taken]), clock,
                 None if all(value is None for value in hidden) else hidden)


def _column(values: Sequence[Optional[float]]) -> Optional[Tuple[Optional[float], ...]]:
    if all(value is None for value in values):
        return None
    return tuple(None if value is None else nine_digits(value) for value in values)
