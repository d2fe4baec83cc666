"""The files of the templates, and the whole style of the page."""

import io
import os

from reports.formats.svg.palette import DARK, FONT, LIGHT, declarations

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


def read_template(name: str) -> str:
    """Return a file of the templates with LF line ends, which is what a browser hashes."""
    with io.open(os.path.join(TEMPLATES, name), encoding="ascii") as file:
        return file.read().replace("\r\n", "\n")


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
