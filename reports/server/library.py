"""The runs of a folder: found by listing it, never by putting a name that somebody sent into a path."""

import os
import stat
import time
from collections import OrderedDict
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

from harness.record import FILE_NAME, RecordError, Run, load_run
from harness.text import printable
from harness.words import Word
from reports.findings import Findings, findings
from reports.formats.page import render_page
from reports.formats.sentence import headline_text
from reports.formats.texts import device_text
from reports.server.under_way import under_way, under_way_text
from reports.server.working import inode_of, locked_inodes

#: Where the project keeps recorded runs below its results.
REFERENCE = "reference"
#: Seconds between two looks at a run that goes on: making its page costs the machine that is being measured.
REFRESH_S = 15
#: Pages and lines of the list that are kept.
MOST_PAGES, MOST_LINES = 8, 4096

Key = TypeVar("Key")
Made = TypeVar("Made")


class RunState(Word):
    """Where a recorded run stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    UNREADABLE = "unreadable"


class Shelf(NamedTuple):
    """A run's place: ``name`` in addresses, its ``folder``, what its record is now, and whether it is written."""

    name: str
    folder: str
    version: Tuple[int, int, int]
    written_s: float
    running: bool


class Entry(NamedTuple):
    """A line of the list; ``said`` is the headline, how far a run has come, or why it cannot be read."""

    name: str
    state: RunState
    created: str
    suite: str
    device: str
    said: str


class Library:
    """The runs in ``root`` and in its folder ``reference``; what was made of a record is kept until it grows."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self._pages: "OrderedDict[Tuple[Shelf, str], str]" = OrderedDict()
        self._entries: "OrderedDict[Shelf, Entry]" = OrderedDict()

    def shelves(self) -> Dict[str, Shelf]:
        """Return every run by its name in addresses, the newest first. Links lead out of the folder: left out."""
        locked = locked_inodes()
        found: List[Shelf] = []
        for prefix in ("", REFERENCE):
            for name in _names(os.path.join(self.root, prefix)):
                folder = os.path.join(self.root, prefix, name)
                about = _record(folder)
                if about is not None:
                    found.append(Shelf("/".join(filter(None, (prefix, name))), folder,
                                       (about.st_ino, about.st_size, int(about.st_mtime * 1e6)), about.st_mtime,
                                       inode_of(about) in locked))
        return {one.name: one for one in sorted(found, key=_age, reverse=True)}

    def entry(self, shelf: Shelf) -> Entry:
        """Return what the list says of a run."""
        return _kept(self._entries, shelf, MOST_LINES, lambda: _entry(shelf))

    def page(self, shelf: Shelf, home: str) -> str:
        """Return the page of a run with a link to ``home``; raises :class:`harness.record.RecordError`."""
        return _kept(self._pages, (shelf, home), MOST_PAGES, lambda: _page(shelf, home))


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except (IOError, OSError):
        return []


def _record(folder: str) -> Optional[os.stat_result]:
    """Return the state of the record in ``folder``, ``None`` unless both are what they seem and no links."""
    try:
        about = os.lstat(os.path.join(folder, FILE_NAME))
        plain = stat.S_ISDIR(os.lstat(folder).st_mode) and stat.S_ISREG(about.st_mode)
        return about if plain else None
    except (IOError, OSError):
        return None


def _age(shelf: Shelf) -> Tuple[str, str]:
    """Runs are named by the time they began; a folder of another name sorts by that of its last line."""
    name = shelf.name.rsplit("/", 1)[-1]
    began = name[:15] if name[:8].isdecimal() else time.strftime("%Y%m%d-%H%M%S", time.gmtime(shelf.written_s))
    return began, name


def _entry(shelf: Shelf) -> Entry:
    try:
        run = load_run(shelf.folder)
        found = findings(run)
    except (RecordError, IOError, OSError) as error:
        return Entry(shelf.name, RunState.UNREADABLE, "", "", "", "{}.".format(str(error).rstrip(".")))
    state = state_of(run, shelf.running)
    said = headline_text(found)
    if state is RunState.RUNNING:
        said = under_way_text(under_way(run))
    elif state is RunState.STOPPED:
        said = "{} Stopped after {}.".format(said, under_way_text(under_way(run)).split(",")[0].split(";")[0])
    return Entry(shelf.name, state, *map(printable, (run.header.created, run.suite, device_text(found.about.device),
                                                     said)))


def state_of(run: Run, running: bool) -> RunState:
    """Return where ``run`` stands; ``running`` tells whether a process holds its record."""
    return RunState.RUNNING if running else RunState.COMPLETE if run.ended else RunState.STOPPED


def _page(shelf: Shelf, home: str) -> str:
    run = load_run(shelf.folder)
    found: Findings = findings(run)
    if not shelf.running:
        return render_page(found, home=home)
    return render_page(found, REFRESH_S, home=home, live="Running: {}.".format(under_way_text(under_way(run))))


def _kept(store: "OrderedDict[Key, Made]", key: Key, most: int, make: Callable[[], Made]) -> Made:
    """Return what is kept under ``key``, made first where it is not; the oldest go."""
    if key not in store:
        store[key] = make()
        while len(store) > most:
            store.popitem(last=False)
    return store[key]
