"""Levels of many series reckoned at once are to the last bit what each series gives by itself."""

import math
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.quantiles import median
from harness.reasons import Code, Reason
from harness.record import Round, Series
from harness.statistics import levels
from harness.statistics.levels import series_levels
from harness.statistics.ratios import round_ratios
from harness.statistics.signed_rank import pseudo_median
from harness.words import Role

stretches = st.floats(1e-12, 1e3) | st.integers(1, 2 ** 62)


@st.composite
def played_series(draw):
    """A series in most of whose rounds all took part, and the entrant that the others are held against."""
    entrants, whole = draw(st.integers(2, 4)), draw(st.integers(0, 4))
    rounds = []
    for _ in range(draw(st.sampled_from([0, 1, 2, 5]))):
        order = tuple(draw(st.permutations(range(entrants))))
        order = order if whole else tuple(one for one in order if one < 2 or draw(st.booleans()))
        samples = draw(st.lists(stretches, min_size=2 * len(order), max_size=2 * len(order)))
        rounds.append(Round(order, tuple(samples)))
    calls = tuple(draw(st.lists(st.integers(1, 2 ** 62), min_size=entrants, max_size=entrants)))
    series = Series("hot", ("b", "b") + tuple("cd")[:entrants - 2], calls, tuple(rounds), (12,), Role.FIRST,
                    Reason(Code.MOST_ROUNDS))
    return series, draw(st.none() | st.sampled_from([number for number in range(entrants) if number != 1]))


def bits(value):
    return None if value is None else struct.pack("d", value)


def alone(series, against):
    """The definition: the log of the median time per call, and the estimate of the round ratios."""
    ratios = {} if against is None else round_ratios(series, against)
    for entrant in range(len(series.entrants)):
        samples = series.samples_per_call_s(entrant)
        d = ratios.get(entrant)
        yield (None if entrant == 1 or not samples else bits(math.log(median(samples))),
               None if entrant == 1 or not d else bits(pseudo_median(d)))


@given(st.lists(played_series(), max_size=4))
@settings(max_examples=150)
@example([(Series("hot", ("b", "b"), (3, 3), (Round((1, 0), (2 ** 60 + 1, 2 ** 61 + 1, 7, 2 ** 62 - 1)),), (12,),
                  Role.FIRST, Reason(Code.MOST_ROUNDS)), 0)])
def test_many_at_once_are_to_the_bit_what_each_is_alone(wanted):
    found = [list(zip(map(bits, times), map(bits, estimates))) for times, estimates in series_levels(wanted)]
    assert found == [list(alone(*one)) for one in wanted]


@pytest.mark.parametrize("most", [1, 30, 1 << 20])
def test_more_samples_than_are_held_at_once_are_done_in_several_blocks(most, monkeypatch):
    rounds = [Round((0, 2, 1), (1e-3 * number, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3)) for number in range(1, 8)]
    wanted = [(Series("hot", ("b", "b", "c"), (1, 1, 2), tuple(rounds[start:start + 4]), (12,), Role.FIRST,
                      Reason(Code.MOST_ROUNDS)), 0) for start in (0, 1, 2, 3)]
    expected = series_levels(wanted)
    monkeypatch.setattr(levels, "MOST_SAMPLES", most)
    assert series_levels(wanted) == expected and len({repr(one) for one in expected}) == 4
