"""Whether the energy in a run's record is that of the known curve: ``check_energy.py RUN``.

The record's times are relative to the pass. Where they lie on the monotonic clock is found from the recorded trace
itself: the one shift by which it follows the curve.
"""

import math
import sys

from curve import mean_w, power_w

from harness.record import load_run

LARGEST = 0.01


def shift_of(times_s, powers_w, around_s):
    """Return the shift with the least squared distance between trace and curve, and that distance in watts."""
    def distance(shift_s):
        return math.sqrt(sum((power_w(time_s + shift_s) - power) ** 2 for time_s, power in zip(times_s, powers_w))
                         / len(times_s))

    best = min((around_s - 0.02 * number for number in range(15000)), key=distance)
    best = min((best + 0.0005 * number for number in range(-80, 81)), key=distance)
    return best, distance(best)


def main(folder, now_s):
    """Compare every energy line of the run in ``folder``, which ended before ``now_s``; return the exit status."""
    run = load_run(folder)
    lines = [(place.id, run.energy(place.id)) for place in run.places()]
    lines = [(name, line) for name, line in lines if line is not None]
    if not lines:
        print("the record holds no energy line")
        return 1
    worst = 0.0
    for name, line in lines:
        if line.energy_per_call_j is None:
            print("{}: no number ({})".format(name, line.reason))
            return 1
        trace = line.traces
        shift_s, apart_w = shift_of(trace.time_s, trace.power_w, now_s)
        start_s, end_s = next((span.start_s, span.end_s) for span in line.phases if span.name == "load")
        true_j = mean_w(start_s + shift_s, end_s + shift_s) * line.window_s / line.calls
        error = line.energy_per_call_j / true_j - 1.0
        worst = max(worst, abs(error))
        print("{}: {:.6g} J per call, the curve says {:.6g} ({:+.2%}); {} readings, trace {:.1f} mW from the curve, "
              "meter {}, rail {}".format(name, line.energy_per_call_j, true_j, error, line.readings_fresh, 1000 * apart_w,
                                   line.meter, line.rail))
        if apart_w > 0.03 or line.meter != "tegrastats" or line.rail != "POM_5V_IN":
            print("that trace is not of this curve")
            return 1
    return 0 if worst <= LARGEST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
