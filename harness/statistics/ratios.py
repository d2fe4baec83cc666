"""From the samples of mirrored rounds to round ratios ``d`` (log time of a rival over the baseline)."""

from math import log
from operator import sub
from typing import Dict, List, Sequence

from harness.record.time_lines import BASELINE, Series


def round_logs(order: Sequence[int], sample_s: Sequence[float], calls: Sequence[int]) -> Dict[int, float]:
    """Return for each entrant of one round the mean log time (s) per call of its two samples.

    ``order`` (n entrant indices) is the first half as played; ``sample_s`` (2 n values) are the stretches
    in the order played, the second half mirrored; ``calls`` is the number of calls in a stretch by index.
    """
    logs = list(map(log, sample_s))
    return {entrant: 0.5 * (first + last) - log(calls[entrant])
            for entrant, first, last in zip(order, logs, reversed(logs))}


def round_ratios(series: Series, baseline: int = BASELINE) -> Dict[int, List[float]]:
    """Return d for every entrant but the one at ``baseline``, round by round.

    The list of a rival holds only the rounds that both took part in. Against the series' own baseline index 1 is the
    A/A check. Any two entrants of a round may be held against each other: the shuffle alone decides which of its
    places each got, so d is symmetric about their true log ratio.
    """
    entrants = range(len(series.entrants))
    if all(len(played.order) == len(entrants) for played in series.rounds):
        levels = _levels(series)
        return {index: list(map(sub, levels[index], levels[baseline])) for index in entrants if index != baseline}
    ratios: Dict[int, List[float]] = {index: [] for index in entrants if index != baseline}
    for played in series.rounds:
        logs = round_logs(played.order, played.sample_s, series.calls_per_sample)
        if baseline in logs:
            own = logs.pop(baseline)
            for entrant, value in logs.items():
                ratios[entrant].append(value - own)
    return ratios


def _levels(series: Series) -> List[List[float]]:
    """Return :func:`round_logs` of every round by entrant; each took part in all of them."""
    found: List[List[float]] = [[] for _ in series.entrants]
    calls = list(map(log, series.calls_per_sample))
    for played in series.rounds:
        logs = list(map(log, played.sample_s))
        for entrant, first, last in zip(played.order, logs, reversed(logs)):
            found[entrant].append(0.5 * (first + last) - calls[entrant])
    return found
