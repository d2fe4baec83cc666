"""What a comparison's exit status says, for scripts: decided here for ``compare`` and for ``run --against``."""

import traceback
from typing import Callable, NamedTuple, Optional, Sequence

from harness.words import State

FINE, SLOWER, CANNOT_TELL, UNREADABLE = 0, 1, 2, 3

#: Of a comparison that Ctrl-C ended, as a shell counts: 1 would say that something became slower.
INTERRUPTED = 130


class Answer(NamedTuple):
    """One figure: its state, its speed (below 1 is slower), and the lower end of the speed's interval."""

    state: State
    speed: Optional[float]
    low: Optional[float]


def status(answers: Sequence[Answer], fail_on: Optional[float] = None) -> int:
    """Return the exit status for ``answers``.

    ``fail_on`` is the relative slowdown that counts (0.05 is 5 % more time). Without it any slower answer is
    ``SLOWER`` and any that cannot be told is ``CANNOT_TELL``. With it only a slower one of at least so much is
    ``SLOWER``, and an interval that reaches so far is ``CANNOT_TELL``. No answer at all cannot be told.
    """
    if any(one.state is State.SLOWER and (fail_on is None or more_time(one.speed) >= fail_on) for one in answers):
        return SLOWER
    if not answers or any(_open(one, fail_on) for one in answers):
        return CANNOT_TELL
    return FINE


def more_time(speed: Optional[float]) -> float:
    """Return the relative time that a ``speed`` below 1 takes more."""
    return 1.0 / speed - 1.0 if speed else 0.0


def _open(one: Answer, fail_on: Optional[float]) -> bool:
    """Return whether a slowdown that counts cannot be ruled out."""
    if fail_on is None:
        return one.state is State.CANNOT_TELL
    if one.low is None:
        return one.state is State.CANNOT_TELL
    return more_time(one.low) >= fail_on


def guarded(main: Callable[[], int]) -> int:
    """Return what ``main`` returns; a fault of this program is told and ends with a status that is no answer."""
    try:
        return main()
    except Exception:
        traceback.print_exc()
        return UNREADABLE
