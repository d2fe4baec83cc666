"""The metered part of the energy pass: idle, warm-up, windows of all entrants by turns, idle.

The turns are those of the time pass: every entrant once in a freshly tossed order, then once more backwards, so that
a board that warms up hits all alike and chance alone decides who goes first.
"""

from random import Random
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from harness.energy.figure import Span
from harness.energy.idle import LEAST_READINGS, is_steady
from harness.energy.loop import Clock, Loop
from harness.energy.schedule import EnergySettings, Schedule, schedule
from harness.energy.series import Series, build_series
from harness.record.amount_lines import Phase

Report = Callable[[str, float, float], None]

#: Seconds of one entrant at a time while all warm up.
WARM_S = 0.25

#: Whether a feed stands still is asked from this round on.
HOPELESS_FROM = 2


class Window(NamedTuple):
    """One entrant's calls between two marks (monotonic seconds, device synchronised)."""

    round: int
    entrant: int
    start_s: float
    end_s: float
    calls: int


class Played(NamedTuple):
    """What was played, and how it had been planned."""

    idle_before: Span
    windows: Tuple[Window, ...]
    idle_after: Span
    plan: Schedule


class Phases:
    """Keeps the start and end of each phase and tells the caller about them."""

    def __init__(self, clock: Clock, expected_s: float, report: Optional[Report]) -> None:
        self.expected_s = expected_s
        self.start_s = clock.now()
        self.spans: List[Phase] = []
        self._clock = clock
        self._report = report

    def begin(self, name: str) -> None:
        """End the phase under way and begin ``name``."""
        self.end()
        self.spans.append(Phase(name, self._clock.now() - self.start_s))
        self.tick()

    def shift(self, start_s: float) -> None:
        """Let the phase under way begin later, at ``start_s``; the one before it lasts till then."""
        self.spans[-2:] = [self.spans[-2]._replace(end_s=start_s - self.start_s),
                           self.spans[-1]._replace(start_s=start_s - self.start_s)]

    def end(self) -> None:
        """End the phase under way."""
        if self.spans and self.spans[-1].end_s is None:
            self.spans[-1] = self.spans[-1]._replace(end_s=self._clock.now() - self.start_s)

    def tick(self) -> None:
        """Tell the caller how far it is."""
        if self._report is not None and self.spans:
            done_s = self._clock.now() - self.start_s
            self._report(self.spans[-1].name, done_s, max(done_s, self.expected_s))


class Bench(NamedTuple):
    """What the metered part is played on."""

    loops: Sequence[Loop]
    synchronize: Callable[[], Any]
    meter: Any
    clock: Clock
    settings: EnergySettings
    told: Phases


def read_series(meter: Any, trusting: bool = False) -> Series:
    """Return the input's series as it stands. Raises :class:`harness.meters.MeterError` if the meter has failed."""
    return build_series(meter.poll(), meter.input_rail, trusting, meter.sensor)


def play(bench: Bench, random: Random, decided: Callable[[Sequence[Window], Schedule], bool]) -> Played:
    """Play everything with the meter running. Raises :class:`harness.meters.MeterError` if it fails.

    ``decided(windows, plan)`` is asked at each look; once it says yes the rounds end.
    """
    settings, told, meter = bench.settings, bench.told, bench.meter
    period_s = meter.period_s if settings.period_s is None else settings.period_s
    before, level_w = _idle("idle-before", period_s, bench)
    told.begin("warm-up")
    series = _warm_up(bench)
    period_s = max(period_s, series.period.period_s or 0.0)
    lag_s = meter.sensor(series.rail).lag_s if settings.lag_s is None else settings.lag_s
    plan = schedule(period_s, lag_s, [loop.call_s for loop in bench.loops], settings)
    round_s = sum(2.0 * plan.turn.lasts_s(loop.call_s) for loop in bench.loops)
    told.expected_s += plan.rounds * round_s
    told.begin("load")
    windows: List[Window] = []
    number, ended = 0, False
    while not (ended and (number >= plan.most or _least_fresh(bench, windows) >= settings.least_fresh + 2)):
        number += 1
        order = list(range(len(bench.loops)))
        random.shuffle(order)
        for entrant in order + order[::-1]:
            windows.append(_turn(bench, number, entrant, plan))
            meter.poll()  # empties its pipe, and says now if it has died
            told.tick()
        if number >= HOPELESS_FROM and _least_fresh(bench, windows) * plan.most < 0.5 * settings.least_fresh * number:
            break  # a feed that stands still: no rounds that may be would be enough
        ended = ended or number >= plan.rounds or (number in plan.looks and decided(windows, plan))
    told.expected_s -= (plan.rounds - number) * round_s
    after, _ = _idle("idle-after", period_s, bench, level_w)
    return Played(before, tuple(windows), after, plan)


def _least_fresh(bench: Bench, windows: Sequence[Window]) -> int:
    """Return the fresh readings of the entrant that has fewest; a number needs some, and the period may yet move."""
    series = read_series(bench.meter)
    return min(sum(series.fresh_between(one.start_s, one.end_s) for one in windows if one.entrant == entrant)
               for entrant in range(len(bench.loops)))


def _turn(bench: Bench, number: int, entrant: int, plan: Schedule) -> Window:
    loop = bench.loops[entrant]
    loop.run(plan.turn.lead_s)
    start_s, end_s, calls = loop.run(plan.turn.window_s)
    # Past the mark: the end is interpolated between two readings, and one taken after the power had changed would
    # pull it along.
    loop.run(plan.turn.out_s)
    return Window(number, entrant, start_s, end_s, calls)


def _warm_up(bench: Bench) -> Series:
    """Run all by turns until they are warm and, if possible, the sensor's period is known; return its readings."""
    settings, start_s = bench.settings, bench.clock.now()
    while True:
        for loop in bench.loops:
            loop.run(max(WARM_S, settings.warmup_s / len(bench.loops)))
        bench.told.tick()
        series = read_series(bench.meter)
        if series.period.period_s is not None or bench.clock.now() - start_s >= settings.warmup_limit_s:
            return series


def _idle(name: str, period_s: float, bench: Bench, level_w: Optional[float] = None) -> Tuple[Span, float]:
    """Do nothing until the power has settled, then for ``idle_s`` and enough readings; return marks and mean.

    A GPU lowers its clocks in steps after a load, so a steady power, near ``level_w`` if there is one, is
    awaited for up to ``settle_limit_s``. What is not steady then is judged against the load later.
    """
    clock, settings, told, meter = bench.clock, bench.settings, bench.told, bench.meter
    bench.synchronize()
    told.begin("settle")
    clock.sleep(settings.settle_s)
    told.begin(name)
    start_s = end_s = clock.now()
    latest_s = start_s + settings.settle_limit_s
    while True:
        clock.sleep(max(0.25, min(1.0, settings.idle_s - (end_s - start_s))))
        end_s = clock.now()
        if end_s - start_s < settings.idle_s:
            meter.poll()
            continue
        series = read_series(meter, trusting=True)
        if end_s >= latest_s + settings.idle_s:
            break
        power_w = series.between(start_s, end_s)
        if len(power_w) < LEAST_READINGS + 2:
            continue
        if is_steady(power_w, meter.sensor(series.rail).step_w, level_w):
            break
        start_s += 0.25 * settings.idle_s  # still coming to rest: look at a later stretch
        told.shift(start_s)
    told.begin("settle")
    clock.sleep(2.5 * period_s)  # a reading after the mark, to interpolate its end
    power_w = series.between(start_s, end_s)
    return (start_s, end_s), float(power_w.mean()) if len(power_w) else 0.0
