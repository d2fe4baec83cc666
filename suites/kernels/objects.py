"""Object files kept beside the libraries, so that families which share a unit compile it once.

An object is keyed by all that its machine code depends on. Of two processes that want the same one, the second
waits for the first; what failed is not kept.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from typing import Sequence, Tuple

FOLDER = "objects"


def run(command: Sequence[str]) -> Tuple[int, str]:
    """Run ``command``; return its exit status and all it said."""
    process = subprocess.Popen(list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               universal_newlines=True)
    output = process.communicate()[0]
    return process.returncode, output


def compile_unit(command: Sequence[str], key: str, target: str, cache: str) -> Tuple[int, str]:
    """Put the object that ``command`` makes at ``target``: the one kept in ``cache`` under ``key``, or a new one.

    ``command`` is complete but for ``-o``. Returns the compiler's exit status and what it said, or that the object
    was there.
    """
    folder = os.path.join(cache, FOLDER)
    kept = os.path.join(folder, key + ".o")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(kept + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(kept):
            shutil.copyfile(kept, target)
            return 0, "an object of the same sources and flags was there\n"
        status, output = run(list(command) + ["-o", target])
        if status == 0:
            handle, work = tempfile.mkstemp(dir=folder)
            os.close(handle)
            shutil.copyfile(target, work)
            os.rename(work, kept)  # whole or not at all
        return status, output
