"""The file that a user's suite stands in, by content: a run must not be gone on with under other layers."""

import hashlib
import io
from typing import NamedTuple, Optional


class SourceFile(NamedTuple):
    """A file as it was read: ``path`` as the user named it, ``sha256`` of its content."""

    path: str
    sha256: str


def read_source(path: str) -> SourceFile:
    """Return the file ``path`` with the digest of its content. Raises ``OSError``."""
    with io.open(path, "rb") as file:
        return SourceFile(path, hashlib.sha256(file.read()).hexdigest())


def why_changed(then: SourceFile) -> Optional[str]:
    """Return in words that the file is no longer what it was ``then``; ``None`` if it is."""
    try:
        now = read_source(then.path)
    except OSError as error:
        return "its suite file {} cannot be read from here ({})".format(then.path, error.strerror)
    return None if now.sha256 == then.sha256 else "its suite file {} was changed since (it was {}, it is {})".format(
        then.path, then.sha256[:12], now.sha256[:12])
