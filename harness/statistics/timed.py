"""A launch's series with what all its rivals share, found in one walk: a comparison may have thousands of rivals."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.record.time_lines import BASELINE, COPY, LaunchLine, Series
from harness.rule import Rule, level_per_look
from harness.statistics.ratios import round_ratios
from harness.statistics.signed_rank import pseudo_median, signed_rank_interval


class Timed(NamedTuple):
    """One series of one launch.

    ``number_of`` finds an entrant by its case (the baseline's first copy), ``places`` holds for each entrant the
    numbers of the rounds that it took part in and its place in each, ``round_s`` the length of every round, settling
    calls counted. ``baseline`` is the entrant that the others are held against, ``ratios`` are the round ratios to it
    by entrant. ``aa`` are those of the A/A check and ``aa_estimate`` its estimate (a log ratio).
    """

    line: LaunchLine
    series: Series
    number_of: Dict[str, int]
    places: List[List[Tuple[int, int]]]
    round_s: List[float]
    baseline: int
    ratios: Dict[int, List[float]]
    aa: List[float]
    aa_estimate: float

    def samples_per_call_s(self, case: str) -> List[float]:
        """Return every sample of ``case`` as seconds per call, in the order played."""
        entrant = self.number_of[case]
        return pairs_per_call_s(self.series, entrant, self.places[entrant])

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
    lengths = [sum(played.sample_s) + sum(value or 0.0 for value in played.settle_s or ())
               for played in series.rounds]
    return Timed(line, series, index, places_of(series), lengths, against, ratios, own[COPY],
                 pseudo_median(own[COPY]) if own[COPY] else 0.0)


def places_of(series: Series) -> List[List[Tuple[int, int]]]:
    """Return for each entrant the numbers of the rounds that it took part in, and its place in each."""
    found: List[List[Tuple[int, int]]] = [[] for _ in series.entrants]
    for number, played in enumerate(series.rounds):
        for place, entrant in enumerate(played.order):
            found[entrant].append((number, place))
    return found


def pairs_per_call_s(series: Series, entrant: int, places: Sequence[Tuple[int, int]]) -> List[float]:
    """Return the samples at ``places`` of ``entrant`` as seconds per call, each with its mirrored one."""
    calls = series.calls_per_sample[entrant]
    found: List[float] = []
    for number, place in places:
        sample_s = series.rounds[number].sample_s
        found.extend((sample_s[place] / calls, sample_s[len(sample_s) - 1 - place] / calls))
    return found
