"""Writes what was made: a file below a folder, or standard output."""

import io
import os
import sys
from typing import Optional, Union

STDOUT = "-"


def write(folder: str, name: str, content: Union[str, bytes]) -> Optional[str]:
    """Write text with LF line ends, as UTF-8, or bytes as they are; return the path, ``None`` for standard output."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    if folder == STDOUT:
        stream = getattr(sys.stdout, "buffer", None)
        sys.stdout.write(data.decode("utf-8", "replace")) if stream is None else stream.write(data)
        return None
    path = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with io.open(path, "wb") as file:
        file.write(data)
    return path
