"""The goals of a run as a table of words: what was wanted, what was reached, and whether that is enough."""

from typing import List, Optional, Sequence, Tuple

from harness.reasons import Code, sentence
from reports.findings.goals import GoalRow, GoalState
from reports.formats.sheets import Sheet
from reports.numbers import SIGNS, count, listing, significant, times
from reports.wording import NO_REASON

HEADS = ("layer", "verdict", "goal", "reached", "interval")
HOW = ("Met: the whole interval of the ratio reaches the goal, against each of the rivals named; missed: none of it "
       "does. Where a goal names a kind of rival with several forms, the fastest decides.")


def goals_sheets(rows: Sequence[GoalRow]) -> List[Sheet]:
    """Return the table of the goals, none for a run without any; goals that the run left out stand below it."""
    if not rows:
        return []
    shown = [row for row in rows if row.reason is None or row.reason.code is not Code.NOT_PLANNED]
    notes = [HOW] if shown else []
    notes += ["{}, {}: {}.".format(row.name, row.title, sentence(row.reason)) for row in shown
              if row.ratio is not None and row.reason is not None]
    left = [row for row in rows if row not in shown]
    if left:
        notes.append("{} more: {}. tables/goals.csv has each.".format(
            count(len(left), "goal"), sentence(left[0].reason)))
    return [Sheet("goals", "Goals", "Goals: " + tally(rows), HEADS, [_cells(row) for row in shown], (3, 4), notes)]


def tally(rows: Sequence[GoalRow]) -> str:
    """Return how many goals were met, missed and the rest."""
    numbers = [(state, sum(row.state is state for row in rows)) for state in GoalState]
    return ", ".join("{} {}".format(number, state) for state, number in numbers if number)


def wanted(row: GoalRow) -> str:
    """Return the goal itself: a factor of time, or of speed where it wants to be faster."""
    rivals = _kind(row.rivals)
    if row.rival_threads is not None and row.rival_threads != row.threads:
        rivals += " on {}".format(count(row.rival_threads, "thread"))
    if row.at_most < 1:
        return "speed \u2265 {} {}".format(times(1 / row.at_most), rivals)
    return "time \u2264 {} {}".format(times(row.at_most), rivals)


def _kind(names: Sequence[str]) -> str:
    """Return the words that all names begin with, all names if there are none."""
    shared: List[str] = []
    for words in zip(*(name.split() for name in names)):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return " ".join(shared) or listing(names, "or")


def reached(row: GoalRow) -> Tuple[str, str]:
    """Return ratio and interval in the sense of the goal, empty where there is none."""
    if row.ratio is None:
        return "", ""
    fast = row.at_most < 1
    ends: Tuple[Optional[float], Optional[float]] = (row.low, row.high)
    if fast:
        ends = (row.high and 1 / row.high, row.low and 1 / row.low)
    if ends == (None, None):
        return times(1 / row.ratio if fast else row.ratio), "no interval"
    return times(1 / row.ratio if fast else row.ratio), "[{}, {}]".format(*[
        "?" if end is None else significant(end) for end in ends])


def _cells(row: GoalRow) -> Tuple[str, ...]:
    name = "{}, {}".format(row.name, row.title)
    verdict = "{} {}".format(SIGNS[row.state.value], row.state)
    if row.state is GoalState.NOT_MEASURED:
        return (name, "{}: {}".format(verdict, sentence(row.reason) or NO_REASON), "", "", "")
    return (name, verdict, wanted(row)) + reached(row)
