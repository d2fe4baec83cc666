"""One launch of the time pass past rivals that crash, hang, raise or are killed in it: found, left out, played again.

All rivals of a launch share a process, so one that ends it ends it for all. The worker notes which case it is busy
with. Where that settles nothing (a crash may come of memory that another case spoilt) rivals are tried one by one.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from harness.process import Outcome
from harness.reasons import Code, Reason, owing_to, sentence

#: Plays a launch of the baseline, which stands first, and some rivals.
Play = Callable[[Sequence[str]], Outcome]

#: Ends that come from what the worker was busy with and nothing else.
ITS_OWN = (Code.HUNG, Code.RAISED, Code.EXITED)


class Played(NamedTuple):
    """How the launch ended without the cases ``left_out``, each of which has its own reason."""

    outcome: Outcome
    left_out: Dict[str, Reason]


def play_past_culprits(ids: Sequence[str], play: Play, tell: Callable[[str], None]) -> Played:
    """Play the launch of ``ids``, the baseline first, until it ends well or nobody is left to blame."""
    left_out: Dict[str, Reason] = {}
    seconds = 0.0
    while True:
        present = [one for one in ids if one not in left_out]
        if len(present) < 2:
            return Played(Outcome(None, Reason(Code.NO_RIVAL_LEFT), seconds), left_out)
        outcome = play(present)
        seconds += outcome.seconds
        if outcome.reason is None:
            return Played(outcome._replace(seconds=seconds), left_out)
        found = culprits(present, outcome, play, tell)
        if present[0] in found:
            return Played(outcome._replace(reason=owing_to(Code.BASELINE_LOST, found[present[0]]), seconds=seconds),
                          left_out)
        if not found:
            return Played(outcome._replace(seconds=seconds), left_out)
        for name, reason in found.items():
            tell("{}: {}; the others are timed without it".format(name, sentence(reason)))
        left_out.update(found)


def culprits(present: Sequence[str], outcome: Outcome, play: Play, tell: Callable[[str], None]) -> Dict[str, Reason]:
    """Return who ended the launch of ``present`` as ``outcome`` tells, with the reason of each; empty if unknown."""
    assert outcome.reason is not None
    suspect = _busy(present, outcome)
    if suspect is not None and (outcome.reason.code in ITS_OWN or len(present) == 2):
        return {suspect: outcome.reason}
    tell("{}: trying the rivals one by one to learn whose doing it is".format(sentence(outcome.reason)))
    baseline, rivals = present[0], list(present[1:])
    if suspect in rivals:
        rivals.sort(key=lambda name: name != suspect)
    found: Dict[str, Reason] = {}
    busy: List[Optional[str]] = []
    for rival in rivals:
        alone = play([baseline, rival])
        if alone.reason is not None:
            found[rival] = alone.reason
            busy.append(_busy([baseline, rival], alone))
            if rival == suspect:
                return found
    if len(found) > 1 and len(found) == len(rivals) and set(busy) == {baseline}:
        return {baseline: outcome.reason}
    return found


def _busy(present: Sequence[str], outcome: Outcome) -> Optional[str]:
    known = outcome.busy_with is not None and outcome.busy_with < len(present)
    return present[outcome.busy_with or 0] if known else None
