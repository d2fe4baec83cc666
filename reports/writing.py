"""Writes what was made: a file below a folder, or standard output."""

import contextlib
import hashlib
import io
import os
import sys
from typing import Optional, Sequence, Union

STDOUT = "-"


class OutputError(Exception):
    """A file that could not be written; the message is one sentence with the remedy."""


def folder_of_several(name: str, first: str, runs: Sequence[str]) -> str:
    """Return the folder for what is made of several ``runs`` (ids): ``name``, how many they are, and which.

    It lies beside the folder of the ``first``, or above ``reference``, where only recorded runs belong.
    """
    parent = os.path.dirname(os.path.abspath(first))
    if os.path.basename(parent) == "reference":
        parent = os.path.dirname(parent)
    which = hashlib.sha256("\n".join(runs).encode("utf-8")).hexdigest()[:8]
    return os.path.join(parent, "{}-{}-{}".format(name, len(runs), which))


def write(folder: str, name: str, content: Union[str, bytes]) -> Optional[str]:
    """Write text with LF line ends, as UTF-8, or bytes as they are; return the path, ``None`` for standard output.

    Raises :class:`OutputError`.
    """
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    if folder == STDOUT:
        stream = getattr(sys.stdout, "buffer", None)
        sys.stdout.write(data.decode("utf-8", "replace")) if stream is None else stream.write(data)
        return None
    path = os.path.join(folder, *name.split("/"))
    beside = "{}.{}.part".format(path, os.getpid())
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with io.open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, path)  # the old file or the whole new one, never a part
    except OSError as error:
        with contextlib.suppress(OSError):
            os.remove(beside)
        raise OutputError("{} could not be written ({}): make room, or name another folder with --out".format(
            path, error.strerror or error)) from None
    return path
