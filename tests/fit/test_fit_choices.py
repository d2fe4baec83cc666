"""What --fit and --soak ask for: passes, sizes, and a refusal before anything starts."""

import pytest

from harness.choices import Choices, SessionError, check_fit, passes_for
from harness.settings import PASSES, parse_size


@pytest.mark.parametrize("text, size", [("4GB", 4 * 10 ** 9), ("500 mb", 5 * 10 ** 8), ("3.5GiB", 3758096384),
                                        ("1000 B", 1000), ("2KiB", 2048)])
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4", "4 apples", "-1GB", "0 B", "GB", "4G B"])
def test_a_size_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="4GB|more than nothing"):
        parse_size(text)


def test_what_is_asked_for_replaces_the_usual_passes():
    assert passes_for(Choices()) == PASSES
    assert passes_for(Choices(fit_bytes=1)) == ("verify", "fit")
    assert passes_for(Choices(fit_bytes=1, soak_s=1.0)) == ("verify", "fit", "soak")


def test_more_memory_than_is_free_is_refused_before_anything_starts():
    with pytest.raises(SessionError, match="4.00 GB were asked for, but only 3.00 GB"):
        check_fit(4 * 10 ** 9, "cpu", {"MemAvailable": 3 * 10 ** 9})
    check_fit(2 * 10 ** 9, "cpu", {"MemAvailable": 3 * 10 ** 9})
    check_fit(None, "cpu", {})
