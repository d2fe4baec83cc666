"""A claim's table for LaTeX (booktabs), for one column of a paper and for both, in ASCII.

One column has a line for each source under the name of its row, so that it holds any number of devices; two columns
have the sources side by side. A table that fits keeps its natural widths, another one shares out the line. The
caption is short; runs, versions, notes and the reasons of blank cells stand above the table as comments,
to be used at will.
"""

import re
from typing import List, NamedTuple, Sequence, Tuple

from reports.findings.claim_tables import ClaimTable
from reports.findings.claims import SPEEDS, ClaimRow
from reports.formats.claims_text import (
    SourceCells,
    caption,
    notes,
    quantity_text,
    short_caption,
    source_cells,
    source_names,
    verdicts_text,
)
from reports.numbers import plain, unbroken

LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
         "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
         ">": r"\textgreater{}", '"': "''", "|": r"\textbar{}", "\u202f": r"\,", "\u00d7": r"$\times$",
         "\u2212": "$-$", "\u00b5": r"$\mu$", "\u2013": "--", "\u2264": r"$\leq$", "\u2265": r"$\geq$",
         "\u00b1": r"$\pm$", "\u00b0": r"$^\circ$", "[": "{[}", "]": "{]}", "\n": " ",
         "\u00a0": r"\nobreakspace{}"}
#: What would run together into one character.
LIGATURES = re.compile(r"(?<=[-`',!?])(?=[-`'])")

#: Millimetres between two columns, and digits of 8 pt that fit a line of one column and of two.
GAP_MM, ONE_COLUMN, TWO_COLUMNS = 2.2, 48, 100


class Column(NamedTuple):
    """One column: to the ``right`` or left, its longest word and its longest cell in widths of a digit."""

    right: bool
    least: float
    most: float


class Group(NamedTuple):
    """What stands above some columns: its words, and how many columns they are."""

    words: str
    columns: int


def latex(text: str) -> str:
    """Return ``text`` for LaTeX in ASCII: nothing in it is a command, and what has no twin is a question mark."""
    kept = "".join(char if char.isprintable() or char in LATEX else " " for char in text)
    words = "".join(LATEX.get(char) or (char if ord(char) < 128 else latex(plain(char)))
                    for char in LIGATURES.sub("\0", kept))
    return words.replace("\0", "{}")


def tex(table: ClaimTable) -> str:
    """Return one claim as a LaTeX table over both columns (``\\usepackage{array,booktabs}``)."""
    timed, words = table.claim.quantity in SPEEDS, quantity_text(table.claim)
    names, judged = source_names(table), bool(table.columns)
    rows = [[row.name] + [text for one in cells for text in _texts(one, timed)]
            + [verdicts_text(cells)] * judged for row, cells in _each(table)]
    if timed:
        groups = [Group("", 1)] + [Group(name, 2) for name in names] + [Group("", 1)] * judged
        heads = ["layer"] + ["time", words] * len(names) + ["verdict"] * judged
    else:
        groups = [Group("", 1), Group(words, len(names))] + [Group("", 1)] * judged
        heads = ["layer"] + list(names) + ["verdict"] * judged
    columns = _columns([heads] + rows, range(1, len(heads) - judged))
    return _table("table*", table, "", columns, TWO_COLUMNS, groups, heads, [_line(row) for row in rows])


def tex_single(table: ClaimTable) -> str:
    """Return one claim as a LaTeX table for one column: under each row a line for what is published and each run."""
    timed, words = table.claim.quantity in SPEEDS, quantity_text(table.claim)
    judged = bool(table.columns)
    # one run is named by the caption
    names = source_names(table) if len(table.columns) > 1 else ["published", "measured"]
    heads = ["layer"] + ["time"] * timed + [words] + ["verdict"] * judged
    lines: List[str] = []
    kept = [heads]
    for number, (row, cells) in enumerate(_each(table)):
        lines += [r"\addlinespace[2pt]"] * bool(number)
        lines.append(r"\multicolumn{%d}{@{}p{\linewidth}@{}}{\bfseries %s} \\" % (len(heads), latex(row.name)))
        for name, one in zip(names, cells):
            texts = [name] + _texts(one, timed) + [one.verdict] * judged
            kept.append(texts)
            lines.append(_line(texts))
    columns = _columns(kept, range(1, len(heads) - judged))
    return _table("table", table, "-single", columns, ONE_COLUMN, [], heads, lines)


def _each(table: ClaimTable) -> List[Tuple[ClaimRow, List[SourceCells]]]:
    return [(row, source_cells(table, index)) for index, row in enumerate(table.claim.rows)]


def _texts(one: SourceCells, timed: bool) -> List[str]:
    return [one.time] * timed + [unbroken(one.number)]


def _line(texts: Sequence[str]) -> str:
    return " & ".join(latex(text) for text in texts) + r" \\"


def _columns(rows: Sequence[Sequence[str]], right: Sequence[int]) -> List[Column]:
    """Return what each column holds, a breakable word ending at spaces and hyphens."""
    found = []
    for index, texts in enumerate(zip(*rows)):
        number = index in right
        found.append(Column(number, max(_digits(word, number) for one in texts for word in re.split(r"[ -]", one)),
                            max(_digits(text, number) for text in texts)))
    return found


def _digits(text: str, number: bool) -> float:
    """Return about how many digits take as much room as ``text``."""
    # letters are wider, brackets and points narrower than the digits that the room is reckoned in
    return 0.95 * len(text) if number else sum(1.5 if one.isupper() or one == "+" else 1.2 for one in text)


def shares(columns: Sequence[Column], room: float) -> List[float]:
    """Return the share of the line that each column gets, empty where all fit ``room`` digits as they are."""
    if sum(column.most for column in columns) <= room:
        return []
    least = [column.least for column in columns]
    wanted = [column.most - column.least for column in columns]
    rest = max(0, room - sum(least)) / float(sum(wanted) or 1)
    widths = [low + rest * more for low, more in zip(least, wanted)]
    return [width / sum(widths) for width in widths]


def _table(kind: str, table: ClaimTable, ending: str, columns: Sequence[Column], room: int, groups: Sequence[Group],
           heads: Sequence[str], body: Sequence[str]) -> str:
    label = "".join(char for char in table.claim.id if char.isalnum() or char == "-")
    # a heading wider than its columns would push the table over the margin
    wide = sum(max(0.0, 1.2 * len(group.words) - span) for group, span in zip(groups, _spans(groups, columns)))
    widths = ["{:.4f}".format(share) for share in shares(columns, room - wide)]
    small = sum(column.least for column in columns) > room
    said = ["% " + latex(text) for text in [table.claim.id + ending, caption(table)] + notes(table)]
    lines = said + [r"\begin{%s}" % kind,
             r"\centering" + (r"\scriptsize" if small else r"\footnotesize"),
             r"\setlength{\tabcolsep}{%.1fmm}" % (GAP_MM / 2),
             r"\begin{tabular}{@{}%s@{}}" % "".join(_column(column, widths[index:index + 1], len(columns))
                                                   for index, column in enumerate(columns)), r"\toprule"]
    lines += _group_lines(groups, widths, len(columns)) + [_line(heads), r"\midrule"] + list(body)
    lines += [r"\bottomrule", r"\end{tabular}",
              r"\caption{\footnotesize %s}" % latex(short_caption(table)),
              r"\label{tab:%s%s}" % (label, ending), r"\end{%s}" % kind]
    return "\n".join(lines) + "\n"


def _spans(groups: Sequence[Group], columns: Sequence[Column]) -> List[float]:
    """Return the characters of the columns below each group."""
    found: List[float] = []
    at = 0
    for group in groups:
        found.append(sum(column.most for column in columns[at:at + group.columns]) + group.columns - 1)
        at += group.columns
    return found


def _width(shares_: Sequence[str], number: int) -> str:
    """Return the width of some of ``number`` columns with the gaps between them."""
    gaps = sum(map(float, shares_)) * GAP_MM * (number - 1) - GAP_MM * (len(shares_) - 1)
    return r"\dimexpr %.4f\linewidth%+.2fmm\relax" % (sum(map(float, shares_)), -gaps)


def _column(column: Column, share: Sequence[str], number: int) -> str:
    if not share:
        return "r" if column.right else "l"
    return r">{%s\arraybackslash}p{%s}" % (r"\raggedleft" if column.right else r"\raggedright",
                                            _width(share, number))


def _group_lines(groups: Sequence[Group], widths: Sequence[str], number: int) -> List[str]:
    """Return the line of headings above the columns' own, and the rules under them."""
    if not groups:
        return []
    cells, rules, at = [], [], 0
    for group in groups:
        words = latex(group.words)
        if widths and words:
            words = r"\parbox[b]{%s}{\centering %s}" % (_width(widths[at:at + group.columns], number), words)
        cells.append(r"\multicolumn{%d}{c}{%s}" % (group.columns, words) if group.words else "")
        rules += [r"\cmidrule(lr){%d-%d}" % (at + 1, at + group.columns)] if group.words else []
        at += group.columns
    return [" & ".join(cells) + r" \\", "".join(rules)]
