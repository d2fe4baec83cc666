"""One series of a launch: planned looks, tossed rounds, decisions at the looks, and why it stopped."""

from random import Random
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.statistics.ratios import BASELINE, COPY, round_logs
from harness.statistics.rule import (
    FIRST,
    UNDECIDED,
    Rule,
    confirm_from,
    confirm_look_decision,
    first_look_decision,
    plan_looks,
)
from harness.timing.clock_readers import ClockSource
from harness.timing.rounds import Entrant, OutOfTimeError, nine_digits, play_round, toss
from harness.timing.sampler import Sampler

Decisions = Dict[str, Dict[str, Any]]  # rival id -> {"state", "round"}
Report = Callable[[int, int, float], None]

OVERRUN = 1.25  # rounds may turn out longer than the warm-up said; beyond this the series stops undecided
REPORT_EVERY_S = 0.25


class Limits(NamedTuple):
    """Budget of sampling (s), and the host's clock with the hard deadline and the limit it came from (s)."""

    budget_s: float
    now: Callable[[], float]
    deadline: float = float("inf")
    limit_s: float = float("inf")


class SeriesPlan(NamedTuple):
    """Fixed before the first sample; ``starts`` and ``verdicts`` (by entrant index) only in later launches."""

    ids: List[str]
    entrants: List[Entrant]
    looks: Tuple[int, ...]
    round_s: float
    role: str
    verdicts: Dict[int, str]
    starts: Dict[int, int]


def plan_series(ids: Sequence[str], entrants: Sequence[Entrant], host_per_call_s: Sequence[float], rule: Rule,
                role: str, first: Decisions, budget_s: float) -> SeriesPlan:
    """Reckon the rounds that fit ``budget_s`` from the warm-up's seconds per call (flushes
    and waiting counted) and fix the looks.

    ``first`` holds launch 1's decision on each rival (empty in launch 1 itself).
    """
    round_s = sum(2.0 * seconds * (entrant.calls + (1 if entrant.settle else 0))
                  for entrant, seconds in zip(entrants, host_per_call_s))
    fit = budget_s / round_s if round_s > 0.0 else float(rule.max_rounds)
    looks = plan_looks(rule, fit)
    verdicts = {}  # type: Dict[int, str]
    starts = {}  # type: Dict[int, int]
    if role != FIRST:
        for index, rival in enumerate(ids[2:], 2):
            verdicts[index] = first[rival]["state"]
            starts[index] = confirm_from(rule, first[rival]["round"])
        latest = max(starts.values())
        if looks[-1] < latest:  # a slower launch must still reach a look at which it may decide
            looks = tuple(look for look in plan_looks(rule, rule.max_rounds))
            looks = looks[:1 + next(i for i, look in enumerate(looks) if look >= latest)]
    return SeriesPlan(list(ids), list(entrants), looks, round_s, role, verdicts, starts)


def play_series(sampler: Sampler, plan: SeriesPlan, rule: Rule, coin: Random, limits: Limits,
                clock: ClockSource, report: Optional[Report] = None, later_s: float = 0.0) -> Dict[str, Any]:
    """Play the rounds of ``plan`` until every rival is decided or the rounds or the time end.

    Returns the series as the record keeps it. ``later_s`` is the time other series may still take, for
    the estimate given to ``report``.
    """
    present = list(range(len(plan.ids)))
    d = {index: [] for index in present[2:]}  # type: Dict[int, List[float]]
    calls = [entrant.calls for entrant in plan.entrants]
    decisions = {}  # type: Decisions
    rounds = []  # type: List[Dict[str, Any]]
    unfinished = None
    stopped = None
    planned = plan.looks[-1]
    begun = reported = limits.now()
    while stopped is None:
        if limits.now() > limits.deadline:
            stopped = "the limit of {:.4g} s ended it after round {}".format(limits.limit_s, len(rounds))
            break
        try:
            played = play_round(sampler, plan.entrants, toss(present, coin), clock.read, limits.now, limits.deadline)
        except OutOfTimeError as cut:
            unfinished = cut.partial
            stopped = "the limit of {:.4g} s ended it inside round {}".format(limits.limit_s, len(rounds) + 1)
            break
        rounds.append(played)
        logs = round_logs(played["order"], played["sample_s"], calls)
        for index in present[2:]:
            d[index].append(logs[index] - logs[BASELINE])
        done = len(rounds)
        if done in plan.looks:
            for index in present[2:]:
                state = _look(plan, rule, index, d[index])
                if state != UNDECIDED:
                    decisions[plan.ids[index]] = {"state": state, "round": done}
                    present.remove(index)
        spent = limits.now() - begun
        stopped = _stop(plan, rule, done, len(present) > COPY + 1, spent, limits.budget_s)
        if report is not None and (stopped or limits.now() - reported >= REPORT_EVERY_S):
            reported = limits.now()
            left = 0.0 if stopped else (planned - done) * spent / done
            report(done, planned, left + later_s)
    for index in present[2:]:
        decisions[plan.ids[index]] = {"state": UNDECIDED, "round": len(rounds)}
    return {"cache": sampler.cache, "entrants": plan.ids, "calls_per_sample": calls, "rounds": rounds,
            "unfinished_round": unfinished, "looks": list(plan.looks),
            "level": rule.level if plan.role == FIRST else rule.confirm_level, "role": plan.role,
            "decisions": decisions, "stopped": stopped, "planned_round_s": nine_digits(plan.round_s),
            "budget_s": limits.budget_s, "seconds": nine_digits(limits.now() - begun), "clock": clock.name,
            "clock_reason": clock.reason if clock.read is None else _lost_clock(rounds)}


def empty_series(sampler: Sampler, ids: Sequence[str], rule: Rule, role: str, limits: Limits) -> Dict[str, Any]:
    """Return the series that the hard limit ended before its first round, as the record keeps it."""
    return {"cache": sampler.cache, "entrants": list(ids), "calls_per_sample": [1] * len(ids), "rounds": [],
            "unfinished_round": None, "looks": [rule.min_rounds],
            "level": rule.level if role == FIRST else rule.confirm_level, "role": role,
            "decisions": {rival: {"state": UNDECIDED, "round": 0} for rival in ids[2:]},
            "stopped": "the limit of {:.4g} s ended it in the warm-up".format(limits.limit_s),
            "planned_round_s": None, "planned_round_s_reason": "the warm-up was cut short",
            "budget_s": limits.budget_s, "seconds": 0.0, "clock": None, "clock_reason": "no round was played"}


def _look(plan: SeriesPlan, rule: Rule, index: int, d: List[float]) -> str:
    if plan.role == FIRST:
        return first_look_decision(d, plan.looks, rule)
    if len(d) < plan.starts[index]:
        return UNDECIDED
    return confirm_look_decision(d, plan.verdicts[index], rule)


def _stop(plan: SeriesPlan, rule: Rule, done: int, rivals_open: bool, spent: float,
          budget_s: float) -> Optional[str]:
    """Return why the series ends after round ``done``, ``None`` while it goes on."""
    if not rivals_open and len(plan.ids) > 2:
        return "every rival was decided by round {}".format(done)
    if done >= plan.looks[-1]:
        if done == rule.min_rounds and plan.round_s * done > budget_s:
            return "the {} rounds that the rule needs at least took longer than the time budget of {:.4g} s".format(
                done, budget_s)
        if plan.round_s * rule.max_rounds > budget_s:
            return "the time budget of {:.4g} s ended at round {}".format(budget_s, done)
        return "the largest number of rounds, {}, was played".format(done)
    if done >= rule.min_rounds and spent > OVERRUN * max(budget_s, plan.round_s * plan.looks[-1]):
        return ("the time budget of {:.4g} s ended at round {}: rounds took longer than the warm-up "
                "foretold".format(budget_s, done))
    return None


def _lost_clock(rounds: Sequence[Dict[str, Any]]) -> Optional[str]:
    lost = sum(1 for record in rounds if record["clock_hz"] is None)
    return "the clock could not be read in {} of {} rounds".format(lost, len(rounds)) if lost else None
