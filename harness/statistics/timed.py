"""A launch's series with what all its rivals share, found in one walk: a comparison may have thousands of rivals."""

from itertools import chain
from operator import attrgetter
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from harness.quantiles import median
from harness.record.time_lines import BASELINE, COPY, LaunchLine, Series
from harness.rule import Rule, level_per_look
from harness.statistics.ratios import round_ratios
from harness.statistics.signed_rank import pseudo_median, signed_rank_interval

#: Two stretches of one entrant in one round that differ by more were not timed at one speed.
MIRROR_DIFFERENCE = 0.10

#: What a round may hold beside its samples.
BESIDE = ("enqueue_s", "hidden", "clock_hz")

Pair = Tuple[float, float]


class Timed(NamedTuple):
    """One series of one launch.

    ``number_of`` finds an entrant by its case (the baseline's first copy), ``places`` holds for each entrant the
    numbers of the rounds that it took part in and its place in each, ``pairs`` its two stretches (s) in each of them,
    ``median_s`` the median of those and ``apart`` how many pairs differ by more than :data:`MIRROR_DIFFERENCE`.
    ``kept`` names the fields that any round has beside its samples, ``round_s`` is the length of every round,
    settling calls counted. ``baseline`` is the entrant that the others are held against, ``ratios`` are the round
    ratios to it by entrant. ``aa`` are those of the A/A check and ``aa_estimate`` its estimate (a log ratio).
    """

    line: LaunchLine
    series: Series
    number_of: Dict[str, int]
    places: List[List[Tuple[int, int]]]
    pairs: List[List[Pair]]
    median_s: List[Optional[float]]
    apart: List[int]
    kept: FrozenSet[str]
    round_s: List[float]
    baseline: int
    ratios: Dict[int, List[float]]
    aa: List[float]
    aa_estimate: float

    def samples_per_call_s(self, case: str) -> List[float]:
        """Return every sample of ``case`` as seconds per call, in the order played."""
        entrant = self.number_of[case]
        calls = self.series.calls_per_sample[entrant]
        return [stretch_s / calls for stretch_s in chain.from_iterable(self.pairs[entrant])]

    def aa_is_real(self, rule: Rule) -> bool:
        """Whether the A/A interval excludes 0 while its estimate lies beyond the factor."""
        if not self.aa:
            return False
        centre, low, high = signed_rank_interval(self.aa, level_per_look(rule, self.series.looks))
        return low is not None and high is not None and abs(centre) > rule.edge and (low > 0.0 or high < 0.0)


def timed(line: LaunchLine, cache: str, baseline: Optional[str] = None) -> Optional[Timed]:
    """Return the series of ``line`` in the state ``cache`` with the ratios to the case ``baseline``.

    By default that is the series' own. ``None`` if there is no such series, or ``baseline`` took no part in it.
    """
    series = next((one for one in line.series if one.cache == cache), None)
    if series is None or baseline is not None and baseline not in series.entrants:
        return None
    index: Dict[str, int] = {}
    for number, case in enumerate(series.entrants):
        index.setdefault(case, number)
    against = BASELINE if baseline is None else index[baseline]
    own = round_ratios(series)
    ratios = own if against == BASELINE else round_ratios(series, against)
    lengths = [sum(played.sample_s) + (sum([value or 0.0 for value in played.settle_s]) if played.settle_s else 0.0)
               for played in series.rounds]
    places, pairs = places_of(series), pairs_of(series)
    most = 1.0 + MIRROR_DIFFERENCE
    return Timed(line, series, index, places, pairs,
                 [median(list(chain.from_iterable(own_pairs))) if own_pairs else None
                  for own_pairs in pairs],
                 [len([1 for first, last in own_pairs if first > most * last or last > most * first])
                  for own_pairs in pairs],
                 frozenset(name for name in BESIDE if any(map(attrgetter(name), series.rounds))),
                 lengths, against, ratios, own[COPY], pseudo_median(own[COPY]) if own[COPY] else 0.0)


def places_of(series: Series) -> List[List[Tuple[int, int]]]:
    """Return for each entrant the numbers of the rounds that it took part in, and its place in each."""
    found: List[List[Tuple[int, int]]] = [[] for _ in series.entrants]
    for number, played in enumerate(series.rounds):
        for place, entrant in enumerate(played.order):
            found[entrant].append((number, place))
    return found


def pairs_of(series: Series) -> List[List[Pair]]:
    """Return for each entrant its two stretches (s) in each round that it took part in."""
    found: List[List[Pair]] = [[] for _ in series.entrants]
    for played in series.rounds:
        for entrant, first, last in zip(played.order, played.sample_s, reversed(played.sample_s)):
            found[entrant].append((first, last))
    return found
