"""What is answered to an address, as plain data: no socket here."""

import os
from typing import Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from markupsafe import Markup

from harness.record import RecordError
from harness.text import printable
from reports.formats.page import environment, script_hash
from reports.formats.style import read_template, style
from reports.numbers import count
from reports.server.library import REFRESH_S, Entry, Library, RunState, Shelf

RUNS = "/runs/"
#: Runs on one page of the list: each is read once.
MOST_LISTED = 25
#: Names under which this machine's own programs, and the far end of an ssh tunnel, reach a loopback address. Any
#: other is a foreign page whose name was made to point here.
OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")

POLICY = "default-src 'none'; {}style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " \
         "frame-ancestors 'none'"
HEADERS = (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
           ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Resource-Policy", "same-origin"),
           ("Cache-Control", "no-store"))

SIGNS = {RunState.RUNNING: "\u25b6", RunState.COMPLETE: "\u2713", RunState.STOPPED: "\u25a0",
         RunState.UNREADABLE: "\u2715"}


class Answer(NamedTuple):
    """An HTTP status, the headers with it, and the body."""

    status: int
    headers: Tuple[Tuple[str, str], ...]
    body: bytes


def answer(library: Library, target: str, host: Optional[str]) -> Answer:
    """Return the answer to GET ``target`` asked under the name ``host``."""
    if host is None or host.rsplit(":", 1)[0].lower() not in OWN_NAMES and host.lower() not in OWN_NAMES:
        return told(403, "This server answers on this machine alone: open it as http://localhost, from elsewhere "
                         "through 'ssh -L'.")
    try:
        parts = urlsplit(target)
        path = unquote(parts.path, errors="surrogateescape")  # as names of folders are read
    except ValueError:
        return told(400, "This is no address.")
    if not target.startswith("/") or parts.netloc:
        return told(404, "There is nothing here: the list of runs is at /.")
    if path == "/":
        return _html(listed(library, _number(parts.query)), _scripts("live.js"))
    shelf = library.shelves().get(path[len(RUNS):].rstrip("/")) if path.startswith(RUNS) else None
    return told(404, "There is nothing here: the list of runs is at /.") if shelf is None else _run(library, shelf)


def _run(library: Library, shelf: Shelf) -> Answer:
    try:
        return _html(library.page(shelf, "/"), _scripts("page.js", "live.js"))
    except (RecordError, IOError, OSError) as error:
        return told(422, "{}.".format(str(error).rstrip(".")))


def listed(library: Library, first: int) -> str:
    """Return the list of runs from number ``first`` on."""
    shelves = list(library.shelves().values())
    shown = shelves[first:first + MOST_LISTED]
    entries = [library.entry(shelf) for shelf in shown]
    steps: List[Tuple[str, int]] = [("Newer runs", max(0, first - MOST_LISTED))] if first else []
    steps += [("Older runs", first + MOST_LISTED)] if first + MOST_LISTED < len(shelves) else []
    text = environment().get_template("runs.html.j2").render(
        policy=POLICY.format(_scripts("live.js")).split("; frame-")[0], live_script=Markup(read_template("live.js")),
        style=style(), folder=library.root, entries=entries,
        total=count(len(shelves), "run"), first=first, steps=steps, signs=SIGNS, printable=printable,
        address=_address, refresh_s=REFRESH_S if any(shelf.running for shelf in shown) else None)
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _scripts(*names: str) -> str:
    """Return the part of the policy that lets these scripts run and no other."""
    return "script-src {}; ".format(" ".join("'{}'".format(script_hash(read_template(name))) for name in names))


def _address(entry: Entry) -> str:
    return RUNS + quote(os.fsencode(entry.name))


def _number(query: str) -> int:
    """Return where the list shall begin; whatever is no number begins at the newest."""
    given = parse_qs(query).get("from", ["0"])[0]
    return int(given) if given.isdecimal() and len(given) < 9 else 0


def _html(text: str, scripts: str = "") -> Answer:
    headers: Dict[str, str] = dict(HEADERS)
    headers.update({"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY.format(scripts)})
    return Answer(200, tuple(headers.items()), text.encode("ascii"))


def told(status: int, sentence: str, *more: Tuple[str, str]) -> Answer:
    """Return one sentence as the answer."""
    headers = HEADERS + (("Content-Type", "text/plain; charset=utf-8"), ("Content-Security-Policy",
                                                                         POLICY.format(""))) + more
    return Answer(status, headers, (sentence + "\n").encode("utf-8", "replace"))
