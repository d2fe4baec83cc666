"""The page: one self-contained HTML file of ASCII, from findings alone."""

import base64
import hashlib
import json
import re
from typing import Any, Dict, List, Optional, Tuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.findings import Findings
from reports.findings.memory import Kind
from reports.findings.published import Quantity
from reports.formats import energy_words, memory_words, published_text, texts
from reports.formats.difference_words import difference_rows
from reports.formats.drawing import CHANNELS, Charts, shown_values
from reports.formats.files import Made, Options
from reports.formats.glossary import GLOSSARY
from reports.formats.goals_text import goals_sheets
from reports.formats.markdown import markdown
from reports.formats.roofline_text import above_notes, points_key, roof_sheets, roofs_key
from reports.formats.sentence import headline_parts, headline_text
from reports.formats.sheets import Sheet, sheets
from reports.formats.style import TEMPLATES, read_template, style
from reports.numbers import NARROW, percent, unbroken
from reports.wording import QUANTITIES, value_text

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
MEMORY_ROWS = 250   # a page with more rows leaves the kinds of memory to tables/memory.csv
MANY_TABLES = 100   # a page with more tables has its browser lay out those alone that are looked at
#: Characters of a cell of words: a short one stays in one line; with its heading, what half a phone holds.
SHORT, LONG = 17, 23
#: Where a name of more characters may be parted: not within a number.
NAME, JOINT = 12, re.compile(r"(?<=[_/])(?=\w)|(?<=[A-Za-z_]\.)(?=\w)")
#: Quantities that are counted and not measured: folded away.
COUNTS = (Quantity.PARAMETERS, Quantity.MACS)


def render_page(found: Findings, refresh_s: Optional[int] = None, home: Optional[str] = None,
                live: Optional[str] = None) -> str:
    """Return the page as ASCII text.

    ``live`` says how far a run still going on has come, and with ``refresh_s`` browsers load the page again so often;
    ``home`` is the address of the list of runs, where there is one.
    """
    script, live_script, tables = read_template("page.js"), read_template("live.js"), found.tables
    kinds = [table.memory_kind for table in tables if table.memory_kind is not None]
    text = environment().get_template("page.html.j2").render(
        f=found, t=texts, m=memory_words, e=energy_words, sheets=sheets(found),
        goals=goals_sheets(found.goals), roof_notes=above_notes(one.above for one in found.roof_points),
        # what its last notes say stands above the charts
        roof_table=[sheet._replace(notes=sheet.notes[:1]) for sheet in roof_sheets(found.rooflines)],
        charts=_Safe(Charts(found)), markdown=markdown(found), script=Markup(script),
        refresh_s=refresh_s, home=home, live=live, script_hash=script_hash(script), style=Markup(style()),
        many=len(tables) > MANY_TABLES, live_script=Markup(live_script), live_hash=script_hash(live_script),
        page_json=page_json(found),
        nn=NARROW, question=question(found), number_word=number_word, short_reason=short_reason,
        below_section=below_section, cell_class=cell_class, unbroken=unbroken, difference_rows=difference_rows,
        points_key=points_key, roofs_key=roofs_key,
        headline=headline_parts(found), headline_text=headline_text(found), told=texts.warning_texts(found),
        device=texts.device_name(found.about.device), factor_text="{}{}%".format(
            percent(1 + found.about.factor, sign=False).replace(".0", ""), NARROW),
        any_memory=any(table.has_memory for table in tables),
        memory_kinds=[kind for kind in Kind if kind in kinds], p=published_text,
        any_energy=any(table.has_energy for table in tables), memory_in_page=memory_in_page(found),
        memory_reason=_memory_reason(found), contents=_contents(found), published=_published(found),
        quantities=QUANTITIES, glossary=GLOSSARY, breakable=breakable,
        traces=[trace for trace in found.traces if trace.chosen], value_text=value_text,
        labels=[] if found.devices is None else texts.column_labels(found.devices))
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def environment() -> Environment:
    """Return the template environment: everything escaped, undefined names and NaN refused."""
    # select_autoescape would leave page.html.j2 unescaped, for it looks at the last ending
    env = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                      keep_trailing_newline=True)
    env.policies["json.dumps_kwargs"] = {"allow_nan": False, "sort_keys": True, "separators": (",", ":")}
    return env


def script_hash(script: str) -> str:
    """Return the Content-Security-Policy source of an inline script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("ascii")).digest()).decode("ascii")


def memory_in_page(found: Findings) -> bool:
    """Return whether the page has room for every kind of memory."""
    return sum(len(table.rows) for table in found.tables) <= MEMORY_ROWS


def _memory_reason(found: Findings) -> str:
    reasons = [gap.reason for table in found.tables for gap in tuple(found.gaps) + table.gaps if gap.what == "memory"]
    return texts.reasons_text(reasons) or "no pass recorded it"


def _contents(found: Findings) -> List[Tuple[str, str]]:
    """Return anchor and title of every section but that of the comparisons that the page has."""
    every = [("close", "Close calls", found.close_calls), ("goals", "Goals", found.goals),
             ("sheets", " ".join(one.section for one in sheets(found)[:1]), sheets(found)),
             ("power-modes", "Speed against power", any(one.drawn for one in found.power_modes)),
             ("devices", "The same rivals in every run", found.devices),
             ("published", "Beside the published numbers", found.published),
             ("samples", "Every sample", found.strips),
             ("memory", "Memory", True), ("energy", "Energy", True),
             ("traces", "Power, clock and temperature", any(trace.chosen for trace in found.traces)),
             ("sweeps", "Where it starts to pay", found.sweeps),
             ("roofline", "How close to the hardware", found.rooflines), ("how", "How this was measured", True)]
    return [(key, title) for key, title, there in every if there]


def _published(found: Findings) -> Dict[str, List[Any]]:
    """Return the published numbers as the page parts them: results, counts, and what the sources do not give."""
    given = [one for one in found.published if one.printed.value is not None]
    return {"results": [one for one in given if one.printed.quantity not in COUNTS],
            "counts": [one for one in given if one.printed.quantity in COUNTS],
            "blank": [one for one in found.published if one.printed.value is None]}


def page_json(found: Findings) -> Dict[str, Any]:
    """Return the numbers and reasons that the page carries as data, rounded to what it shows."""
    tables = [{"key": table.key, "title": table.title, "baseline": table.baseline, "floor": table.floor,
               "launches": table.launches, "rows": [_row_json(row, table) for row in table.rows]}
              for table in found.tables]
    memory = {case.case: {kind.value: case.of(kind).value for kind in memory_words.MEMORY
                          if case.of(kind).value is not None}
              for case in found.memory} if memory_in_page(found) else {}
    traces = [{"case": trace.case, "time_s": trace.time_s, "panels": [
        {"label": CHANNELS[panel.channel].label, "values": shown_values(trace, index)}
        for index, panel in enumerate(trace.panels)]} for trace in found.traces if trace.chosen]
    kept = {"format": found.format, "run": found.about.run, "suite": found.about.suite,
            "created": found.about.created, "factor": found.about.factor, "tables": tables, "traces": traces,
            "memory_bytes": {case: values for case, values in memory.items() if values}}
    return json.loads(json.dumps(kept, allow_nan=False), parse_float=lambda text: float("{:.6g}".format(float(text))))


def _row_json(row: Any, table: Any) -> Dict[str, Any]:
    times = row.times
    values = {"id": row.id, "case": row.case, "name": row.name, "state": row.state.value, "speed": row.speed,
              "low": row.low, "high": row.high, "median_s": row.median_s, "p5_s": times.p5_s if times else None,
              "p95_s": times.p95_s if times else None, "samples": times.samples if times else None,
              "energy_j": row.energy.value, "parameters": row.parameters, "macs": row.macs, "form": row.form,
              "reason": texts.row_reason(row), "detail": texts.detail(row, table)}
    return {key: value for key, value in values.items() if value is not None and value != ""}


def question(found: Findings) -> str:
    """Return the heading of the comparison tables."""
    convolutions = found.tables and all("conv" in table.baseline.lower() for table in found.tables)
    return "Is it faster than the {}?".format("convolution" if convolutions else "baseline")


def number_word(number: int) -> str:
    """Return a small number as a word that begins a sentence."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def below_section(sheet: Sheet) -> str:
    """Return the title of a table that stands under the heading of its section: that is not said twice."""
    start = sheet.section + ": "
    return sheet.title[len(start):] if sheet.title.startswith(start) else sheet.title


def breakable(text: str) -> Markup:
    """Return ``text`` as markup whose long dotted names and paths break behind a dot, a slash or an underscore."""
    return Markup(" ".join(JOINT.sub("<wbr>", str(escape(word))) if len(word) > NAME else str(escape(word))
                           for word in text.split(" ")))


def cell_class(text: str, head: str) -> str:
    """Return how a cell of words is laid out: a short one in one line, with a long ``head`` over a phone's width."""
    if not text:
        return "blank"
    return ("short" if len(text) <= SHORT else "wrapcell") + (" full" if len(head) + len(text) > LONG else "")


def short_reason(reason: Optional[str], most: int = 34) -> str:
    """Return a reason cut to fit a narrow cell; the full one stands in the table of its own kind."""
    text = reason or "not measured"
    return text if len(text) <= most else text[:most - 1].rsplit(" ", 1)[0] + "\u2026"


class _Safe:
    """Hands a chart's methods to the template with their results marked as markup where they are SVG."""

    def __init__(self, charts: Charts) -> None:
        self._charts = charts

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._charts, name)

        def call(*arguments: Any) -> Any:
            result = method(*arguments)
            return Markup(result) if isinstance(result, str) and result.startswith("<svg") else result

        return call


def make(found: Findings, options: Options) -> Made:
    """Return the page."""
    return Made([("report.html", render_page(found))])
