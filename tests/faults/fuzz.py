"""Reads, reports and compares damaged records: ``python tests/faults/fuzz.py [--minutes 30] [--seed 1] [--guided]``.

Every mutant must be read, as a whole or without the lines that are damaged, or refused in one line that names the
file and the line. Prints what was not, by place. Guided, a mutant that reaches a line of the project which none
before it has reached is cut down to the lines that it needs and damaged further; ``kept.json`` holds such mutants.
"""

import argparse
import contextlib
import glob
import io
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from random import Random

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
for folder in (HERE, ROOT):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from mutations import mutant  # noqa: E402
from reached import Reached  # noqa: E402

from harness import RecordError, load_run  # noqa: E402
from reports.compare import WRITERS  # noqa: E402
from reports.findings import findings  # noqa: E402
from reports.findings.calibration import CalibrationError, calibration  # noqa: E402
from reports.findings.cleaned import cleaned  # noqa: E402
from reports.findings.compared import compared, summary_of  # noqa: E402
from reports.formats.calibration_text import calibration_markdown, calibration_text  # noqa: E402
from reports.formats.changes_text import changes_text  # noqa: E402
from reports.formats.files import Options  # noqa: E402
from reports.formats.registry import FORMATS  # noqa: E402
from reports.formats.terminal import terminal_text  # noqa: E402

#: Longest time of the processor for one step of a mutant, and the most memory that all of them together may take.
LIMIT_S = 60
MOST_BYTES = 3 << 30

READING, FRAME, REPORT, COMPARE = "load_run", "to_frame", "report", "compare"


def corpus():
    """Return the records that mutants are made of, by name: real runs, small ones first."""
    paths = glob.glob(os.path.join(HERE, "corpus", "*.jsonl"))
    paths += [os.path.join(ROOT, "tests", "data", "record_format_1", "record.jsonl")]
    paths += glob.glob(os.path.join(ROOT, "results", "reference", "*", "record.jsonl"))
    found = {}
    for path in sorted(paths, key=os.path.getsize):
        with io.open(path, encoding="utf-8") as file:
            found[os.path.relpath(path, ROOT)] = file.read()
    return found


#: A mutant that is kept is small, so that many are.
LARGEST_KEPT = 40000

KEPT = os.path.join(HERE, "kept.json")


def kept():
    """Return the mutants that once reached new lines, as bytes."""
    with io.open(KEPT, encoding="ascii") as file:
        return [text.encode("latin-1") for text in json.load(file)]


class TookTooLongError(Exception):
    """A mutant that was not through in LIMIT_S."""


@contextlib.contextmanager
def time_limit(seconds):
    def late(number, frame):
        raise TookTooLongError("not through after {} s of the processor".format(seconds))

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def command(text):
    """Return the first character of ``text`` that could command a terminal, ``None`` if none could."""
    return next((char for char in text if char < " " and char != "\n" or "\x7f" <= char <= "\x9f"), None)


def check_refusal(error, path):
    """Raise ``AssertionError`` unless ``error`` is one line that names the file."""
    text = str(error)
    assert "\n" not in text and len(text) < 1000, "a refusal of {} characters".format(len(text))
    assert os.path.dirname(path) in text, "a refusal that names no file: " + text
    assert command(text) is None, "a refusal with control characters"


def report(run, publication=False):
    """Make every format of ``run``; raise ``AssertionError`` where one lets a control character through."""
    found = findings(run)
    shown = terminal_text(found, "report.html")
    assert command(shown) is None, "a control character on the terminal: {!r}".format(command(shown))
    for one in FORMATS:
        if one.name != "publication" or publication:
            for name, content in one.make(found, Options(2)).files:
                if isinstance(content, str) and name.endswith((".md", ".html")):
                    assert command(content.replace("\t", "")) is None, "a control character in " + name
                if name == "report.md":
                    check_markdown(content)
    with contextlib.suppress(CalibrationError):
        of_loads = calibration(run, found)
        for text in (calibration_text(of_loads, 80, True, False), calibration_markdown(of_loads)):
            assert command(text) is None, "a control character in the calibration"
    return found


def compare(old, new):
    """Compare two runs; raise ``AssertionError`` where a control character gets through."""
    found = cleaned(compared([summary_of(old), summary_of(new)]))
    for text in [changes_text(found, 80, True, False)] + [make(found) for make in WRITERS.values()]:
        assert command(text.replace("\t", "")) is None, "a control character in a comparison"


def check_markdown(text):
    """Raise ``AssertionError`` if Markdown of a hostile name would be a tag, a link or a comment."""
    plain = markup_of(text).lower()
    for bad in ("<img", "<script", "</script", "<!--", "](javascript"):
        assert bad not in plain, "report.md holds {}".format(bad)


def markup_of(text):
    """Return what of a Markdown text may be markup: what is code or stands behind a backslash is not."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"\\.", "", text))


def steps(path, other, dear, figures, run):
    """Yield the targets of one mutant by name; ``dear`` also those that take long, ``figures`` the longest too.

    The first puts what it read into ``run``.
    """
    yield READING, lambda: run.append(load_run(os.path.dirname(path)))
    yield FRAME, lambda: (run[0].to_frame(), run[0].verdicts(), run[0]._repr_html_())
    if dear:
        yield REPORT, lambda: report(run[0], figures)
        yield COMPARE, lambda: [compare(*pair) for pair in ((run[0], other), (other, run[0]))]


def try_mutant(data, folder, other, dear, figures, tried, faults):
    """Put one mutant through all targets; count what was tried, and put what was wrong into ``faults``."""
    path = os.path.join(folder, "record.jsonl")
    with io.open(path, "wb") as file:
        file.write(data)
    got = []
    for name, step in steps(path, other, dear, figures, got):
        tried[name] += 1
        try:
            with time_limit(LIMIT_S):
                step()
                tried["skipped"] += name == READING and bool(got[0].damage.lines)
        except RecordError as error:
            try:
                check_refusal(error, path)
                tried["refused"] += 1
            except AssertionError as fault:
                faults.setdefault((name, "refusal", str(fault)[:160]), []).append(data)
            return
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if ROOT in frame.filename and "/tests/" not in frame.filename] or frames
            place = "{}:{} {}".format(os.path.relpath(ours[-1].filename, ROOT), ours[-1].lineno,
                                      "{}: {}".format(type(error).__name__, str(error)[:100]))
            faults.setdefault((name, os.path.basename(ours[-1].filename), ours[-1].lineno), []).append((place, data))
            if name == READING:
                return


class Pool:
    """What mutants are made of: the corpus, and guided also what reached new lines."""

    def __init__(self, texts, guided):
        self.texts, self.found = list(texts), []
        self._reached = Reached() if guided else None
        self._weights = [1.0 / len(text) for text in self.texts]  # as much time for each record

    def draw(self, random):
        """Return a text to damage, half of the time one that was found."""
        if self.found and random.random() < 0.5:
            return random.choice(self.found).decode("latin-1")
        return random.choices(self.texts, self._weights)[0]

    def learn(self, data, through):
        """Put ``data``, which is known, ``through`` the targets: what it reaches is nothing new."""
        self._reached.know(self._reached.by(lambda: through(data)))
        self.found.append(data)

    def put(self, data, through, cut):
        """Put ``data`` ``through`` the targets; keep it, perhaps ``cut`` down, if it reaches what nothing did yet."""
        if self._reached is None:
            through(data)
            return
        fresh = self._reached.by(lambda: through(data))
        lines = data.split(b"\n")
        for place in range(len(lines) - 2 if cut and fresh and len(data) < LARGEST_KEPT else 0, 0, -1):
            fewer = lines[:place] + lines[place + 1:]
            if fresh <= self._reached.by(lambda fewer=fewer: through(b"\n".join(fewer))):
                lines = fewer
        self._reached.know(fresh)
        if fresh and sum(map(len, lines)) < LARGEST_KEPT:
            self.found.append(b"\n".join(lines))


def fuzz(seconds, seed, share=0.25, most=None, biggest=None, say=lambda text: None, guided=False):
    """Return what was tried in ``seconds`` or ``most`` mutants, the faults by place, and what reached new lines."""
    random, tried, faults = Random(seed), Counter(), {}
    texts = [text for text in corpus().values() if biggest is None or len(text) <= biggest]
    pool = Pool(texts, guided)
    began = time.monotonic()
    ended = began + seconds
    said = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sane = os.path.join(folder, "sane")
        os.mkdir(sane)
        with io.open(os.path.join(sane, "record.jsonl"), "w", encoding="utf-8") as file:
            file.write(texts[0])
        other = load_run(sane)

        def through(drawn):
            return lambda data: try_mutant(data, folder, other, drawn < share, drawn < 0.02 * share, tried, faults)

        if guided:
            for data in [text.encode("utf-8") for text in texts if len(text) < LARGEST_KEPT] + kept():
                pool.learn(data, through(0.5 * share if time.monotonic() < began + 0.25 * seconds else 1.0))
        while time.monotonic() < ended and (most is None or tried[READING] < most):
            drawn = random.random()
            pool.put(mutant(pool.draw(random), random), through(drawn), drawn >= share)
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say("{}: {} places at fault, {} reached new lines".format(dict(tried), len(faults), len(pool.found)))
    return tried, faults, pool.found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--share", type=float, default=0.25, help="of the mutants go through reports and compare too")
    parser.add_argument("--keep", metavar="DIR", help="write the smallest mutant of each fault here")
    parser.add_argument("--guided", action="store_true", help="damage further what reaches new lines")
    parser.add_argument("--update", action="store_true", help="write what reached new lines into kept.json")
    arguments = parser.parse_args()
    print("seed {}".format(arguments.seed))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    tried, faults, reached = fuzz(60 * arguments.minutes, arguments.seed, arguments.share, say=print,
                                guided=arguments.guided)
    if arguments.update:
        known = {text.encode("utf-8") for text in corpus().values()}
        with io.open(KEPT, "w", encoding="ascii") as file:
            json.dump([data.decode("latin-1") for data in reached if data not in known], file, indent=0)
    for key, found in sorted(faults.items(), key=lambda item: -len(item[1])):
        smallest = min((one[1] if isinstance(one, tuple) else one for one in found), key=len)
        print("{:6d}  {}  {}".format(len(found), key[0], found[0][0] if isinstance(found[0], tuple) else key))
        if arguments.keep:
            os.makedirs(arguments.keep, exist_ok=True)
            with io.open(os.path.join(arguments.keep, "-".join(map(str, key))[:80].replace("/", "_")), "wb") as file:
                file.write(smallest)
    print("{}; {} kept; peak {:.0f} MB; {} faults at {} places".format(
        dict(tried), len(reached), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        sum(map(len, faults.values())), len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
