"""A wrong name gets the nearest right one."""

import difflib
from typing import Iterable, Optional


def nearest(name: str, known: Iterable[str]) -> Optional[str]:
    """Return the name in ``known`` most like ``name``, ``None`` if none is."""
    names = sorted(known)
    inside = [one for one in names if name and name.lower() in one.lower()]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    found = close or inside
    return found[0] if found else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return one sentence: what is wrong, the nearest right name, and all there are."""
    names = sorted(known)
    guess = nearest(name, names)
    hint = " Did you mean '{}'?".format(guess) if guess else ""
    return "There is no {} '{}'.{} There is: {}.".format(kind, name, hint, ", ".join(names) or "none")
