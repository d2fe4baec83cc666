"""Reads what a comparison needs of runs: what was kept of the same bytes by the same code, else the records."""

import hashlib
import io
from typing import Callable, NamedTuple, Optional

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


class Summaries(NamedTuple):
    """Summaries of runs, kept in ``store`` where there is one, under names for the record's bytes and ``made_by``."""

    store: Optional[Store] = None
    made_by: str = ""

    def gist(self, path: str) -> Gist:
        """Return the gist of the run at ``path``. Raises ``RecordError``, ``OSError``."""
        digest = self.digest(path)
        found = read_gist(self._get(digest, GIST))
        if found is None:
            found = gist_of(load_rounds(path))
            kept = found
            self._put(path, digest, GIST, lambda: gist_text(kept))
        return found

    def summary(self, path: str) -> Summary:
        """Return what is compared of the run at ``path``. Raises ``RecordError``, ``OSError``."""
        digest = self.digest(path)
        return self._kept(digest) or self._keep(path, digest, load_run(path))

    def digest(self, path: str) -> Optional[str]:
        """Return the digest of the record at ``path``, ``None`` where nothing is kept. Raises as :meth:`summary`."""
        return None if self.store is None else digest_of(path)

    def keep(self, path: str, digest: Optional[str], run: Run) -> None:
        """Keep the summary of ``run``, which was read from ``path`` when its record had ``digest``."""
        if digest is not None and self._kept(digest) is None:
            self._keep(path, digest, run)

    def close(self) -> None:
        """Keep no more than the store may hold."""
        if self.store is not None:
            self.store.prune()

    def _kept(self, digest: Optional[str]) -> Optional[Summary]:
        gist, shown = read_gist(self._get(digest, GIST)), read_shown(self._get(digest, SHOWN))
        return None if gist is None or shown is None else Summary(gist, shown)

    def _keep(self, path: str, digest: Optional[str], run: Run) -> Summary:
        found = Summary(gist_of(run), shown_of(run))
        self._put(path, digest, GIST, lambda: gist_text(found.gist))
        self._put(path, digest, SHOWN, lambda: shown_text(found.shown))
        return found

    def _get(self, digest: Optional[str], ending: str) -> Optional[str]:
        if self.store is None or digest is None:
            return None
        return self.store.get(self._name(digest, ending))

    def _put(self, path: str, digest: Optional[str], ending: str, text: Callable[[], Optional[str]]) -> None:
        if self.store is None or digest is None or digest != _digest_now(path):  # a run may have gone on meanwhile
            return
        made = text()
        if made is not None:
            self.store.put(self._name(digest, ending), made)

    def _name(self, digest: str, ending: str) -> str:
        return "{}-{}.{}".format(digest, self.made_by, ending)


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


def _digest_now(path: str) -> Optional[str]:
    try:
        return digest_of(path)
    except (RecordError, OSError):
        return None
