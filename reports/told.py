"""What is damaged in a record: one line, on standard error where nothing else that a command prints would say it."""

import os
import sys
from typing import TypeVar

from harness.record import FILE_NAME, Damage, Run, damage_text

R = TypeVar("R", bound=Run)


def damage_note(damage: Damage, file: str = FILE_NAME, done_over: bool = False) -> str:
    """Return what was skipped of the record ``file``, as a sentence."""
    return "{}.".format(damage_text(damage, file, done_over))


def told(run: R) -> R:
    """Return ``run``; the lines of its record that were skipped are told in one line."""
    if run.damage.lines:
        sys.stderr.write(damage_note(run.damage, os.path.join(run.folder, FILE_NAME)) + "\n")
    return run
