"""What surgery did, or would do, as a table, and what it left alone and why."""

import enum
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

HEADINGS = ("layer", "was", "becomes", "parameters before", "after", "multiply-adds before", "after", "note")
NUMBERS = (3, 4, 5, 6)


class Refused(enum.Enum):
    """Why a layer of the right kind is left as it is."""

    NEVER_CALLED = "its forward is never called on the example, so nothing in its place would be used"
    READ_ELSEWHERE = "its weights are also used outside its own forward, where a new layer has none to give"
    BYPASSED = "the network goes on calling the old layer, which something besides its name holds"
    TIED = "its weights are also those of a layer that stays"
    PADDING_MODE = "it pads with something other than zeros"
    OWN_FORWARD = "it has a forward of its own, which would be lost"
    BY_KEYWORD = "it is called with its input by keyword, and a new layer has another name for it"
    NO_BATCH = "its input has no batch axis, so the channels are not where the new layer looks for them"
    NO_BLOCK = "no block of two or more channels fits it, and blocks of one mix nothing"


class Replacement(NamedTuple):
    """One replaced layer: its name in the network, both layers in words, in parameters and in multiply-adds.

    Multiply-adds are those of all its calls on the example; ``None`` where no rule knows one of the layers. A tensor
    shared by several layers counts in the first row that has it.
    """

    name: str
    before: str
    after: str
    parameters_before: int
    parameters_after: int
    note: str = ""
    macs_before: Optional[int] = None
    macs_after: Optional[int] = None


class Refusal(NamedTuple):
    """One layer of a kind that the rule replaces, left as it was: its name, itself in words, the reason."""

    name: str
    layer: str
    reason: Refused
    detail: str = ""

    def __str__(self) -> str:
        return "{} ({}): {}{}".format(self.name, self.layer, self.reason.value,
                                      " ({})".format(self.detail) if self.detail else "")


class SurgeryTable:
    """What was replaced, row by row; ``print`` shows it aligned, ``list(table)`` gives the rows.

    ``refused`` are the layers of the right kind that were left, with the reason; ``example`` is the input, in words,
    on which multiply-adds were counted.
    """

    def __init__(self, rows: Sequence[Replacement], refused: Sequence[Refusal] = (), example: str = "") -> None:
        self.rows = tuple(rows)
        self.refused = tuple(refused)
        self.example = example

    def __iter__(self) -> Iterator[Replacement]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Replacement:
        return self.rows[index]

    @property
    def parameters_before(self) -> int:
        """Parameters of all replaced layers together."""
        return sum(row.parameters_before for row in self.rows)

    @property
    def parameters_after(self) -> int:
        """Parameters of all layers put in their place."""
        return sum(row.parameters_after for row in self.rows)

    @property
    def macs_before(self) -> Optional[int]:
        """Multiply-adds of all replaced layers on the example; ``None`` where one is not known."""
        return _sum([row.macs_before for row in self.rows])

    @property
    def macs_after(self) -> Optional[int]:
        """Multiply-adds of all layers put in their place; ``None`` where one is not known."""
        return _sum([row.macs_after for row in self.rows])

    def __str__(self) -> str:
        lines: List[Tuple[str, ...]] = [HEADINGS]
        lines += [(row.name, row.before, row.after, _number(row.parameters_before), _number(row.parameters_after),
                   _number(row.macs_before), _number(row.macs_after), row.note) for row in self.rows]
        lines.append(("total", "", "", _number(self.parameters_before), _number(self.parameters_after),
                      _number(self.macs_before), _number(self.macs_after), ""))
        if not any(row.note for row in self.rows):
            lines = [line[:-1] for line in lines]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        text = ["  ".join(word.rjust(width) if column in NUMBERS else word.ljust(width)
                          for column, (word, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
        if self.example:
            text.append("multiply-adds on an input of {}; an addition of a transform counts as one".format(
                self.example))
        return "\n".join(text + ["left: {}".format(refusal) for refusal in self.refused])


def _number(value: Optional[int]) -> str:
    return "-" if value is None else "{:,}".format(value)


def _sum(values: Sequence[Optional[int]]) -> Optional[int]:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
