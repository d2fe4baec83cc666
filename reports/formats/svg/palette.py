"""The colours, by role: light on white, dark on near-black. Styles and stand-alone charts take them from here."""

from typing import Dict

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'

LIGHT = {
    "page": "#ffffff", "ink": "#14181d", "dim": "#57606a", "rule": "#d5d9de", "band": "#e7eaee",
    "faster": "#0058a3", "slower": "#a83c00", "neutral": "#3d444b",
    "series-0": "#3d444b", "series-1": "#1241b4", "series-2": "#cd4010", "series-3": "#1b825c",
    "series-4": "#a559aa"}

DARK = {
    "page": "#14181d", "ink": "#e8ecf0", "dim": "#a2abb5", "rule": "#38414b", "band": "#2a323b",
    "faster": "#6bb3f9", "slower": "#f2994a", "neutral": "#d5dae0",
    "series-0": "#d5dae0", "series-1": "#4c7afb", "series-2": "#ca6b11", "series-3": "#5ad567",
    "series-4": "#ce8ec3"}

TEXT_ROLES = ("ink", "dim", "faster", "slower", "neutral")
SERIES_ROLES = ("series-0", "series-1", "series-2", "series-3", "series-4")


def declarations(colours: Dict[str, str]) -> str:
    """Return the colours as CSS custom properties."""
    return "".join("--{}:{};".format(role, colours[role]) for role in sorted(colours))


def resolved(style: str, colours: Dict[str, str]) -> str:
    """Return ``style`` with every ``var(--role)`` replaced: what reads no variables can then use it."""
    for role in colours:
        style = style.replace("var(--{})".format(role), colours[role])
    return style
