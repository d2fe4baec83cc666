"""Reads what a comparison needs of runs: what was kept of the same bytes by the same code, else the records."""

import hashlib
import io
import os
import time
from typing import Callable, NamedTuple, Optional, Tuple

from harness.record import RecordError, Run, load_run
from harness.record.reader import file_of
from harness.record.rounds import load_rounds
from reports.findings.compared import Gist, Summary, gist_of, shown_of
from reports.summaries.kept import gist_text, read_gist, read_shown, shown_text
from reports.summaries.store import Store, own_store
from reports.summaries.version import version

#: So much of a record is held at once while its digest is made.
BLOCK_BYTES = 1 << 18

#: The endings of the two halves' names.
GIST, SHOWN = "gist", "shown"

#: A file that was changed no longer ago can change again with nothing but its bytes to tell it.
SETTLED_S = 2.0


class Seen(NamedTuple):
    """A record as it was: the digest of its bytes, and its ``stamp``, ``None`` where that would not tell a change."""

    digest: str
    stamp: Optional[Tuple[int, ...]]


class Summaries(NamedTuple):
    """Summaries of runs, kept in ``store`` where there is one, under names for the record's bytes and ``made_by``."""

    store: Optional[Store] = None
    made_by: str = ""

    def gist(self, path: str) -> Gist:
        """Return the gist of the run at ``path``. Raises ``RecordError``, ``OSError``."""
        seen = self.seen(path)
        found = read_gist(self._get(seen, GIST))
        if found is None:
            found = gist_of(load_rounds(path))
            kept = found
            self._put(path, seen, GIST, lambda: gist_text(kept))
        return found

    def summary(self, path: str) -> Summary:
        """Return what is compared of the run at ``path``. Raises ``RecordError``, ``OSError``."""
        seen = self.seen(path)
        return self._kept(seen) or self._keep(path, seen, load_run(path))

    def seen(self, path: str) -> Optional[Seen]:
        """Return the record at ``path`` as it is, ``None`` where nothing is kept. Raises as :meth:`summary`."""
        return None if self.store is None else seen_of(path)

    def keep(self, path: str, seen: Optional[Seen], run: Run) -> None:
        """Keep the summary of ``run``, which was read from ``path`` after its record was ``seen``."""
        if seen is not None and self._kept(seen) is None:
            self._keep(path, seen, run)

    def close(self) -> None:
        """Keep no more than the store may hold."""
        if self.store is not None:
            self.store.prune()

    def _kept(self, seen: Optional[Seen]) -> Optional[Summary]:
        gist, shown = read_gist(self._get(seen, GIST)), read_shown(self._get(seen, SHOWN))
        return None if gist is None or shown is None else Summary(gist, shown)

    def _keep(self, path: str, seen: Optional[Seen], run: Run) -> Summary:
        found = Summary(gist_of(run), shown_of(run))
        self._put(path, seen, GIST, lambda: gist_text(found.gist))
        self._put(path, seen, SHOWN, lambda: shown_text(found.shown))
        return found

    def _get(self, seen: Optional[Seen], ending: str) -> Optional[str]:
        if self.store is None or seen is None:
            return None
        return self.store.get(self._name(seen, ending))

    def _put(self, path: str, seen: Optional[Seen], ending: str, text: Callable[[], Optional[str]]) -> None:
        if self.store is None or seen is None or not _is_still(path, seen):  # a run may have gone on meanwhile
            return
        made = text()
        if made is not None:
            self.store.put(self._name(seen, ending), made)

    def _name(self, seen: Seen, ending: str) -> str:
        return "{}-{}.{}".format(seen.digest, self.made_by, ending)


def own_summaries() -> Summaries:
    """Return the summaries in the user's cache folder, kept nowhere if there can be none."""
    made_by, store = version(), own_store()
    return Summaries() if made_by is None else Summaries(store, made_by)


def digest_of(path: str) -> str:
    """Return the digest of the record in the folder or file ``path``. Raises ``RecordError``, ``OSError``."""
    digest = hashlib.sha256()
    with io.open(file_of(path), "rb", buffering=0) as file:
        for block in iter(lambda: file.read(BLOCK_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()


def seen_of(path: str) -> Seen:
    """Return the record in the folder or file ``path`` as it is. Raises ``RecordError``, ``OSError``."""
    found = os.stat(file_of(path))
    settled = found.st_ctime < time.time() - SETTLED_S
    return Seen(digest_of(path), _stamp(found) if settled else None)


def _stamp(found: os.stat_result) -> Tuple[int, ...]:
    """Return what any change of a file's bytes changes: nobody can set the time that the change leaves behind."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_still(path: str, seen: Seen) -> bool:
    """Return whether the record at ``path`` holds the bytes that were ``seen``."""
    try:
        return seen.stamp == _stamp(os.stat(file_of(path))) or digest_of(path) == seen.digest
    except (RecordError, OSError):
        return False
