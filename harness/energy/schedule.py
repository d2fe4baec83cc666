"""How long the windows of the energy pass are and how many are played, from what the sensor and the calls need."""

from typing import NamedTuple, Optional, Sequence, Tuple

from harness.soak_blocks import LEAST_PAIRS

#: Rounds after which the data are looked at, fixed before the first; :data:`LEAST_ROUNDS` have a single look.
LOOKS = (9, 18)

#: With fewer rounds no exact interval of level 0.01 exists.
LEAST_ROUNDS = LEAST_PAIRS

#: Refreshes of the sensor in one window; twice nine windows then hold more than the fifty that a number needs.
REFRESHES = 4.0

#: A first-order low-pass has forgotten all but 0.7 % of the entrant before after so many time constants.
TIME_CONSTANTS = 5.0


class EnergySettings(NamedTuple):
    """Durations in seconds. ``lag_s`` corrects the sensor's low-pass: ``None`` as known, 0 not at all.

    A window lasts ``window_s`` or longer, as the sensor needs. All windows of one entrant, with what precedes and
    follows each, take at most ``limit_s``, those of all together at most ``total_s``. ``settle_s`` at least and
    ``settle_limit_s`` at most pass before idle counts; the warm-up goes on until the sensor's period is known, at
    most ``warmup_limit_s``; the device is synchronised every ``batch_s``.
    """

    window_s: float = 0.5
    least_fresh: int = 50
    looks: Tuple[int, ...] = LOOKS
    limit_s: float = 120.0
    total_s: float = 600.0
    idle_s: float = 3.0
    settle_s: float = 1.0
    settle_limit_s: float = 10.0
    warmup_s: float = 1.0
    warmup_limit_s: float = 6.0
    cost_s: float = 0.5
    batch_s: float = 0.1
    period_s: Optional[float] = None
    lag_s: Optional[float] = None


class Turn(NamedTuple):
    """One turn of an entrant: calls before the first mark, between the marks, and on past the second (seconds).

    ``lead_s`` lets the sensor forget the entrant before; ``out_s`` lets a reading come by which the second mark is
    interpolated, taken while the same entrant runs.
    """

    lead_s: float
    window_s: float
    out_s: float

    def lasts_s(self, call_s: float) -> float:
        """Return how long the turn takes with calls of ``call_s``, of which each part holds one at least."""
        return sum(max(part, call_s) for part in self)


class Schedule(NamedTuple):
    """``rounds`` of every entrant twice, each a ``turn``; without ``looks`` they are too few for a verdict.

    ``most`` rounds fit the time there is: as many may be played for want of fresh readings.
    """

    turn: Turn
    rounds: int
    looks: Tuple[int, ...]
    most: int


def schedule(period_s: float, lag_s: Optional[float], calls_s: Sequence[float], settings: EnergySettings) -> Schedule:
    """Return the windows for a sensor that refreshes every ``period_s`` and entrants that take ``calls_s`` a call."""
    forgets_s = period_s if lag_s is None else TIME_CONSTANTS * lag_s  # of an unknown low-pass: about as long again
    turn = Turn(max(0.5 * settings.window_s, 1.5 * period_s + forgets_s),
                max(settings.window_s, REFRESHES * period_s), 1.5 * period_s)
    turns_s = [2.0 * turn.lasts_s(call_s) for call_s in calls_s]
    fit = int(min(settings.limit_s / max(turns_s), settings.total_s / sum(turns_s)))
    looks = tuple(look for look in settings.looks if look <= fit)
    if not looks and fit >= LEAST_ROUNDS:
        looks = (LEAST_ROUNDS,)
    return Schedule(turn, looks[-1] if looks else max(1, fit), looks, max(1, fit))
