"""One series of a launch: planned looks, shuffled rounds, decisions at the looks, and why it stopped."""

from random import Random
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Code, Reason, because
from harness.record.time_lines import BASELINE, COPY, Round, Series, SeriesDecision
from harness.rule import Rule, confirm_from, plan_looks
from harness.statistics.decide import confirm_look_decision, first_look_decision
from harness.statistics.ratios import round_logs
from harness.timing.clock_readers import ClockSource
from harness.timing.rounds import Entrant, OutOfTimeError, nine_digits, play_round, shuffled
from harness.timing.sampler import Sampler
from harness.words import Role, State

Decisions = Mapping[str, SeriesDecision]  # by rival id
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
    role: Role
    verdicts: Dict[int, State]
    starts: Dict[int, int]


def plan_series(ids: Sequence[str], entrants: Sequence[Entrant], host_per_call_s: Sequence[float], rule: Rule,
                role: Role, first: Decisions, budget_s: float,
                turn_s: Callable[[float], float] = lambda per_call_s: 0.0) -> SeriesPlan:
    """Reckon the rounds that fit ``budget_s`` from the warm-up's seconds per call (flushes
    and waiting counted) and fix the looks. ``turn_s`` tells what each turn takes beside them.

    ``first`` holds launch 1's decision on each rival (empty in launch 1 itself).
    """
    round_s = sum(2.0 * (seconds * (entrant.calls + (1 if entrant.settle else 0)) + turn_s(seconds))
                  for entrant, seconds in zip(entrants, host_per_call_s))
    fit = budget_s / round_s if round_s > 0.0 else float(rule.max_rounds)
    looks = plan_looks(rule, fit)
    verdicts: Dict[int, State] = {}
    starts: Dict[int, int] = {}
    if role is Role.WHOLE:
        looks = looks[-1:]
    if role is Role.CONFIRM:
        for index, rival in enumerate(ids[2:], 2):
            verdicts[index] = first[rival].state
            starts[index] = confirm_from(rule, first[rival].round)
        latest = max(starts.values())
        if looks[-1] < latest:  # a slower launch must still reach a look at which it may decide
            looks = tuple(look for look in plan_looks(rule, rule.max_rounds))
            looks = looks[:1 + next(i for i, look in enumerate(looks) if look >= latest)]
    return SeriesPlan(list(ids), list(entrants), looks, round_s, role, verdicts, starts)


def play_series(sampler: Sampler, plan: SeriesPlan, rule: Rule, random: Random, limits: Limits,
                clock: ClockSource, report: Optional[Report] = None, later_s: float = 0.0) -> Series:
    """Play the rounds of ``plan`` until every rival is decided or the rounds or the time end.

    ``random`` shuffles the orders; ``later_s`` is the time other series may still take, for
    the estimate given to ``report``.
    """
    present = list(range(len(plan.ids)))
    d: Dict[int, List[float]] = {index: [] for index in present[2:]}
    calls = [entrant.calls for entrant in plan.entrants]
    decisions: Dict[str, SeriesDecision] = {}
    rounds: List[Round] = []
    unfinished: Optional[Round] = None
    stopped: Optional[Reason] = None
    planned = plan.looks[-1]
    begun = reported = limits.now()
    while stopped is None:
        if limits.now() > limits.deadline:
            stopped = because(Code.LIMIT_REACHED, limit_s=limits.limit_s, round=len(rounds))
            break
        try:
            played = play_round(sampler, plan.entrants, shuffled(present, random), clock.read, limits.now,
                                limits.deadline)
        except OutOfTimeError as cut:
            unfinished = cut.partial
            stopped = because(Code.LIMIT_REACHED, limit_s=limits.limit_s, round=len(rounds))
            break
        rounds.append(played)
        logs = round_logs(played.order, played.sample_s, calls)
        for index in present[2:]:
            d[index].append(logs[index] - logs[BASELINE])
        done = len(rounds)
        if done in plan.looks:
            for index in present[2:]:
                state = _look(plan, rule, index, d[index])
                if state is not State.UNDECIDED:
                    decisions[plan.ids[index]] = SeriesDecision(state, done)
                    present.remove(index)
        spent = limits.now() - begun
        stopped = _stop(plan, rule, done, len(present) > COPY + 1, spent, limits.budget_s)
        if report is not None and (stopped or limits.now() - reported >= REPORT_EVERY_S):
            reported = limits.now()
            left = 0.0 if stopped else (planned - done) * spent / done
            report(done, planned, left + later_s)
    for index in present[2:]:
        decisions[plan.ids[index]] = SeriesDecision(State.UNDECIDED, len(rounds))
    return Series(
        sampler.cache, tuple(plan.ids), tuple(calls), tuple(rounds), plan.looks, plan.role, stopped,
        rule.confirm_level if plan.role is Role.CONFIRM else rule.level, decisions, unfinished,
        nine_digits(plan.round_s), limits.budget_s, nine_digits(limits.now() - begun), clock.name,
        clock.reason if clock.read is None else _lost_clock(rounds))


def empty_series(sampler: Sampler, ids: Sequence[str], rule: Rule, role: Role, limits: Limits) -> Series:
    """Return the series that the hard limit ended before its first round."""
    return Series(
        sampler.cache, tuple(ids), (1,) * len(ids), (), (rule.min_rounds,), role,
        because(Code.LIMIT_IN_WARM_UP, limit_s=limits.limit_s),
        rule.confirm_level if role is Role.CONFIRM else rule.level,
        {rival: SeriesDecision(State.UNDECIDED, 0) for rival in ids[2:]}, budget_s=limits.budget_s, seconds=0.0,
        clock_reason="no round was played")


def _look(plan: SeriesPlan, rule: Rule, index: int, d: List[float]) -> State:
    if plan.role is not Role.CONFIRM:
        return first_look_decision(d, plan.looks, rule)
    if len(d) < plan.starts[index]:
        return State.UNDECIDED
    return confirm_look_decision(d, plan.verdicts[index], rule)


def _stop(plan: SeriesPlan, rule: Rule, done: int, rivals_open: bool, spent: float,
          budget_s: float) -> Optional[Reason]:
    """Return why the series ends after round ``done``, ``None`` while it goes on."""
    if not rivals_open and len(plan.ids) > 2:
        return because(Code.ALL_DECIDED, round=done)
    if done >= plan.looks[-1]:
        if done == rule.min_rounds and plan.round_s * done > budget_s:
            return because(Code.BUDGET_TOO_SHORT, budget_s=budget_s, round=done)
        if plan.looks[-1] < plan_looks(rule, rule.max_rounds)[-1]:
            return because(Code.BUDGET_ENDED, budget_s=budget_s, round=done)
        return because(Code.MOST_ROUNDS, round=done)
    if done >= rule.min_rounds and spent > OVERRUN * max(budget_s, plan.round_s * plan.looks[-1]):
        return because(Code.BUDGET_OVERRUN, budget_s=budget_s, round=done)
    return None


def _lost_clock(rounds: Sequence[Round]) -> Optional[str]:
    lost = sum(1 for played in rounds if played.clock_hz is None)
    return "the clock could not be read in {} of {} rounds".format(lost, len(rounds)) if lost else None
