"""The page: one self-contained HTML file of ASCII, from page data alone."""

import base64
import hashlib
import io
import json
import os
from typing import Any, Dict, Optional

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.drawing import Charts
from reports.markdown import markdown
from reports.numbers import NARROW, percent
from reports.svg.palette import DARK, FONT, LIGHT, declarations

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


def render_page(data: Dict[str, Any], refresh_s: Optional[int] = None) -> str:
    """Return the page as ASCII text; ``refresh_s`` makes browsers load it again, for a run still going on."""
    script = read_template("page.js")
    tables = data["tables"]
    kinds = [table["memory_title"] for table in tables if table["memory_title"]]
    text = environment().get_template("page.html.j2").render(
        d=data, charts=_Safe(Charts(data)), markdown=markdown(data), script=Markup(script), refresh_s=refresh_s,
        script_hash=script_hash(script), style=Markup(style()), page_json=page_json(data), nn=NARROW,
        question=question(data), number_word=number_word, short_reason=short_reason,
        factor_text="{}{}%".format(percent(1 + data["factor"], sign=False).replace(".0", ""), NARROW),
        any_memory=any(table["has_memory"] for table in tables),
        memory_title="Memory, " + kinds[0] if kinds else "Memory",
        any_energy=any(table["has_energy"] for table in tables),
        memory_reason="; ".join(sorted({gap["reason"] for table in tables for gap in table["absent"]
                                        if gap["title"] == "Memory"})) or "no pass recorded it")
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def environment() -> Environment:
    """Return the template environment: everything escaped, undefined names and NaN refused."""
    # select_autoescape would leave page.html.j2 unescaped, for it looks at the last ending
    env = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                      keep_trailing_newline=True)
    env.policies["json.dumps_kwargs"] = {"allow_nan": False, "sort_keys": True, "separators": (",", ":")}
    return env


def read_template(name: str) -> str:
    """Return a file of the templates with LF line ends, which is what a browser hashes."""
    with io.open(os.path.join(TEMPLATES, name), encoding="ascii") as file:
        return file.read().replace("\r\n", "\n")


def script_hash(script: str) -> str:
    """Return the Content-Security-Policy source of an inline script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("ascii")).digest()).decode("ascii")


def style() -> str:
    """Return the whole style: colours for light and dark, then the rules."""
    dark = declarations(DARK)
    return (":root{{{light}--font:{font}}}\n"
            "@media screen and (prefers-color-scheme:dark)"
            "{{:root:not([data-theme=light]){{{dark}color-scheme:dark}}}}\n"
            "@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark}}}}\n"
            ":root[data-theme=light]{{color-scheme:light}}\n{rules}{charts}").format(
        light=declarations(LIGHT), dark=dark, font=FONT, rules=read_template("page.css"),
        charts=read_template("chart.css"))


def page_json(data: Dict[str, Any]) -> Dict[str, Any]:
    """Return the page data as the page carries it: the numbers and reasons, rounded to what the page shows.

    Left out is what stands in the page as text already: the dots of the strips, formatted numbers, blanks.
    """
    kept = compact({key: data[key] for key in data if key not in ("samples", "words", "environment", "memory")})
    kept["memory_bytes"] = {
        row["case"]: {column["key"]: cell["bytes"] for column, cell in zip(table["columns"], row["cells"])
                      if cell["bytes"] is not None} for table in data["memory"] if data["memory_in_page"]
        for row in table["rows"]}
    for table in kept["tables"]:
        for row in table["rows"]:
            for key in ("comparison", "sign", "memory_bytes", "memory_step_bytes", "layer", "next_step", "images"):
                row.pop(key, None)
    return json.loads(json.dumps(kept, allow_nan=False), parse_float=lambda text: float("{:.6g}".format(float(text))))


def compact(value: Any) -> Any:
    """Return ``value`` without formatted texts, and without empty entries of dicts."""
    if isinstance(value, dict):
        return {key: compact(value[key]) for key in value
                if not key.endswith("_text") and value[key] is not None and value[key] not in ("", [])}
    return [compact(one) for one in value] if isinstance(value, list) else value


def question(data: Dict[str, Any]) -> str:
    """Return the heading of the comparison tables."""
    convolutions = data["tables"] and all("conv" in table["baseline"].lower() for table in data["tables"])
    return "Is it faster than the {}?".format("convolution" if convolutions else "baseline")


def number_word(number: int) -> str:
    """Return a small number as a word that begins a sentence."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


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
