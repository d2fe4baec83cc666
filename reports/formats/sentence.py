"""The headline in words: who, how much, against what, and where it does not hold."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from reports.findings import Findings
from reports.findings.headline import Claim, Outcome
from reports.findings.rows import Row, RowState
from reports.formats.sheets import answer
from reports.formats.texts import interval_text
from reports.numbers import NARROW, count, listing, percent, speed

MOST_CLAUSES = 3    # more sizes than this are counted, not named
DECIDED = (RowState.FASTER, RowState.SLOWER)
WORDS = {RowState.FASTER: "faster", RowState.SLOWER: "slower", RowState.SAME: "as fast",
         RowState.CANNOT_TELL: "cannot be told apart", RowState.WRONG: "wrong",
         RowState.NOT_MEASURED: "not measured"}


class Part(NamedTuple):
    """A piece of the headline; ``tone`` is the verdict that colours it, or ``None``."""

    text: str
    tone: Optional[RowState] = None


def headline_parts(found: Findings) -> List[Part]:
    """Return the headline in parts."""
    device, said = found.about.device.name or "machine", found.headline
    if said.outcome is Outcome.NOTHING_TIMED:
        asked = answer(found)
        if asked is not None:
            return [Part("On this {}: {}".format(device, asked))]
        if any(row.median_s is not None for table in found.tables for row in table.rows):
            return [Part("Too little was timed on this {}: no verdict yet.".format(device))]
        return [Part("Nothing was timed on this {}: no verdict.".format(device))]
    if said.outcome is Outcome.LAYER_NOT_TIMED:
        return [Part("On this {} the layer in question was not timed: no verdict on it.".format(device))]
    parts = [Part("On this {} ".format(device))]
    conditions = [_conditions(claim) for claim in said.claims]
    alike = len(conditions) > 1 and len(set(conditions)) == 1
    # one launch says nothing of the next: the same case has given disjoint intervals in five of them
    doubts = ["one launch, not confirmed"] if found.summary.launches == 1 else []
    for index, claim in enumerate(said.claims):
        last = index == len(said.claims) - 1
        own = [] if alike and not last else ["both {}".format(conditions[0]) if alike else conditions[index]]
        if last and not said.left:
            own, doubts = own + doubts, []
        parts.extend([Part("; ")] * bool(index) + _claim(claim) + [Part(" ({})".format("; ".join(own)))] * bool(own))
    if said.left:
        parts.append(Part("; {} below".format(count(said.left, "more comparison"))))
    return parts + [Part(" ({}).".format(doubts[0]) if doubts else ".")]


def headline_text(found: Findings) -> str:
    """Return the headline as one text."""
    return "".join(part.text for part in headline_parts(found))


def _claim(claim: Claim) -> List[Part]:
    """Return what is said of one layer: its first place, then how it fares in the others."""
    first, others = claim.places[0], claim.places[1:]
    assert first.row is not None                         # the hero was picked from this place
    counted = len(others) > MOST_CLAUSES
    several = not counted and any(_spoken(place.row) for place in others)
    where = [_place(first.title, claim, several)]
    if counted:
        return _first(claim, first.row, where) + [Part(_summed([place.row for place in others]))]
    clauses: List[Tuple[str, List[str]]] = []            # what is said, and where
    lost = []
    for whole, row in others:
        if row is None or not _spoken(row):
            lost.append(_place(whole, claim, False))
            continue
        title = _place(whole, claim, several)
        title += "" if row.name == claim.hero else " (as {})".format(row.name)
        if row.state is first.row.state and row.state not in DECIDED:
            where.append(title)
            continue
        said = _said(row)
        same = next((places for text, places in clauses if text == said), None)
        if same is None:
            clauses.append((said, [title]))
        else:
            same.append(title)
    parts = _first(claim, first.row, where)
    if clauses:
        joined = listing(["{} at {}".format(said, listing(places)) for said, places in clauses])
        parts.append(Part((", " if len(clauses) > 1 else " and ") + joined))
    if lost:
        parts.append(Part(" (not timed at {})".format(listing(lost))))
    return parts


def _spoken(row: Optional[Row]) -> bool:
    """Whether there is something to say of the layer in a place."""
    return row is not None and (row.speed is not None or row.state is RowState.WRONG)


def _place(title: str, claim: Claim, several: bool) -> str:
    """Return where, without what the conditions say anyway; beside ``several`` places its commas would mislead."""
    parts, said = title.split(", "), _conditions(claim).split(", ")
    rest = [part for part in parts[1:] if part not in said]
    if several and rest:
        return "{} ({})".format(parts[0], ", ".join(rest))
    return ", ".join(parts[:1] + rest)


def _conditions(claim: Claim) -> str:
    """Return the type, against the baseline's where that is another, and what it ran on."""
    types = claim.dtype if claim.dtype == claim.baseline_dtype else "{} against {}".format(
        claim.dtype, claim.baseline_dtype)
    return "{}, {}".format(types, "CUDA" if claim.device == "cuda" else count(claim.threads, "thread"))


def _summed(rows: Sequence[Optional[Row]]) -> str:
    """Return how the hero fares elsewhere when there are too many places to name."""
    states = [RowState.NOT_MEASURED if row is None else row.state for row in rows]
    if len(set(states)) == 1 and states[0] in DECIDED:
        return " and {} in all {} more comparisons".format(states[0], len(rows))
    told = ["{} {}".format(states.count(state), state) for state in RowState if state in states]
    return "; of {} more comparisons {}".format(len(rows), listing(told))


def _first(claim: Claim, row: Row, where: Sequence[str]) -> List[Part]:
    places = listing(where, "or" if row.state is RowState.CANNOT_TELL else "and")
    if row.state in DECIDED:
        spread = interval_text(row)
        return [Part("{} is {}".format(claim.hero, _said(row)), row.state),
                Part("{} than {} at {}".format(" " + spread if spread else "", claim.baseline, places))]
    if row.state is RowState.SAME:
        return [Part("{} is as fast as {}".format(claim.hero, claim.baseline), row.state),
                Part(" at {}".format(places))]
    return [Part("{} cannot be told apart".format(claim.hero), RowState.CANNOT_TELL),
            Part(" from {} at {}".format(claim.baseline, places))]


def _said(row: Row) -> str:
    if row.state not in DECIDED or row.speed is None:
        return WORDS[row.state]
    factor = max(row.speed, 1 / row.speed)
    if factor < 1.1:                                     # within 10 % the number is a percentage
        return "{}{}% {}".format(percent(factor, sign=False), NARROW, row.state)
    return speed(row.speed)
