"""Print the table of operating characteristics from the real engine on the fake machine.

By hand, from the root of the project: ``python tests/statistics/operating_characteristics.py [RUNS [KIND]]``.
False alarms are at a true ratio of 1; power is the right direction called; effort is samples per entrant.
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from fake_machine import KINDS
from simulation import outcomes, rule_for, share

HEAD = ("| noise per sample | false alarm % 1L / 4L | same at 0 % | power 3 % 1L / 4L | 5 % 1L / 4L | "
        "10 % 4L | effort |")


def row(name, runs):
    rule = rule_for(name)
    start = time.time()
    null = outcomes(KINDS[name], 1.0, runs, 1, rule)
    spent_s = time.time() - start
    cells = ["{:.1f} / {:.1f}".format(
        *(100.0 * (share(null, "faster", field) + share(null, "slower", field)) for field in ("first", "state"))),
        "{:.0f}".format(100.0 * share(null, "same"))]
    effort = [sum(item.samples for item in null) / runs]
    for seed, ratio in enumerate((1.03, 1.05, 1.10), 2):
        found = outcomes(KINDS[name], ratio, runs, seed, rule)
        effort.append(sum(item.samples for item in found) / runs)
        one, four = (100.0 * share(found, "slower", field) for field in ("first", "state"))
        cells.append("{:.0f} / {:.0f}".format(one, four) if ratio < 1.10 else "{:.0f}".format(four))
    cells.append(" / ".join("{:.0f}".format(value) for value in effort))
    return "| {} | {} |  <!-- {:.1f} s -->".format(name, " | ".join(cells), spent_s)


def main(arguments):
    runs = int(arguments[0]) if arguments else 300
    wanted = [name for name in KINDS if len(arguments) < 2 or arguments[1] in name]
    print(HEAD)
    print("|---|---|---|---|---|---|---|")
    for name in wanted:
        print(row(name, runs))
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
