"""The one reader and writer of small kernel files: a file tree with a movable root.

Root ``/`` is the real machine, a temporary folder is a fake board. Names are always written as on the real
machine (``/proc/meminfo``).
"""

import errno
import glob
import os
from typing import List, Optional, Tuple


class Tree:
    """Reads and writes small kernel text files below ``root``."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    def path(self, name: str) -> str:
        """Return where the file ``name`` of the real machine lies below the root."""
        return os.path.join(self.root, name.lstrip("/"))

    def name(self, path: str) -> str:
        """Return the name on the real machine of a ``path`` below the root."""
        return "/" + os.path.relpath(path, self.root)

    def exists(self, name: str) -> bool:
        """Whether ``name`` is there, readable or not."""
        return os.path.exists(self.path(name))

    def glob(self, pattern: str) -> List[str]:
        """Return the names that match ``pattern``, sorted."""
        prefix = glob.escape(self.root)
        return sorted(self.name(path) for path in glob.glob(os.path.join(prefix, pattern.lstrip("/"))))

    def read(self, name: str) -> str:
        """Return the text of ``name`` without surrounding blanks and NULs.

        Raises ``OSError``: absent, not permitted, or the EINVAL, EAGAIN and ENODATA that sysfs gives for
        a sensor that is switched off.
        """
        with open(self.path(name), "rb") as file:
            return file.read().decode("utf-8", "replace").strip("\0 \t\r\n")

    def read_int(self, name: str) -> int:
        """Return the whole number in ``name``. Raises ``OSError``, or ``ValueError`` if it holds none."""
        return int(self.read(name))

    def try_read(self, name: str) -> Tuple[Optional[str], Optional[str]]:
        """Return the text of ``name`` and ``None``, or ``None`` and the reason why there is no text."""
        try:
            return self.read(name), None
        except OSError as error:
            return None, why(name, error)

    def text(self, name: str) -> Optional[str]:
        """Return the text of ``name``, or ``None`` if it cannot be had."""
        return self.try_read(name)[0]

    def try_int(self, name: str) -> Optional[int]:
        """Return the whole number in ``name``, or ``None`` if it cannot be had."""
        try:
            return self.read_int(name)
        except (OSError, ValueError):
            return None

    def write(self, name: str, text: str) -> None:
        """Write ``text`` to the existing file ``name``; never creates one. Raises ``OSError``."""
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(descriptor, text.encode("ascii"))
        finally:
            os.close(descriptor)


def why(name: str, error: OSError) -> str:
    """Return in words why ``name`` could not be used."""
    if error.errno == errno.ENOENT:
        return "{} is not there".format(name)
    if error.errno in (errno.EACCES, errno.EPERM):
        return "{} may only be used by root".format(name)
    return "{} gave no value ({})".format(name, error.strerror or error)
