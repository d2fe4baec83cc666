"""What a format is: named files made from findings."""

from typing import Callable, Iterable, NamedTuple, Sequence, Tuple, Union

from reports.findings import Findings

Content = Union[str, bytes]


class Options(NamedTuple):
    """What the user chose: for how many comparisons to draw figures for papers; 0 draws no figures at all."""

    figures: int = 24


class Made(NamedTuple):
    """Files by their path below the report's folder, and what to tell the user about files that were not made."""

    files: Iterable[Tuple[str, Content]]
    notes: Sequence[str] = ()


class Format(NamedTuple):
    """A format under its name on the command line; ``with_all`` makes it part of ``all``."""

    name: str
    make: Callable[[Findings, Options], Made]
    with_all: bool = True
