"""Whether the energy in a run's record is that of the known curve: ``check_energy.py RUN NOW``.

The record's times are relative to the pass. Where they lie on the monotonic clock is found from the recorded trace
itself: the one shift by which it follows the curve.
"""

import math
import sys

from curve import energy_j, shown_w

from harness.record import load_run

#: Share by which the energy of a case may be off: a reading is stamped up to some milliseconds after it was taken.
LARGEST = 0.01
TRACE_W = 0.03


def shift_of(trace, latest_s):
    """Return the shift that lays ``trace`` on the curve, and the distance that is left, in watts (rms)."""
    read = [(time_s, watts) for time_s, watts in zip(trace.time_s, trace.power_w) if watts is not None]

    def distance(shift_s):
        return math.sqrt(sum((shown_w(time_s + shift_s) - watts) ** 2 for time_s, watts in read) / len(read))

    coarse = min((latest_s - 0.05 * number for number in range(9000)), key=distance)
    best = min((coarse + 0.0005 * number for number in range(-150, 151)), key=distance)
    return best, distance(best)


def main(folder, now_s):
    """Compare every energy line of the run in ``folder``, which ended before ``now_s``; return the exit status."""
    run = load_run(folder)
    lines = [line for line in (run.energy(place.id) for place in run.places()) if line is not None]
    traces = [line.traces for line in lines if line.traces is not None and line.traces.time_s]
    if not traces:
        print("the record holds no energy trace: {}".format([line._replace(traces=None) for line in lines]))
        return 1
    shift_s, apart_w = shift_of(traces[0], now_s)
    worst = apart_w / TRACE_W
    for line in lines:
        if line.energy_per_call_j is None or line.meter != "tegrastats" or line.rail != "POM_5V_IN":
            print("{}: no number of tegrastats for the input rail: {}".format(line.case, line))
            return 1
        own = [window for window in line.windows if not window.copy]
        true_j = sum(energy_j(one.start_s + shift_s, one.end_s + shift_s) for one in own) / line.calls
        error = line.energy_per_call_j / true_j - 1.0
        worst = max(worst, abs(error) / LARGEST)
        print("{}: {:.6g} J per call, the curve says {:.6g} ({:+.2%}); {} windows, {} fresh readings".format(
            line.case, line.energy_per_call_j, true_j, error, len(own), line.readings_fresh))
    print("the trace is {:.1f} mW from the curve".format(1000 * apart_w))
    return 0 if worst <= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
