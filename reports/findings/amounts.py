"""A measured amount, or the reason why there is none."""

from typing import NamedTuple, Optional, Tuple

from harness.reasons import Code, Reason, because


class Amount(NamedTuple):
    """``value`` in the unit that the place names, or ``None`` and the ``reason``."""

    value: Optional[float] = None
    reason: Optional[Reason] = None


class Gap(NamedTuple):
    """Something that a whole table lacks: ``what`` names it, as a column of the record."""

    what: str
    reason: Reason


#: Reasons that say no more than that the case's own check kept it from being measured.
OF_THE_CHECK = frozenset((Code.CHECK_FAILED, Code.CHECK_UNFINISHED, Code.BASELINE_UNFIT, Code.NO_RIVAL_FIT))


def absent(said: Optional[str], reason: Optional[Reason] = None) -> Amount:
    """Return an amount that is missing for what the record ``said``, else for ``reason``."""
    if said:
        return Amount(None, because(Code.NO_NUMBER, said))
    return Amount(None, reason or Reason(Code.NO_NUMBER))


def distinct(reasons: Tuple[Reason, ...]) -> Tuple[Reason, ...]:
    """Return ``reasons`` without repetitions, in order (they hold dicts, so no set can)."""
    found: Tuple[Reason, ...] = ()
    for reason in reasons:
        if reason not in found:
            found += (reason,)
    return found
