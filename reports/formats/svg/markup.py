"""Elements of SVG as text, with everything that comes from a record escaped."""

from typing import Any, Iterable

from markupsafe import escape


def element(name: str, content: Iterable[str] = (), **attributes: Any) -> str:
    """Return one element. ``class_`` and ``stroke_width`` become ``class`` and ``stroke-width``; an
    attribute that is ``None`` is left out; numbers are rounded to 0.01. ``content`` is SVG, not text."""
    parts = ["<", name]
    for key, value in attributes.items():
        if value is not None:
            parts.append(' {}="{}"'.format(key.rstrip("_").replace("_", "-"), escape(number(value))))
    body = content if isinstance(content, str) else "".join(content)
    parts.append(">{}</{}>".format(body, name) if body else "/>")
    return "".join(parts)


def number(value: Any) -> str:
    """Return a coordinate as short text: at most two decimals, no trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    text = "{:.2f}".format(value).rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def percent(value: float) -> str:
    """Return a coordinate in percent of the width."""
    return number(value) + "%"


def text(content: str, x: Any, y: float, class_: str = "tick", anchor: str = "", **attributes: Any) -> str:
    """Return a text element; ``anchor`` is ``start`` (the default), ``middle`` or ``end``."""
    return element("text", str(escape(content)), x=x, y=y, class_=class_, text_anchor=anchor or None, **attributes)


def line(x1: Any, y1: float, x2: Any, y2: float, class_: str, **attributes: Any) -> str:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, **attributes)


def chart(content: Iterable[str], height: float, class_: str, label: str, **attributes: Any) -> str:
    """Return a chart as wide as its box: x in percent, y in pixels, ``label`` for screen readers.

    A chart without a label is hidden from them: what it shows stands in the cells beside it.
    """
    said = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return element("svg", content, class_=class_, width="100%", height=height, **dict(attributes, **said))


def stretched(path: str, height: float, class_: str, y: float = 0) -> str:
    """Return a path drawn on a grid 1000 wide that stretches with the chart while its stroke does not."""
    drawn = element("path", d=path, class_=class_, vector_effect="non-scaling-stroke")
    return element("svg", drawn, x=0, y=y, width="100%", height=height, viewBox="0 0 1000 {}".format(number(height)),
                   preserveAspectRatio="none", overflow="visible")
