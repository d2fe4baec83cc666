"""The environments of a project in ``.venvs`` and the link ``.venv`` to the one in use.

A new one is made beside, complete or not at all: the link is turned by one rename, so a set-up that is killed at any
moment leaves the one that worked. An environment that a process still uses is left alone.
"""

import contextlib
import fcntl
import io
import json
import os
import re
import shutil
from typing import Callable, Iterator, Optional, Sequence

from harness.installation.wanted import Wanted

FOLDER, LINK, STAMP, READY, TORCH = ".venvs", ".venv", "set-up.json", "set-up-for", "has-torch"
_ASIDE = "before"  # an environment from when .venv was a folder itself


def folder_of(project: str) -> str:
    """Return the folder with the environments."""
    return os.path.join(project, FOLDER)


@contextlib.contextmanager
def exclusive(project: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Keep other set-ups of this project out meanwhile; ``waiting`` is called once if there is one."""
    os.makedirs(folder_of(project), exist_ok=True)
    with open(os.path.join(folder_of(project), "lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def current(project: str) -> Optional[str]:
    """Return the folder of the environment in use, ``None`` if there is none.

    Where a swap of a former ``.venv`` folder was cut off between its two renames, the second is made up for.
    """
    link, aside = os.path.join(project, LINK), os.path.join(folder_of(project), _ASIDE)
    if not os.path.lexists(link) and os.path.isdir(aside):
        os.symlink(os.path.join(FOLDER, _ASIDE), link)
    return os.path.realpath(link) if os.path.exists(os.path.join(link, "bin", "python")) else None


def read_stamp(folder: Optional[str]) -> Optional[Wanted]:
    """Return what the environment holds, ``None`` where that is not known."""
    if folder is None:
        return None
    try:
        with io.open(os.path.join(folder, STAMP), encoding="utf-8") as file:
            found = json.load(file)
        return Wanted(found["python"], found["packages"], found["torch"], tuple(found["extras"]), found["project"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(folder: str, wanted: Wanted, ready: str, torch: bool) -> None:
    """Write what the environment holds, what the script compares (``ready``) and whether it has torch; at the end."""
    for name, text in ((STAMP, json.dumps(wanted._asdict(), sort_keys=True)), (READY, ready)):
        beside = os.path.join(folder, name + ".new")
        with io.open(beside, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.replace(beside, os.path.join(folder, name))
    mark = os.path.join(folder, TORCH)
    if torch:
        open(mark, "w").close()
    elif os.path.exists(mark):
        os.remove(mark)


def swap(project: str, folder: str) -> None:
    """Make ``folder`` the environment in use."""
    link = os.path.join(project, LINK)
    beside = os.path.join(folder_of(project), "link")
    if os.path.lexists(beside):
        os.remove(beside)
    os.symlink(os.path.join(FOLDER, os.path.basename(folder)), beside)
    if os.path.isdir(link) and not os.path.islink(link):
        aside = os.path.join(folder_of(project), _ASIDE)
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(link, aside)
    os.replace(beside, link)


def clone(old: str, new: str, names: Sequence[str] = ()) -> None:
    """Make ``new`` from ``old`` by hard links: no room, a second's work. Its scripts name the new folder.

    ``names`` are others by which scripts of ``old`` may name it. pip and Python replace files and never write into
    them, so what is installed into ``new`` later does not touch ``old``. Raises ``OSError`` where the file system has
    no hard links.
    """
    for folder, folders, files in os.walk(old):
        target = os.path.join(new, os.path.relpath(folder, old))
        os.makedirs(target, exist_ok=True)
        for name in folders + files:
            source = os.path.join(folder, name)
            if os.path.islink(source):
                os.symlink(os.readlink(source), os.path.join(target, name))
            elif name in files and name not in (STAMP, READY, TORCH):
                os.link(source, os.path.join(target, name))
    programs = os.path.join(new, "bin")
    for path in [os.path.join(programs, name) for name in os.listdir(programs)] + [os.path.join(new, "pyvenv.cfg")]:
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                before = file.read()
            after = renamed(before, [old] + list(names), new)
            if after != before:  # a new file: the old one is shared with the environment it came from
                with open(path + ".new", "wb") as file:
                    file.write(after)
                shutil.copymode(path, path + ".new")
                os.replace(path + ".new", path)


def renamed(script: bytes, names: Sequence[str], folder: str) -> bytes:
    """Return a ``script`` with ``folder`` in place of each of ``names``; its first line fits any folder's name."""
    if b"\0" in script:
        return script  # a program
    here = folder.encode("utf-8")
    for name in names:
        there = re.escape(name.encode("utf-8"))
        # The kernel takes no blank in the first line and at most 127 characters: as pip does, through the shell.
        first = re.match(br"#!" + there + br"(/bin/python[0-9.]*)\n", script)
        if first:
            script = b"".join([b"#!/bin/sh\n'''exec' \"", here, first.group(1), b'" "$0" "$@"\n', b"' '''\n",
                               script[first.end():]])
        script = re.sub(there + br"(?=[/\s\"']|$)", lambda _: here, script)
    return script


def in_use(folder: str, link: str) -> bool:
    """Whether a process runs from ``folder`` or has a file of it mapped; one started by the ``link`` may do.

    Other users' processes cannot be asked.
    """
    wanted = [place.encode("utf-8") + b"/" for place in (folder, link)]
    for pid in [name for name in os.listdir("/proc") if name.isdecimal() and int(name) != os.getpid()]:
        for name in ("cmdline", "maps"):
            try:
                with open("/proc/{}/{}".format(pid, name), "rb") as file:
                    text = file.read()
                if any(place in text for place in wanted):
                    return True
            except OSError:
                pass  # gone meanwhile, or not ours to ask
    return False


def clean(project: str) -> None:
    """Remove environments that nothing uses: former ones, and what a killed set-up left. While holding the lock."""
    kept = current(project)
    with os.scandir(folder_of(project)) as entries:
        folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    for folder in folders:
        if os.path.realpath(folder) != kept and not in_use(os.path.realpath(folder), os.path.join(
                project, LINK)):
            shutil.rmtree(folder, ignore_errors=True)
