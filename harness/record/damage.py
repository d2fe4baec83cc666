"""Lines of a record that cannot be read: each is skipped, counted and named, and what it held counts as not done."""

from typing import Dict, NamedTuple, Optional, Tuple

from harness.text import printable
from harness.words import Pass

#: So many damaged lines are kept with their place and problem; of any more only the number is.
MOST_KEPT = 100

#: So many are named in a sentence.
MOST_NAMED = 3


class Damaged(NamedTuple):
    """A line that was skipped: its number in the file, from 1, the field and what is wrong with it.

    ``name`` and ``comparison`` are what the line still says of itself, ``None`` where it says nothing.
    """

    number: int
    field: str
    problem: str
    name: Optional[Pass] = None
    comparison: Optional[str] = None


class Damage(NamedTuple):
    """How many lines of a record were skipped, and the first :data:`MOST_KEPT` of them."""

    lines: int = 0
    first: Tuple[Damaged, ...] = ()

    def with_line(self, line: Damaged) -> "Damage":
        """Return the damage with one more line."""
        return Damage(self.lines + 1, self.first + (line,) if self.lines < MOST_KEPT else self.first)

    def plus(self, later: "Damage") -> "Damage":
        """Return this damage and that of ``later`` lines."""
        return Damage(self.lines + later.lines, (self.first + later.first)[:MOST_KEPT])

    def without(self, earlier: "Damage") -> "Damage":
        """Return what came after ``earlier``, which this damage began with."""
        return Damage(self.lines - earlier.lines, self.first[len(earlier.first):])

    def may_hold(self, name: Pass, comparison: Optional[str]) -> bool:
        """Whether a skipped line may have been one of the pass ``name``, of ``comparison`` where that is known."""
        return self.lines > len(self.first) or any(
            line.name in (None, name) and (None in (line.comparison, comparison) or line.comparison == comparison)
            for line in self.first)


def place_of(data: Dict[str, object]) -> Tuple[Optional[Pass], Optional[str]]:
    """Return the pass and the comparison that a line which cannot be read as a whole still names."""
    known = {one.value: one for one in Pass}
    name, comparison = data.get("pass"), data.get("comparison")
    return (known.get(name) if isinstance(name, str) else None, comparison if isinstance(comparison, str) else None)


def damage_text(damage: Damage, file: str, done_over: bool = False) -> str:
    """Return one line that counts what was skipped of ``file`` and names the first lines with their fields.

    ``done_over`` tells whether a later session did over what they held.
    """
    said = ["line {}: {} {}".format(one.number, one.field, one.problem) for one in damage.first[:MOST_NAMED]]
    more = damage.lines - len(said)
    return printable("{} damaged {} of {} skipped ({}{}): what {} held {}".format(
        damage.lines, "line" if damage.lines == 1 else "lines", file, "; ".join(said),
        "; {} more".format(more) if more else "", "it" if damage.lines == 1 else "they",
        "was done over by a later session" if done_over else "counts as not done"))
