"""What the papers claim of speed, memory, parameters and operations, as data: ``results/published/claims``.

A claim names the quantity that settles it, the rows of its table with the names the paper or its code uses, and
which case of which suite measures each. What a claim holds of other numbers is looked up among the published ones.
"""

import csv
import io
import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from harness.nearest import nearest
from harness.words import Word
from reports.findings.published import FOLDER, UNITS, Published, PublishedError, Quantity

CLAIMS = os.path.join(FOLDER, "claims")
COLUMNS = ("id", "paper", "sentence", "quantity", "value", "unit", "precision", "suite", "cannot",
           "source", "note")
ROW_COLUMNS = ("claim", "name", "comparison", "case", "judged", "also_counted", "value")
YES_NO = ("yes", "no")

#: The quantities that a claim may be about, by how its advantage is measured.
SPEEDS = (Quantity.SPEED, Quantity.CLAIMED_SPEED)
COUNTS = (Quantity.PARAMETERS, Quantity.MACS)
SAVINGS = (Quantity.PARAMETER_SAVING, Quantity.MAC_SAVING)
CLAIMED = SPEEDS + COUNTS + SAVINGS + (Quantity.MEMORY_SAVING, Quantity.TEST_SET_TIME)


class Cannot(Word):
    """Why a claim, or one row of it, cannot be tested."""

    OTHER_LAYERS = "other-layers"       # the paper replaced other layers, or does not say which
    NO_RIVAL = "no-rival"               # no suite holds what the paper measured or compares with
    NOT_PUBLISHED = "not-published"     # the source gives no number and no direction
    ON_A_CPU = "on-a-cpu"               # it is about devices of high parallelism, and the run's is none
    NOT_IN_RUNS = "not-in-runs"         # no run given holds its cases
    NOT_MEASURED = "not-measured"       # a run holds the case and no number of it
    NO_INTERVAL = "no-interval"         # one process, or too few rounds: nothing says how sure the number is
    CANNOT_TELL = "cannot-tell"         # the interval holds both no advantage and the published one


#: Those that are known before anything is measured.
STANDING = (Cannot.OTHER_LAYERS, Cannot.NO_RIVAL, Cannot.NOT_PUBLISHED)
#: Those that a claim may have: the last one holds for runs on a CPU alone.
OF_CLAIMS = STANDING + (Cannot.ON_A_CPU,)


class ClaimRow(NamedTuple):
    """One row of a claim's table: ``name`` is the paper's, ``judged`` tells that the claim is about it.

    ``case`` is empty where no suite here holds it. ``value`` is the published one of the claim's quantity in its base
    unit, ``time_s`` the published time; ``lacks`` is what the source says of a number that it does not give.
    ``also_counted`` are the numbers that the source counts beside the trainable ones, of this row and of its baseline
    alike; negative where it leaves some out (biases).
    """

    name: str
    comparison: str
    case: str
    judged: bool
    also_counted: int = 0
    value: Optional[float] = None
    time_s: Optional[float] = None
    lacks: str = ""


class Claim(NamedTuple):
    """One claim. ``value`` and ``precision`` are in base units (a share, a count, a factor).

    ``value`` is ``None`` where each row has its own, or the source gives a direction only. ``precision`` is one step
    of the last printed digit.
    """

    id: str
    paper: str
    sentence: str
    quantity: Quantity
    value: Optional[float]
    unit: str
    precision: float
    suite: str
    cannot: Optional[Cannot]
    source: str
    note: str
    rows: Tuple[ClaimRow, ...]


T = TypeVar("T", bound=Word)


def read_claims(published: Sequence[Published], folder: str = CLAIMS) -> Tuple[Claim, ...]:
    """Return every claim of ``folder`` with its rows and what ``published`` says of them, in file order.

    Raises :class:`PublishedError` naming file and line of what is not as ``results/published/README.md`` says.
    """
    rows: Dict[str, List[ClaimRow]] = {}
    places: Dict[str, str] = {}
    for where, fields in _lines(os.path.join(folder, "rows.csv"), ROW_COLUMNS):
        if fields["judged"] not in YES_NO:
            raise PublishedError("{}: '{}' in judged: write yes or no".format(where, fields["judged"]))
        rows.setdefault(fields["claim"], []).append(ClaimRow(
            fields["name"], fields["comparison"], fields["case"], fields["judged"] == "yes",
            int(_number(where, fields["also_counted"], 1.0) or 0), _number(where, fields["value"], 1.0)))
        places.setdefault(fields["claim"], where)
    numbers, lacks = _numbers(published), _lacks(published)
    claims: List[Claim] = []
    for where, fields in _lines(os.path.join(folder, "claims.csv"), COLUMNS):
        if any(one.id == fields["id"] for one in claims):
            raise PublishedError("{}: the claim '{}' stands there twice: rename one".format(where, fields["id"]))
        claims.append(_claim(where, fields, rows.pop(fields["id"], []), numbers, lacks))
    for name in rows:
        raise PublishedError("{}: there is no claim '{}': add it to claims.csv".format(places[name], name))
    return tuple(claims)


Place = Tuple[str, str, Quantity]
Numbers = Dict[Place, float]


def _numbers(published: Sequence[Published]) -> Numbers:
    """Return the printed numbers in base units; the first of several wins, so the papers' board comes first."""
    found: Numbers = {}
    for one in published:
        if one.value is not None:
            found.setdefault((one.comparison, one.case, one.quantity), one.value * UNITS[one.quantity][one.unit])
    return found


def _lacks(published: Sequence[Published]) -> Dict[Place, str]:
    return {(one.comparison, one.case, one.quantity): one.note for one in reversed(published) if one.value is None}


def _lines(path: str, columns: Sequence[str]) -> Iterator[Tuple[str, Dict[str, str]]]:
    with io.open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        name = os.path.basename(path)
        missing = [column for column in columns if column not in (reader.fieldnames or [])]
        if missing:
            raise PublishedError("{} line 1 lacks the column {}: add it".format(name, missing[0]))
        for row in reader:
            yield "{} line {}".format(name, reader.line_num), {
                column: (row[column] or "").strip() for column in columns}


def _claim(where: str, fields: Dict[str, str], rows: Sequence[ClaimRow], numbers: Numbers,
           lacks: Dict[Place, str]) -> Claim:
    quantity = _word(where, "quantity", fields["quantity"], CLAIMED)
    if fields["unit"] not in UNITS[quantity]:
        raise PublishedError("{}: '{}' is no unit of {}: write {}".format(
            where, fields["unit"], quantity, " or ".join(sorted(UNITS[quantity]))))
    if not any(row.judged for row in rows):
        raise PublishedError("{}: the claim '{}' has no judged row: add one to rows.csv".format(where, fields["id"]))
    if not fields["sentence"] or not fields["source"]:
        raise PublishedError("{}: a claim needs its sentence and its source".format(where))
    size = UNITS[quantity][fields["unit"]]
    value = _number(where, fields["value"], size)
    known = tuple(row._replace(
        value=row.value * size if row.value is not None else _published(numbers, row, quantity, value),
        time_s=numbers.get((row.comparison, row.case, Quantity.TIME)),
        lacks=next((lacks[key] for kind in (quantity, Quantity.TIME) for key in [(row.comparison, row.case, kind)]
                    if key in lacks), "")) for row in rows)
    return Claim(
        fields["id"], fields["paper"], fields["sentence"], quantity, value, fields["unit"],
        _number(where, fields["precision"], size) or 0.0, fields["suite"],
        _word(where, "cannot", fields["cannot"], OF_CLAIMS) if fields["cannot"] else None,
        fields["source"], fields["note"], known)


def _published(numbers: Numbers, row: ClaimRow, quantity: Quantity, value: Optional[float]) -> Optional[float]:
    """Return what is published of ``row``: its own number, else a speed computed from times, else the claim's."""
    for kind in (quantity, Quantity.SPEED) if quantity in SPEEDS else (quantity,):
        if (row.comparison, row.case, kind) in numbers:
            return numbers[row.comparison, row.case, kind]
    return value if row.judged else None


def _word(where: str, column: str, text: str, words: Sequence[T]) -> T:
    for word in words:
        if word.value == text:
            return word
    guess = nearest(text, [word.value for word in words])
    raise PublishedError("{}: '{}' is no {} of a claim: write {}".format(
        where, text, column, "'{}'".format(guess) if guess else "one of " + ", ".join(word.value for word in words)))


def _number(where: str, text: str, size: float) -> Optional[float]:
    try:
        return float(text) * size if text else None
    except ValueError:
        raise PublishedError("{}: '{}' is no number: write digits, or leave it blank".format(where, text)) from None
