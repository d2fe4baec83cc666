"""How well two runs can be told apart by plans of so many launches of so many rounds: simulated, as a table.

By hand, from the root of the project: ``python tests/statistics/compare_plans.py [PAIRS]``. A launch is a launch
effect (white, heavy-tailed or two modes) plus rounds of recorded noise, through the product's own functions: the
record's lines, ``case_levels`` and ``compare_levels``. Power is 5 % more work called slower,
false is faster or slower at none.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import numpy as np
import recorded_noise

from harness.reasons import Code, because
from harness.record import LaunchLine, Round, Series
from harness.rule import COMPARE_LAUNCHES, COMPARE_ROUNDS, Rule
from harness.statistics.between_runs import case_levels, compare_levels
from harness.words import Role, Status

RULE = Rule()
CALL_S = 1e-3


def white(sd):
    return lambda random, launches: sd * random.standard_normal(launches)


def as_measured(random, launches):
    """White, its sd anything from 0.4 to 4.6 %, small ones as often as large ones."""
    sd = np.exp(random.uniform(np.log(0.004), np.log(0.046)))
    return sd * random.standard_normal(launches)


def heavy(sd, share=0.08, far=0.15):
    def draw(random, launches):
        hit = random.random_sample(launches) < share
        return sd * random.standard_normal(launches) + hit * far * random.standard_normal(launches)

    return draw


def modes(apart, sd=0.01):
    return lambda random, launches: apart * (random.random_sample(launches) < 0.5) + sd * random.standard_normal(
        launches)


#: What a launch does to an advantage, as the machines at hand showed it: sd 0.4 to 1.8 % between equal work, 1 to
#: 4.6 % else, now and then one launch far off.
EFFECTS = {"sd 0.4 to 4.6 %": as_measured, "sd 1 %": white(0.01), "sd 2 %": white(0.02), "sd 3 %": white(0.03),
           "sd 4.5 %": white(0.045), "sd 2 %, one in 12 far off": heavy(0.02), "two modes 4 % apart": modes(0.04)}


def launch_line(number, effect, rounds, noise, random):
    """One launch: ``rounds`` mirrored rounds of recorded noise, the rival off by ``effect``."""
    at = random.randint(len(noise))
    # plain numbers: a simulation reads some forty million of them
    factors = noise[(at + np.arange(6 * rounds)) % len(noise)].tolist()
    costs = (CALL_S * np.exp([0.0, 0.0, effect])).tolist()
    body = []
    for index in range(rounds):
        order = random.permutation(3).tolist()
        body.append(Round(tuple(order), tuple([costs[place] * factor for place, factor in zip(
            order + order[::-1], factors[6 * index:6 * index + 6])])))
    series = Series("hot", ("c/a", "c/a", "c/b"), (1, 1, 1), tuple(body), (rounds,), Role.FIRST,
                    because(Code.MOST_ROUNDS, round=rounds))
    return LaunchLine("c", number, Status.OK, series=(series,))


def run_levels(shifts, rounds, more_work, random, noises):
    """The log advantages of one simulated run, through the product's own reading of its lines."""
    noise = noises[random.randint(len(noises))]
    lines = [launch_line(number, shift + np.log1p(more_work), rounds, noise, random)
             for number, shift in enumerate(shifts, 1)]
    return case_levels(lines, "hot")["c/b"].advantages


def states(effect, launches, rounds, more_work, pairs, seed):
    """The states of ``pairs`` pairs of runs, the second of which does ``more_work``."""
    random = np.random.RandomState(seed)
    noises = [grouped(name) for name in NOISES]
    found = []
    for _ in range(pairs):
        shifts = effect(random, 2 * launches)  # both runs are of one case: what launches do to it is alike
        found.append(compare_levels(run_levels(shifts[:launches], rounds, 0.0, random, noises),
                                    run_levels(shifts[launches:], rounds, more_work, random, noises), RULE))
    return found


#: Streams on a calm and on a busy machine, and the calls that a sample of at least 1 ms holds.
NOISES = {"seq_100us_t1": 10, "seq_5ms_t1": 1, "seq_5ms_t2": 1, "load_100us_t1": 10, "load_5ms_t1": 1}


def grouped(name):
    """The recorded calls as samples of the product's length, relative to their median."""
    calls = NOISES[name]
    noise = recorded_noise.stream(name)
    return noise[:len(noise) // calls * calls].reshape(-1, calls).mean(axis=1)


def share(found, *wanted):
    return sum(change.state in wanted for change in found) / float(len(found))


#: Launches and rounds that were weighed.
PLANS = ((4, 27), (8, 27), (12, 27), (16, 27), (20, 27), (24, 12), (COMPARE_LAUNCHES, COMPARE_ROUNDS), (28, 27))


def main(arguments):
    pairs = int(arguments[0]) if arguments else 300
    print("| launch effect | launches x rounds | false in {0} | 5 % told, % of {0} | 10 % told | unchanged: "
          "median width, % |".format(pairs))
    print("|---|---|--:|--:|--:|--:|")
    for name, effect in EFFECTS.items():
        for launches, rounds in PLANS:
            null = states(effect, launches, rounds, 0.0, pairs, 1)
            told = [100.0 * share(states(effect, launches, rounds, work, pairs, seed), "slower")
                    for seed, work in ((2, 0.05), (3, 0.10))]
            widths = sorted(change.within for change in null if change.within is not None)
            print("| {} | {} x {} | {:.0f} | {:.0f} | {:.0f} | {:.1f} |".format(
                name, launches, rounds, pairs * share(null, "faster", "slower"), told[0], told[1],
                100.0 * widths[len(widths) // 2]))
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
