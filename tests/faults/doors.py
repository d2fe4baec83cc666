"""Every command that reads records, knocked at in this process: what it prints and writes is looked through.

A command must end with a status of its own. What goes wrong is one line on standard error; nothing that it prints or
writes holds a control character, a tag, a link that a record put there, or lies outside the folder it was given.
"""

import contextlib
import fcntl
import io
import json
import os
import re
import shutil
import sys
from typing import Callable, List, NamedTuple, Tuple

from reports import __main__ as report
from reports import against, calibration, compare, export, paper
from reports.server.answers import RUNS, answer
from reports.server.library import Library, RunState

Main = Callable[[List[str]], int]


class Door(NamedTuple):
    """A command under its name with the words it is called with: ``{run}`` is the mutant, ``{a}`` and ``{b}`` others.

    ``dear`` marks what takes long: figures.
    """

    name: str
    main: Main
    words: Tuple[str, ...]
    dear: bool = False


def serve(argv):
    """Answer for the list of runs and the page of the run ``argv[0]``, which goes on or not as ``argv[1]`` says."""
    folder = argv[0]
    library = Library(os.path.dirname(folder))
    with io.open(os.path.join(folder, "record.jsonl"), "rb") as file:
        if argv[1] == "running":
            fcntl.flock(file, fcntl.LOCK_EX)
        for target in ("/", "/?from=%C2%B2", "/?from=" + 8 * "9", RUNS + os.path.basename(folder)):
            found = answer(library, target, "localhost")
            assert found.status in (200, 422), "the server answers {} to {}".format(found.status, target)
            sys.stdout.write(found.body.decode("utf-8"))
        entry, = [library.entry(one) for one in library.shelves().values()]
        assert found.status == 200 or entry.state is RunState.UNREADABLE
    return 0 if found.status == 200 else 2


FORMS = ("table", "markdown", "csv", "json", "html")

DOORS = (
    Door("report", report.main, ("{run} --format all --no-figures --out {out}", "{run} --format terminal",
                                 "{run} --format json --out -", "{run} --format markdown --out -")),
    Door("reports of several", report.main, ("{run} {a} --format all --no-figures --out {out}",
                                             "{a} {run} --format html --out -",
                                             "{a} {run} {b} --format all --no-figures --out {out}")),
    Door("compare", compare.main, tuple(words + " --format " + form for form in FORMS for words in (
        "{run} {a}", "{a} {run}", "{a} {run} {b} --fail-on 5%", "{run} {run}", "{run} published"))),
    Door("export", export.main, tuple("{} --to {} --out {}".format(words, form, out) for form, words, out in (
        ("pyperf", "{run}", "-"), ("github-action-benchmark", "{run}", "{out}/action.json"),
        ("csv", "{run} {a}", "-"), ("csv", "{run}", "{out}/runs.csv"), ("json", "{run}", "{out}/report.json"),
        ("parquet", "{a} {run} {b}", "{out}/runs.parquet")))),
    Door("report --paper", paper.main, ("{run} --no-figures --out {out}", "{a} {run} {b} --no-figures --out {out}")),
    Door("serve", serve, ("{run} stopped", "{run} running")),
    Door("against", against.main, ("{run}", "{run} --fail-on 5%")),
    Door("calibrate", calibration.main, ("{run}", "{run} --markdown")),
    Door("figures", report.main, ("{run} --format figures --out {out}", "{run} --format publication --out {out}"),
         True),
    Door("figures of papers", paper.main, ("{run} --out {out}", "{a} {run} --out {out}"), True),
)


class Knocked(NamedTuple):
    """What came of a command: its exit status, and all that it said."""

    status: int
    out: str
    err: str


def knock(door, random, run, others, out):
    """Call the command with words drawn at random; raises ``AssertionError`` where it did what it must not."""
    words = random.choice(door.words).format(run=run, a=random.choice(others), b=random.choice(others), out=out)
    around = sorted(os.listdir(os.path.dirname(out)))
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2)]
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            status = door.main(words.split(" "))
        for stream in streams:
            stream.flush()
        said = [stream.buffer.getvalue().decode("utf-8") for stream in streams]
        check_text("standard error", said[1])
        check_text("report.md" if "markdown" in words else "standard output", said[0])
        if said[0][:1] in ("{", "["):
            strict_json(said[0])
        check_files(out)
        left = set(os.listdir(os.path.dirname(out))) - set(around) - {os.path.basename(out)}
        assert not left, "it wrote outside its folder: {}".format(left)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return Knocked(status, *said)


def check_refused(door, found, run):
    """Raise ``AssertionError`` unless a record that cannot be read was refused in one line that names its folder.

    Another run of the command may have a line before it that tells of its own damage.
    """
    assert found.status in (2, 3), "{} of a record that cannot be read ends with {}".format(door.name, found.status)
    if door.main is serve:
        return
    *others, last = found.err.splitlines() or [""]
    assert all("damaged line" in line for line in others), "more than one line: {}".format(others)
    assert run in last and len(last) < 1000, "a refusal that names no file, or is long: {}".format(last)


def check_files(folder):
    """Look through every file below ``folder``."""
    for place, _, names in os.walk(folder):
        for name in names:
            assert not name.endswith(".part") and command(name) is None, "a file is called {!r}".format(name)
            with io.open(os.path.join(place, name), "rb") as file:
                data = file.read()
            if name.endswith((".md", ".html", ".svg", ".csv", ".tex", ".json")):
                check_text(name, data.decode("utf-8"))
            if name.endswith(".json"):
                strict_json(data.decode("utf-8"))


def check_text(name, text):
    """Raise ``AssertionError`` if ``text`` could command a terminal, or would be markup where it is Markdown."""
    assert command(text.replace("\t", "")) is None, "a control character in " + name
    if name.endswith(".md"):
        plain = markup_of(text).lower()
        for bad in ("<img", "<script", "</script", "<!--", "](javascript"):
            assert bad not in plain, "{} holds {}".format(name, bad)


def command(text):
    """Return the first character of ``text`` that could command a terminal, ``None`` if none could."""
    return next((char for char in text if char < " " and char != "\n" or "\x7f" <= char <= "\x9f"), None)


def markup_of(text):
    """Return what of a Markdown text may be markup: what is code or stands behind a backslash is not."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"\\.", "", text))


def strict_json(text):
    """Raise ``AssertionError`` unless ``text`` is JSON that any reader takes, without NaN and infinities."""
    def refuse(word):
        raise AssertionError("JSON with " + word)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise AssertionError("no JSON: {}".format(error)) from None
