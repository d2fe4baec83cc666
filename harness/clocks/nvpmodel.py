"""NVIDIA's nvpmodel: which power modes a Jetson has, which is set, and setting one."""

import re
from typing import List, NamedTuple, Optional, Tuple

from harness.system.programs import find_program, run_program
from harness.system.tree import Tree


class PowerMode(NamedTuple):
    """A mode as nvpmodel lists it."""

    number: int
    name: str


class Set(NamedTuple):
    """Whether the mode is set now; else ``trouble``, one sentence with the remedy."""

    done: bool
    trouble: Optional[str] = None


def find_nvpmodel(tree: Tree) -> Optional[str]:
    """Return where the program is, ``None`` where it is not: only a Jetson has power modes."""
    return find_program("nvpmodel", tree)


def parse_modes(text: str) -> List[PowerMode]:
    """Return the modes in what ``nvpmodel -p --verbose`` says, or in a file such as ``/etc/nvpmodel.conf``."""
    found: List[PowerMode] = []
    for number, name in re.findall(r"^[^#\n]*\bPOWER_MODEL:?[ \t]+ID=([0-9]+)[ \t]+NAME=([^\s>]+)", text,
                                   re.MULTILINE):
        mode = PowerMode(int(number), name)
        if mode not in found:
            found.append(mode)
    return found


def parse_nvpmodel(text: str) -> Tuple[Optional[str], Optional[int]]:
    """Return name and number of the power mode from the output of ``nvpmodel -q``; warnings may precede it."""
    match = re.search(r"^NV Power Mode: *(\S.*?) *$\s*(?:^([0-9]+) *$)?", text, re.MULTILINE)
    if match is None:
        return None, None
    return match.group(1), None if match.group(2) is None else int(match.group(2))


def list_modes(tree: Tree, program: str) -> List[PowerMode]:
    """Return the modes that ``program`` or its file names; empty where neither does."""
    for as_root in (False, True):  # some releases answer only root
        modes = parse_modes(run_program([program, "-p", "--verbose"], as_root).text)
        if modes:
            return modes
    return parse_modes(tree.text("/etc/nvpmodel.conf") or "")


def current_mode(program: str) -> Optional[PowerMode]:
    """Return the power mode that ``nvpmodel -q`` names, ``None`` where it does not."""
    for as_root in (False, True):
        name, number = parse_nvpmodel(run_program([program, "-q"], as_root).text)
        if name is not None and number is not None:
            return PowerMode(number, name)
    return None


def set_mode(program: str, number: int) -> Set:
    """Set a power mode and see that it was taken; some need a restart, which is asked for and never granted."""
    if _is(program, number):
        return Set(True)
    done = run_program([program, "-m", str(number)], as_root=True)
    if _is(program, number):
        return Set(True)
    last = (done.text.strip().splitlines() or ["no output"])[-1]
    remedy = ("this mode needs a restart of the board: set it by hand and make a run in it"
              if "reboot" in done.text.lower() else
              "run as root, or let this user use sudo without a password")
    return Set(False, "nvpmodel -m {} did not set it ({}): {}".format(number, last, remedy))


def _is(program: str, number: int) -> bool:
    now = current_mode(program)
    return now is not None and now.number == number
