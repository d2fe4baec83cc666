"""What differs around runs, in words: a line for each fact, one for a section that a run did not record at all."""

from typing import Dict, List, NamedTuple, Sequence, Tuple

from reports.findings.environment import Difference
from reports.numbers import count
from reports.wording import value_text

#: So many facts of a section that the same runs lack are told one by one, more of them in one line.
MOST_LACKING = 3
#: Characters of a commit's whole name, and of as much of it as people look up.
SHA, COMMIT = 40, 12


class DifferenceRow(NamedTuple):
    """A fact, or several of one section, and what each run says of it."""

    name: str
    texts: Tuple[str, ...]


def difference_rows(found: Sequence[Difference]) -> List[DifferenceRow]:
    """Return ``found`` in words and in order. Facts that only some runs have are counted where there are many."""
    lacking: Dict[Tuple[str, Tuple[bool, ...]], int] = {}
    for one in found:
        lacking[_place(one)] = lacking.get(_place(one), 0) + 1
    rows: List[DifferenceRow] = []
    for one in found:
        section, missing = place = _place(one)
        if not any(missing) or lacking[place] <= MOST_LACKING:
            rows.append(DifferenceRow(one.name, _texts(one)))
            continue
        row = DifferenceRow("{}: {}".format(section, count(lacking[place], "fact")),
                            tuple("not known" if absent else "known" for absent in missing))
        if row not in rows:
            rows.append(row)
    return rows


def _place(one: Difference) -> Tuple[str, Tuple[bool, ...]]:
    return one.name.split(".")[0], tuple(value is None for value in one.values)


def _texts(one: Difference) -> Tuple[str, ...]:
    """Return the values in words, to the last digit where they would read alike."""
    texts = tuple(value_text(value, one.name) for value in one.values)
    if one.name.endswith("commit"):
        texts = tuple(text[:COMMIT] if len(text) == SHA else text for text in texts)
    return texts if len(set(texts)) > 1 else tuple(str(value) for value in one.values)
