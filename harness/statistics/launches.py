"""Which launch comes next: the controller asks this after each recorded launch of a comparison."""

from typing import Any, Dict, Optional, Sequence

from harness.statistics.rule import AGREES, FIRST, UNDECIDED, Rule

Decisions = Dict[str, Dict[str, Dict[str, Any]]]  # cache -> rival id -> {"state", "round"}


def next_launch(payloads: Sequence[Dict[str, Any]], rule: Rule) -> Optional[Decisions]:
    """Return what the next launch has to confirm, or ``None`` when no further launch is needed.

    ``payloads`` are the recorded launches so far, in order (launch 1 first). A rival that launch 1 left
    undecided, or that a later launch did not agree on, is settled as *cannot tell* and left out. The
    answer is the ``first`` of :func:`harness.passes.time.run_time_pass`.
    """
    if not payloads or len(payloads) >= rule.launches:
        return None
    wanted = {}  # type: Decisions
    for series in payloads[0].get("series", []):
        open_rivals = {rival: {"state": decision["state"], "round": decision["round"]}
                       for rival, decision in series["decisions"].items()
                       if series["role"] == FIRST and decision["state"] != UNDECIDED
                       and all(_agreed(payload, series["cache"], rival) for payload in payloads[1:])}
        if open_rivals:
            wanted[series["cache"]] = open_rivals
    return wanted or None


def _agreed(payload: Dict[str, Any], cache: str, rival: str) -> bool:
    for series in payload.get("series", []):
        if series["cache"] == cache:
            return series["decisions"].get(rival, {}).get("state") == AGREES
    return False


def rivals_of(first: Decisions) -> list:
    """Return the rival ids that a confirming launch must build, sorted."""
    return sorted({rival for decisions in first.values() for rival in decisions})
