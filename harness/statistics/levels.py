"""Launch by launch, each case's time and its ratio to another: of many series at once, the arithmetic in numpy.

A comparison of many runs spends most of its reckoning here. Every logarithm is the C library's, as everywhere else:
numpy's own differs from it in the last bit.
"""

from itertools import chain, islice
from math import log
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from harness.quantiles import median
from harness.record.time_lines import COPY, Series, samples_by_entrant
from harness.statistics.ratios import round_ratios
from harness.statistics.signed_rank import pseudo_medians

#: So many samples are held at once beside those of the record.
MOST_SAMPLES = 1 << 17

#: Whole numbers below it are floats to the last digit, so that numpy divides them as Python does.
EXACT = 2.0 ** 53

#: A series, and the entrant that the others are held against, if any.
Held = Tuple[Series, Optional[int]]


class SeriesLevels(NamedTuple):
    """One value for each entrant, ``None`` for the A/A copy and for one that took no part.

    ``times`` are the logs of the median times per call (s), ``estimates`` the medians of all pairwise means of the
    log ratios to the entrant that the others are held against, which has none itself.
    """

    times: List[Optional[float]]
    estimates: List[Optional[float]]


def series_levels(wanted: Sequence[Held]) -> List[SeriesLevels]:
    """Return the levels of each of ``wanted``."""
    found: Dict[int, SeriesLevels] = {}
    alike: Dict[Tuple[int, int, int], List[int]] = {}
    for place, (series, against) in enumerate(wanted):
        entrants = len(series.entrants)
        if against is not None and {len(played.order) for played in series.rounds} == {entrants}:
            alike.setdefault((len(series.rounds), entrants, against), []).append(place)
        else:
            found[place] = _one_by_one(series, against)
    for (rounds, entrants, against), places in alike.items():
        most = max(1, MOST_SAMPLES // (2 * rounds * entrants))
        for start in range(0, len(places), most):
            block = places[start:start + most]
            found.update(zip(block, _together([wanted[place][0] for place in block], against)))
    return [found[place] for place in range(len(wanted))]


def _one_by_one(series: Series, against: Optional[int]) -> SeriesLevels:
    """Return the levels of any series."""
    samples = samples_by_entrant(series)
    played = [number for number, own in enumerate(samples) if own and number != COPY]
    ratios = {} if against is None else round_ratios(series, against)
    held = [number for number in played if ratios.get(number)]
    times = {number: log(median(samples[number])) for number in played}
    estimates = dict(zip(held, pseudo_medians([ratios[number] for number in held])))
    entrants = range(len(samples))
    return SeriesLevels(list(map(times.get, entrants)), list(map(estimates.get, entrants)))


def _together(alike: Sequence[Series], against: int) -> List[SeriesLevels]:
    """Return the levels of series of one size, in each of whose rounds all of their entrants took part."""
    rounds, entrants = len(alike[0].rounds), len(alike[0].entrants)
    played = [one for series in alike for one in series.rounds]
    samples = list(chain.from_iterable([one.sample_s for one in played]))
    stretches = np.fromiter(samples, np.float64, len(samples)).reshape(len(alike), rounds, 2 * entrants)
    calls = np.array([series.calls_per_sample for series in alike], dtype=np.float64)[:, None, :]
    if max(stretches.max(), calls.max()) >= EXACT:
        return [_one_by_one(series, against) for series in alike]
    order = np.fromiter(chain.from_iterable([one.order for one in played]), np.intp, len(samples) // 2)
    place_of = order.reshape(len(alike), rounds, entrants).argsort(axis=2)
    per_call = np.concatenate(_by_entrant(stretches, place_of), axis=1) / calls
    per_call = per_call.transpose(0, 2, 1).reshape(-1, 2 * rounds)
    per_call.partition((rounds - 1, rounds), axis=1)
    times = map(log, ((per_call[:, rounds - 1] + per_call[:, rounds]) * 0.5).tolist())
    first, last = _by_entrant(np.fromiter(map(log, samples), np.float64, len(samples)).reshape(
        stretches.shape), place_of)
    logs = (first + last) * 0.5 - np.array([list(map(log, series.calls_per_sample)) for series in alike])[:, None, :]
    rivals = [number for number in range(entrants) if number not in (COPY, against)]
    ratios = logs[:, :, rivals] - logs[:, :, against:against + 1]
    estimates = iter(pseudo_medians(ratios.transpose(0, 2, 1).reshape(-1, rounds)))
    found = []
    for _ in alike:
        own = list(islice(times, entrants))
        held = dict(zip(rivals, islice(estimates, len(rivals))))
        found.append(SeriesLevels([None if number == COPY else time for number, time in enumerate(own)],
                                  list(map(held.get, range(entrants)))))
    return found


def _by_entrant(stretches: np.ndarray, place_of: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return the two stretches of each entrant in each round: shapes (series, rounds, entrants)."""
    half = place_of.shape[2]
    return (np.take_along_axis(stretches[:, :, :half], place_of, axis=2),
            np.take_along_axis(stretches[:, :, :half - 1:-1], place_of, axis=2))
