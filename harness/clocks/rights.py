"""Whether this user may lock the clocks, without trying to."""

import getpass
import os
import shutil
from typing import Callable, List, Optional

from harness.system.programs import Done, find_program, run_program
from harness.system.tree import Tree

Run = Callable[[List[str]], Done]


def why_not_lock(root: str = "/", run: Run = run_program, user_id: Optional[int] = None) -> Optional[str]:
    """Return what this user needs before --lock-clocks can work, ``None`` where nothing is known to be in the way."""
    if (os.geteuid() if user_id is None else user_id) == 0:
        return None
    program = find_program("jetson_clocks", Tree(root)) or shutil.which("tee") or "/usr/bin/tee"
    if shutil.which("sudo") and run(["sudo", "-n", "-l", program]).status == 0:
        return None
    try:
        user = getpass.getuser()
    except KeyError:  # a container's user without a name
        user = "#{}".format(os.geteuid())
    return ("only root may lock it: let this user do so without a password, by the line '{} ALL=(root) NOPASSWD: {}' "
            "with 'sudo visudo'; --lock-clocks works then".format(user, program))
