"""Puts damaged records through all that reads them: ``python tests/faults/fuzz.py [--minutes 30] [--seed 1]``.

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
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from random import Random
from typing import Callable, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
for folder in (HERE, ROOT):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from doors import DOORS, check_refused, command, knock  # noqa: E402
from mutations import mutant  # noqa: E402
from reached import Reached  # noqa: E402

from harness import RecordError, load_run  # noqa: E402

#: Longest time of the processor for one step of a mutant, and the most memory that all of them together may take.
LIMIT_S = 60
MOST_BYTES = 3 << 30

READING, FRAME = "load_run", "to_frame"
#: Doors that one mutant is put through, of those that are not dear.
KNOCKS = 3


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


#: A mutant that is kept is small, so that many are; larger ones are cut down first, up to this.
LARGEST_KEPT, LARGEST_CUT = 16000, 40000

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


def check_refusal(error, path):
    """Raise ``AssertionError`` unless ``error`` is one line that names the file."""
    text = str(error)
    assert "\n" not in text and len(text) < 1000, "a refusal of {} characters".format(len(text))
    assert os.path.dirname(path) in text, "a refusal that names no file: " + text
    assert command(text) is None, "a refusal with control characters"


class Bench(NamedTuple):
    """The folders that mutants are tried in, what has been tried, and what was wrong, by place."""

    folder: str
    tried: Counter
    faults: dict
    say: Callable[[str], None] = lambda text: None

    def place(self, *names):
        """Return a path in the folder; the folders above it are made."""
        path = os.path.join(self.folder, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def put(self, data, *names):
        """Write a record; return its folder."""
        path = self.place(*(names + ("record.jsonl",)))
        with io.open(path, "wb") as file:
            file.write(data)
        return os.path.dirname(path)

    def step(self, name, data, work):
        """Do ``work``, count it under ``name``, and keep what goes wrong; return whether all went well."""
        self.tried[name] += 1
        try:
            with time_limit(LIMIT_S):
                work()
        except (Exception, SystemExit) as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if ROOT in frame.filename and "/tests/" not in frame.filename] or frames
            place = "{}:{} {}".format(os.path.relpath(ours[-1].filename, ROOT), ours[-1].lineno,
                                      "{}: {}".format(type(error).__name__, str(error)[:160]))
            key = (name, os.path.basename(ours[-1].filename), ours[-1].lineno)
            if key not in self.faults:
                self.say("{}: {}".format(name, place))
            self.faults.setdefault(key, []).append((place, data))
            return False
        return True


def read(bench, folder):
    """Return the run in ``folder``, ``None`` where it was refused as it must be."""
    try:
        run = load_run(folder)
    except RecordError as error:
        check_refusal(error, os.path.join(folder, "record.jsonl"))
        bench.tried["refused"] += 1
        return None
    bench.tried["skipped"] += bool(run.damage.lines)
    return run


def try_mutant(data, bench, others, random, knocks=0, dear=False):
    """Read one mutant, and put it through ``knocks`` doors drawn at random, ``dear`` ones among them or alone.

    ``others`` are folders of other runs. One that can be read is the other run of the mutants after it.
    """
    folder, got = bench.put(data, "runs", "mutant"), []
    if not bench.step(READING, data, lambda: got.append(read(bench, folder))):
        return
    run, = got
    if run is not None:
        bench.step(FRAME, data, lambda: (run.to_frame(), run.verdicts(), run._repr_html_(), repr(run)))
    doors = [door for door in DOORS if door.dear <= dear]
    before = os.path.join(bench.folder, "before")
    others = list(others) + ([before] if os.path.isdir(before) else [])
    for door in random.sample(doors, min(knocks, len(doors))):
        def through(door=door):
            found = knock(door, random, folder, others, bench.place("out", "of", "it"))
            if run is None:
                check_refused(door, found, folder)

        bench.step(door.name, data, through)
    if run is not None and knocks:
        bench.put(data, "before")


class Pool:
    """What mutants are made of: the corpus, and guided also what reached new lines."""

    def __init__(self, texts, guided):
        self.texts, self.found = dict(texts), []
        self._names = sorted(self.texts)
        self._reached = Reached() if guided else None
        self._weights = [1.0 / len(self.texts[name]) for name in self._names]  # as much time for each record

    def draw(self, random):
        """Return a text to damage, half of the time one that was found, and the name of a run to hold it against."""
        name, = random.choices(self._names, self._weights)
        if self.found and random.random() < 0.5:
            return random.choice(self.found).decode("latin-1"), name
        return self.texts[name], name

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
        for place in range(len(lines) - 2 if cut and fresh and len(data) < LARGEST_CUT else 0, 0, -1):
            fewer = lines[:place] + lines[place + 1:]
            if fresh <= self._reached.by(lambda fewer=fewer: through(b"\n".join(fewer))):
                lines = fewer
        self._reached.know(fresh)
        if fresh and sum(map(len, lines)) < LARGEST_KEPT:
            self.found.append(b"\n".join(lines))


def fuzz(seconds, seed, share=0.25, most=None, biggest=None, say=lambda text: None, guided=False):
    """Return what was tried in ``seconds`` or ``most`` mutants, the faults by place, and what reached new lines."""
    random, tried, faults = Random(seed), Counter(), {}
    texts = {name: text for name, text in corpus().items() if biggest is None or len(text) <= biggest}
    pool = Pool(texts, guided)
    began = said = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder, tried, faults, say)
        sane = {name: bench.put(text.encode("utf-8"), "sane", name) for name, text in texts.items()}
        nearest = [sane[name] for name in sorted(sane, key=lambda name: len(texts[name]))[:4]]

        def through(name, knocks, dear):
            drawn = random.random()
            return lambda data: try_mutant(data, bench, [sane[name]] * 2 + nearest, Random(drawn), knocks, dear)

        if guided:
            for data in [text.encode("utf-8") for text in texts.values() if len(text) < LARGEST_CUT] + kept():
                pool.learn(data, through(random.choice(sorted(sane)),
                                         len(DOORS) if time.monotonic() < began + 0.25 * seconds else 1, False))
        while time.monotonic() < began + seconds and (most is None or tried[READING] < most):
            drawn = random.random()
            text, name = pool.draw(random)
            pool.put(mutant(text, random), through(name, KNOCKS * (drawn < share), drawn < 0.05 * share),
                     drawn >= share)
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say("{}: {} places at fault, {} reached new lines".format(dict(tried), len(faults), len(pool.found)))
    return tried, faults, pool.found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--share", type=float, default=0.25, help="of the mutants go through the commands too")
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
        place, smallest = min(found, key=lambda one: len(one[1]))
        print("{:6d}  {}  {}".format(len(found), key[0], place))
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
