"""One error for a wrong name: it tells the nearest right one."""

import difflib
from typing import Iterable


def check_choice(word: str, value: str, choices: Iterable[str]) -> None:
    """Raise ``ValueError`` with the nearest right name unless ``value`` is one of ``choices``."""
    choices = list(choices)
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        raise ValueError("unknown {} '{}': {}use one of {}".format(
            word, value, "did you mean '{}'? ".format(near[0]) if near else "", ", ".join(choices)))
