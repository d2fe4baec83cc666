"""A wrong name gets the nearest right one."""

import difflib
from typing import Iterable, Optional

#: Of more names than this, those most like the wrong one are enough.
MOST_NAMES = 12


def nearest(name: str, known: Iterable[str]) -> Optional[str]:
    """Return the name in ``known`` most like ``name``, ``None`` if none is."""
    names = sorted(known)
    inside = [one for one in names if name and name.lower() in one.lower()]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    found = close or inside
    return found[0] if found else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return what is wrong, the nearest right name, and all there are; of very many only those most like it."""
    names = sorted(set(known))
    guess = nearest(name, names)
    hint = " Did you mean '{}'?".format(guess) if guess else ""
    if not names:
        there = "There is none yet"
    elif len(names) > MOST_NAMES:
        like = difflib.get_close_matches(name, names, n=MOST_NAMES, cutoff=0.0)
        there = "There are {}, such as: {}".format(len(names), ", ".join(like))
    else:
        there = "There is: {}".format(", ".join(names))
    return "There is no {} '{}'.{} {}.".format(kind, name, hint, there)
