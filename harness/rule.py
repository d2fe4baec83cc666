"""The numbers of the comparison rule, and the looks it plans. Imports no numpy: controller and record hold it too."""

import math
from typing import Dict, NamedTuple, Sequence, Tuple

STANDARD_LOOKS = (12, 18, 27, 40, 60, 90, 135, 200, 300, 450)

#: The launches and rounds of a run made for comparing with another (``run --for-compare``). Launches are what is
#: uncertain between runs, rounds are not: the cheapest plan whose pairs tell 5 % in 90 % of cases, where launches
#: move an advantage by 0.4 to 4.6 % as they were measured to (simulated in ``tests/statistics/compare_plans.py``).
#: Slow layers get fewer rounds, as the budget allows, and need fewer.
COMPARE_LAUNCHES = 24
COMPARE_ROUNDS = 27

#: Rounds of a launch that plays many cases to the end, so that any two can be compared: each is a process that has
#: to be started, which takes longer than the rounds, and launches are what is uncertain.
PAIR_ROUNDS = 12


class Rule(NamedTuple):
    """The numbers of the rule; the defaults are those whose error rates were simulated.

    ``factor`` is the smallest relative difference worth a verdict, ``level`` the error probability of the
    first launch shared by its looks, ``confirm_level`` the one of each look of a later launch.
    A *sample* is one timed stretch of calls, at least ``sample_s`` and ``sample_steps`` timer steps long;
    entrants whose call lasts less than ``settle_below_s`` get one untimed-for-the-statistic call before it.
    ``budget_s`` bounds the sampling of one launch, but never under ``min_rounds`` rounds.
    """

    factor: float = 0.02
    level: float = 0.01
    confirm_level: float = 0.005
    launches: int = 4
    min_rounds: int = 12
    max_rounds: int = 450
    budget_s: float = 120.0
    look_growth: float = 1.5
    sample_s: float = 1e-3
    sample_steps: int = 100
    settle_below_s: float = 10e-3

    @property
    def edge(self) -> float:
        """The factor on the log scale."""
        return math.log1p(self.factor)


def rule_to_dict(rule: Rule) -> Dict[str, float]:
    """Return ``rule`` as JSON-ready data."""
    return dict(rule._asdict())


def rule_from_dict(data: Dict[str, float]) -> Rule:
    """Read back what :func:`rule_to_dict` wrote; missing fields take the defaults, unknown ones are ignored."""
    return Rule(**{key: value for key, value in data.items() if key in Rule._fields})  # type: ignore[arg-type]


def plan_looks(rule: Rule, rounds_that_fit: float) -> Tuple[int, ...]:
    """Return the rounds after which the data are looked at, fixed before the first sample.

    The standard looks that fit both ``rule.max_rounds`` and ``rounds_that_fit`` (the budget divided by the
    length of a round, from the warm-up), continued by a factor of ``rule.look_growth``; never under
    ``rule.min_rounds``. The last look is the last round.
    """
    most = max(rule.min_rounds, int(min(rounds_that_fit, rule.max_rounds)))
    looks = [look for look in STANDARD_LOOKS if rule.min_rounds <= look <= most] or [rule.min_rounds]
    while looks[-1] >= STANDARD_LOOKS[-1] and int(looks[-1] * rule.look_growth) <= most:
        looks.append(int(looks[-1] * rule.look_growth))
    return tuple(looks)


def confirm_from(rule: Rule, first_rounds: int) -> int:
    """Return the round from which a later launch may decide: a quarter of launch 1's rounds, at least 12."""
    return max(rule.min_rounds, -(-first_rounds // 4))


def level_per_look(rule: Rule, looks: Sequence[int]) -> float:
    """Return launch 1's error probability at each look: the family level shared equally."""
    return rule.level / max(len(looks), 1)
