"""What ``list`` says in a narrow terminal, and to a program."""

import pytest

from harness.app.listing import MOST_COLUMNS, columns, hanging, suites_text


@pytest.mark.parametrize("width", [40, 80])
def test_lines_fold_between_words_below_where_they_began(width):
    text, whole = suites_text(width), suites_text(MOST_COLUMNS)
    assert max(len(line) for line in text.split("\n")) <= width < max(len(line) for line in whole.split("\n"))
    assert text.split() == whole.split()
    assert hanging("paper  ", "one two three four five six", 27) == "paper  one two three four\n       five six"


def test_where_nothing_names_a_width_no_line_is_folded(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError()))
    assert columns() == MOST_COLUMNS
    monkeypatch.setenv("COLUMNS", "40")
    assert columns() == 40
