"""Text from outside made fit for a terminal, a page and a table."""

import re

#: Control characters (line ends too), halves of surrogate pairs, what turns the direction of text, non-characters.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def printable(text: str, keep: str = "") -> str:
    """Return ``text`` with every character that could command a terminal replaced; those in ``keep`` stay."""
    return _UNFIT.sub(lambda found: found.group() if found.group() in keep else "\ufffd", text)
