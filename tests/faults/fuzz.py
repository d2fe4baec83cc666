"""Reads, reports and compares damaged records: ``python tests/faults/fuzz.py [--minutes 30] [--seed 1]``.

Every mutant must be read, or refused in one line that names the file and the line. Prints what was not, by place.
"""

import argparse
import contextlib
import glob
import io
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

#: Longest time for one mutant, and the most memory that all of them together may take.
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


class TookTooLongError(Exception):
    """A mutant that was not through in LIMIT_S."""


@contextlib.contextmanager
def time_limit(seconds):
    def late(number, frame):
        raise TookTooLongError("not through after {} s".format(seconds))

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


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


def steps(path, other, random, share):
    """Yield the targets of one mutant by name; ``share`` of the mutants goes on to the dear ones."""
    run = []
    yield READING, lambda: run.append(load_run(os.path.dirname(path)))
    yield FRAME, lambda: (run[0].to_frame(), run[0].verdicts(), run[0]._repr_html_())
    if random.random() < share:
        yield REPORT, lambda: report(run[0], random.random() < 0.02)
        yield COMPARE, lambda: [compare(*pair) for pair in ((run[0], other), (other, run[0]))]


def try_mutant(data, folder, other, random, share, tried, faults):
    """Put one mutant through all targets; count what was tried, and put what was wrong into ``faults``."""
    path = os.path.join(folder, "record.jsonl")
    with io.open(path, "wb") as file:
        file.write(data)
    for name, step in steps(path, other, random, share):
        tried[name] += 1
        try:
            with time_limit(LIMIT_S):
                step()
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


def fuzz(seconds, seed, share=0.25, most=None, biggest=None, say=lambda text: None):
    """Return what was tried and the faults by place, after ``seconds`` or ``most`` mutants."""
    random, tried, faults = Random(seed), Counter(), {}
    texts = [text for text in corpus().values() if biggest is None or len(text) <= biggest]
    weights = [1.0 / len(text) for text in texts]  # as much time for each record
    ended = time.monotonic() + seconds
    said = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sane = os.path.join(folder, "sane")
        os.mkdir(sane)
        with io.open(os.path.join(sane, "record.jsonl"), "w", encoding="utf-8") as file:
            file.write(texts[0])
        other = load_run(sane)
        while time.monotonic() < ended and (most is None or tried[READING] < most):
            text = random.choices(texts, weights)[0] if hasattr(random, "choices") else random.choice(texts)
            try_mutant(mutant(text, random), folder, other, random, share, tried, faults)
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say("{}: {} places at fault".format(dict(tried), len(faults)))
    return tried, faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--share", type=float, default=0.25, help="of the mutants go through reports and compare too")
    parser.add_argument("--keep", metavar="DIR", help="write the smallest mutant of each fault here")
    arguments = parser.parse_args()
    print("seed {}".format(arguments.seed))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    tried, faults = fuzz(60 * arguments.minutes, arguments.seed, arguments.share, say=print)
    for key, found in sorted(faults.items(), key=lambda item: -len(item[1])):
        smallest = min((one[1] if isinstance(one, tuple) else one for one in found), key=len)
        print("{:6d}  {}  {}".format(len(found), key[0], found[0][0] if isinstance(found[0], tuple) else key))
        if arguments.keep:
            os.makedirs(arguments.keep, exist_ok=True)
            with io.open(os.path.join(arguments.keep, "-".join(map(str, key))[:80].replace("/", "_")), "wb") as file:
                file.write(smallest)
    print("{}; peak {:.0f} MB; {} faults at {} places".format(
        dict(tried), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, sum(map(len, faults.values())),
        len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
