"""A table of words that every format prints the same way."""

from typing import NamedTuple, Sequence


class Sheet(NamedTuple):
    """One table: ``heads`` and ``rows`` in words, ``numbers`` the columns that are numbers, ``notes`` below it."""

    key: str
    section: str
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]
    notes: Sequence[str]
