import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import numbers

POSITIVE = st.floats(min_value=1e-11, max_value=1e13, allow_nan=False)


@pytest.mark.parametrize("value, expected", [
    (1.58e-3, "1.58\u202fms"), (954e-6, "954\u202f\u00b5s"), (999.6e-6, "1.00\u202fms"), (2.0, "2.00\u202fs"),
    (123.4, "123\u202fs"), (0, "0\u202fs"), (3.2e-9, "3.20\u202fns")])
def test_times_have_three_significant_digits_and_a_unit(value, expected):
    assert numbers.seconds(value) == expected


@pytest.mark.parametrize("ratio, expected", [
    (1.8312, "1.83\u00d7 faster"), (1 / 2.44, "2.44\u00d7 slower"), (1.012, "+1.2\u202f%"),
    (0.93, "\u22127.0\u202f%"), (1.0, "0.0\u202f%"), (128.4, "128\u00d7 faster"), (0.9999, "0.0\u202f%")])
def test_speeds_beyond_ten_percent_are_factors_and_within_it_percentages(ratio, expected):
    assert numbers.speed(ratio) == expected


def test_the_interval_of_a_slower_rival_is_on_the_scale_of_its_factor():
    assert numbers.interval(1 / 2.44, 1 / 2.46, 1 / 2.42) == "[2.42, 2.46]"
    assert numbers.interval(1.012, 0.996, 1.028) == "[\u22120.4, +2.8]"


@given(POSITIVE)
def test_a_formatted_number_is_the_number_to_three_digits(value):
    text, unit = numbers.seconds(value).split("\u202f")
    factor = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "m": 1e-3, "\u00b5": 1e-6, "n": 1e-9,
              "p": 1e-12}[unit[:-1]]
    assert math.isclose(float(text) * factor, value, rel_tol=0.0051)
    assert len(text.replace(".", "").lstrip("0")) <= 3 or value >= 1e12


@given(st.text())
def test_plain_text_is_ascii(text):
    numbers.plain(text).encode("ascii")


def test_plain_text_keeps_units_and_signs_readable():
    assert numbers.plain("954\u202f\u00b5s 1.83\u00d7 \u22127.0 41 \u00b0C") == "954 us 1.83x -7.0 41 C"
    assert [numbers.plain(numbers.SIGNS[state]) for state in
            ("faster", "slower", "same", "cannot tell", "wrong", "not measured")] == list("+-=?!.")


@given(st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=60))
def test_median_and_percentiles_lie_among_the_values_in_order(values):
    middle, low, high = numbers.summary(values)
    assert min(values) <= low <= middle <= high <= max(values)


def test_a_list_of_words_reads_as_a_sentence():
    assert numbers.listing(["a", "b", "c"]) == "a, b and c"
    assert numbers.listing(["a"]) == "a"


def test_an_interval_stays_in_one_line_and_a_list_does_not():
    assert numbers.unbroken("a, b: 2.0 [1.9, 2.1] (x, y)") == "a, b: 2.0 [1.9,\u00a02.1] (x, y)"
