"""The search for the largest batch: right to within one percent for any growth of the peak, in few probes."""

from hypothesis import given
from hypothesis import strategies as st

from harness.fit_search import MOST_BATCH, bracket, next_batch
from harness.record.lines import FitProbe


def search(peak_of, limit, start=1, own=None):
    tried = []
    batch = next_batch(tried, start, limit)
    while batch is not None:
        assert batch not in [probe.batch for probe in tried] and len(tried) < 80
        peak = peak_of(batch)
        fits = peak is not None and peak <= limit
        # a process that was killed tells no peak
        tried.append(FitProbe(batch, fits, peak if fits else None, own))
        batch = next_batch(tried, start, limit)
    return bracket(tried), tried


@given(st.integers(0, 3 * 10 ** 8), st.integers(1000, 10 ** 8), st.integers(10 ** 7, 10 ** 10), st.integers(1, 300))
def test_a_linear_peak_gives_the_floor_within_one_percent(own, per_image, limit, start):
    known, tried = search(lambda n: own + per_image * n, limit, start, own)
    right = max(0, (limit - own) // per_image)
    if right >= MOST_BATCH:
        assert known.largest == MOST_BATCH
    else:
        assert known.largest <= right < known.refused
        assert known.refused - known.largest <= max(1, known.largest // 100)
    assert len(tried) <= 14 or known.largest == 0


@given(st.integers(10 ** 7, 10 ** 9), st.integers(10 ** 4, 10 ** 7), st.floats(0.7, 1.6), st.integers(1, 64))
def test_a_peak_that_is_no_line_is_bisected(limit, per_image, power, start):
    def peak(n):
        return int(per_image * n ** power)

    known, _ = search(peak, limit, start)
    if known.largest < MOST_BATCH:
        assert peak(known.refused) > limit and (known.largest == 0 or peak(known.largest) <= limit)
        assert known.refused - known.largest <= max(1, known.largest // 100)


def test_nothing_fits_is_an_answer():
    known, tried = search(lambda n: None, 10 ** 6, 10)
    assert (known.largest, known.refused) == (0, 1)
    assert [probe.batch for probe in tried] == [10, 5, 2, 1]


def test_a_layer_that_needs_nothing_ends_at_the_largest_batch_ever_tried():
    known, tried = search(lambda n: 10 ** 6, 10 ** 9, 10)
    assert (known.largest, known.refused) == (MOST_BATCH, None) and len(tried) < 30


def test_a_refusal_that_the_line_through_the_peaks_cannot_explain_is_bisected_at_once():
    known, tried = search(lambda n: None if n > 40 else 2 * 10 ** 8 + n, 10 ** 9, 4, 2 * 10 ** 8)
    assert (known.largest, known.refused) == (40, 41)
    assert len(tried) <= 2 + 8


def test_a_linear_peak_takes_four_probes():
    _, tried = search(lambda n: 2 * 10 ** 8 + 10 ** 6 * n, 10 ** 9, 10, 2 * 10 ** 8)
    assert len(tried) == 4
