"""What a kept summary was made by: the code and the arithmetic. One made by any other is made again."""

import hashlib
import io
import os
import platform
import sys
from functools import lru_cache
from typing import List, Optional

import numpy as np

import harness
import reports
from harness.record import schema

REPORTS = os.path.dirname(os.path.abspath(reports.__file__))

#: The folders whose modules make a summary, all that they import among them. The formats make none.
PARTS = (os.path.dirname(os.path.abspath(harness.__file__)), REPORTS)
WITHOUT = os.path.join(REPORTS, "formats")


def sources() -> List[str]:
    """Return the source files that a summary is made by."""
    found = [place for place in schema.PLACES if os.path.isfile(place)][:1]
    for part in PARTS:
        for folder, _, names in os.walk(part):
            if folder != WITHOUT:
                found += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)


@lru_cache(maxsize=1)
def version() -> Optional[str]:
    """Return a digest of the code, of Python, numpy and the C library; ``None`` where the sources cannot be read."""
    made_by = (sys.version, np.__version__, platform.machine(), platform.libc_ver())
    digest = hashlib.sha256(repr(made_by).encode("utf-8"))
    try:
        for path in sources():
            with io.open(path, "rb") as file:
                text = file.read()
            digest.update("{}\n{}\n".format(os.path.basename(path), len(text)).encode("utf-8", "surrogateescape"))
            digest.update(text)
    except OSError:
        return None
    return digest.hexdigest()
