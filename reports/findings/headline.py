"""What the run says in one sentence, as parts: who, against what, and how it fares from place to place."""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.words import Word
from reports.findings.rows import Row, RowState, Table

GROUPS = 2          # a headline longer than two claims is not read


class Outcome(Word):
    """Whether there is anything to say."""

    CLAIMS = "claims"
    NOTHING_TIMED = "nothing-timed"
    LAYER_NOT_TIMED = "layer-not-timed"


class ClaimPlace(NamedTuple):
    """How the layer fares in one comparison; no ``row`` where the comparison has no such layer."""

    title: str
    row: Optional[Row]


class Claim(NamedTuple):
    """One layer in one type against one baseline; the first place is its best win, else the one it was picked from.

    ``device`` and ``threads`` are those of the first place.
    """

    hero: str
    baseline: str
    places: Tuple[ClaimPlace, ...]
    dtype: str
    baseline_dtype: str
    device: str
    threads: int


class Headline(NamedTuple):
    """The claims to make, and how many comparisons are left to the tables."""

    outcome: Outcome
    claims: Tuple[Claim, ...] = ()
    left: int = 0


class Count(NamedTuple):
    """How many rivals got a word."""

    state: RowState
    number: int


class Summary(NamedTuple):
    """What was compared; ``least`` is the smallest relative difference that the run could tell.

    It is the largest of the practical factor, the A/A noise and half of what the launches of the middle rival differ
    by. ``None`` where one launch was made: how much launches differ is then unknown.
    """

    rivals: int
    comparisons: int
    launches: int
    least: Optional[float]
    tally: Tuple[Count, ...]


def headline(tables: Sequence[Table]) -> Headline:
    """Return what to say of ``tables``; only the main ones speak, those of the steady protocol first."""
    main = [table for table in tables if table.main]
    spoken = [table for table in main if table.protocol == "steady"] or main
    if all(row.speed is None for table in spoken for row in table.rows):
        return Headline(Outcome.NOTHING_TIMED)
    groups = _groups(spoken)
    if not groups:
        return Headline(Outcome.LAYER_NOT_TIMED)
    titles = short_titles(spoken)
    claims = tuple(Claim(hero.name, members[0].baseline, tuple(
        ClaimPlace(titles[table.key], _row(table, hero)) for table in members), hero.dtype, members[0].rows[0].dtype,
        members[0].device, members[0].threads) for hero, members in groups[:GROUPS])
    return Headline(Outcome.CLAIMS, claims, sum(len(members) for _, members in groups[GROUPS:]))


def _row(table: Table, hero: Row) -> Optional[Row]:
    """Return the row of the hero, or where a table lacks that form the fastest of the same layer and type."""
    same = [row for row in table.rows if not row.baseline and row.layer == table.about and row.dtype == hero.dtype]
    return next((row for row in same if row.name == hero.name), same[0] if same else None)


def _groups(tables: Sequence[Table]) -> List[Tuple[Row, List[Table]]]:
    """Group tables by baseline, its type and the layer they are about, each with its hero.

    A comparison is about the layer its suite names first among the rivals; the hero is the fastest form of
    that layer in the first table of the group that timed it. The table of its best win comes first.
    """
    groups: List[Tuple[Tuple[str, str, str], List[Table]]] = []
    for table in tables:
        key = (table.baseline, table.rows[0].dtype, str(table.about))
        same = next((members for known, members in groups if known == key), None)
        if same is None:
            groups.append((key, [table]))
        else:
            same.append(table)
    found = []
    for _, members in groups:
        for table in members:
            hero = next((row for row in table.rows if row.speed is not None and row.layer == table.about), None)
            if hero is not None:
                first = _best_win(members, hero) or table
                found.append((hero, [first] + [other for other in members if other is not first]))
                break
    return found


def _best_win(tables: Sequence[Table], hero: Row) -> Optional[Table]:
    """Return the table in which the hero itself is faster by most, ``None`` if it is in none."""
    wins = [(row.speed or 0.0, -number) for number, table in enumerate(tables) for row in [_row(table, hero)]
            if row is not None and row.name == hero.name and row.state is RowState.FASTER]
    return tables[-max(wins)[1]] if wins else None


def short_titles(tables: Sequence[Table]) -> Dict[str, str]:
    """Return by table key the part of its title that tells it apart from those of the same baseline.

    A beginning that all share is dropped ("1-D layer, 8x8" becomes "8x8"); beginnings that all differ say
    enough by themselves ("64 channels, 56x56" becomes "64 channels"); else the title stays whole.
    """
    families: Dict[str, List[str]] = {}
    for table in tables:
        families.setdefault(table.baseline, []).append(table.title)
    cuts = {baseline: _cut(titles) for baseline, titles in families.items()}
    found = {}
    for table in tables:
        mark, part = cuts[table.baseline]
        found[table.key] = table.title if mark is None else table.title.split(mark, 1)[part]
    return found


def _cut(titles: Sequence[str]) -> Tuple[Optional[str], int]:
    """Return where to cut the titles of one baseline and which part to keep, no mark for whole titles."""
    for mark in (", ", ": "):
        starts = [title.split(mark, 1)[0] for title in titles]
        if len(titles) < 2 or starts == list(titles):
            continue
        if len(set(starts)) == 1:
            return mark, -1
        if len(set(starts)) == len(starts):
            return mark, 0
    return None, 0


def summary(tables: Sequence[Table], factor: float) -> Summary:
    """Return the counts of the main tables, words in a fixed order and zeros left out."""
    main = [table for table in tables if table.main]
    states = [row.state for table in main for row in table.rows if not row.baseline]
    launches = max([table.launches for table in tables] or [0])
    return Summary(len(states), len(main), launches, least_difference(tables, factor) if launches > 1 else None,
                   tuple(Count(state, states.count(state)) for state in RowState if state in states))


def least_difference(tables: Sequence[Table], factor: float) -> Optional[float]:
    """Return the smallest relative difference that the samples of ``tables`` support, ``None`` without any."""
    floors = [table.floor for table in tables if table.floor is not None]
    # not the intervals: a clear case stops early, with a wide one
    spreads = sorted(math.sqrt(max(row.verdict.launch_speeds) / min(row.verdict.launch_speeds)) - 1.0
                     for table in tables for row in table.rows
                     if row.verdict is not None and len(row.verdict.launch_speeds) > 1)
    return max([factor] + floors + spreads[len(spreads) // 2:][:1]) if floors else None
