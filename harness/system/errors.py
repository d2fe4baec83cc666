"""An error that knows its remedy."""

from typing import Optional


class RemedyError(Exception):
    """Something that is not there or refuses: the ``reason``, and the ``remedy`` where there is one.

    As text both, ``reason: remedy``; nobody takes the text apart.
    """

    def __init__(self, reason: str, remedy: Optional[str] = None) -> None:
        super().__init__("{}: {}".format(reason, remedy) if remedy else reason)
        self.reason = reason
        self.remedy = remedy
