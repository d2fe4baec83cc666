"""Running NVIDIA's small tools, with root's rights where they are needed and to be had."""

import os
import shutil
import subprocess
from typing import List, NamedTuple, Optional

from harness.system.tree import Tree

TIMEOUT_S = 20.0


class Done(NamedTuple):
    """How a program ended: its status (``None``: could not be run, or hung) and what it printed."""

    status: Optional[int]
    text: str


def find_program(name: str, tree: Tree) -> Optional[str]:
    """Return where the program ``name`` is below the tree's root, ``None`` if it is not there."""
    found = shutil.which(name) if tree.root == "/" else None
    places = [found] if found else [tree.path(folder + name) for folder in ("/usr/sbin/", "/usr/bin/")]
    return next((place for place in places if place and os.access(place, os.X_OK)), None)


def run_program(command: List[str], as_root: bool = False) -> Done:
    """Run ``command`` (never asking for a password) and return how it ended."""
    if as_root and os.geteuid() != 0 and shutil.which("sudo"):
        command = ["sudo", "-n"] + command
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Done(None, str(error))
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"))


def write_as_root(tree: Tree, name: str, text: str) -> None:
    """Write ``text`` to the kernel file ``name``, through ``sudo -n tee`` if it is not ours. Raises ``OSError``."""
    try:
        tree.write(name, text)
    except PermissionError:
        if os.geteuid() == 0 or not shutil.which("sudo"):
            raise
        done = subprocess.run(["sudo", "-n", "tee", tree.path(name)], input=text.encode("ascii"),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise
