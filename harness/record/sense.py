"""What the schema cannot say: whether the values of a line fit each other and the plan.

A record from elsewhere may have passed through an editor, a bad disk or a bad mind. Everything that reads a run may
rest on what is checked here. A fault is a :class:`SchemaError` with the field.
"""

from itertools import chain
from operator import lt
from typing import Any, Dict, FrozenSet, Optional, Sequence, Sized, Tuple

from harness.plan import Comparison
from harness.record.amount_lines import EnergyLine, FitLine, MemoryLine, SoakLine
from harness.record.lines import CheckLine, Header, Line, Session
from harness.record.schema import SchemaError
from harness.record.time_lines import BASELINE, COPY, LaunchLine, Round, Series

#: Sections of the environment and options of a case hold what they like, so deep and no deeper.
DEEPEST = 8

NO_CASE = "names no case of its comparison"


class Sense:
    """Checks the lines of one record in order; the plan comes first."""

    def __init__(self) -> None:
        self._plan: Dict[str, Comparison] = {}
        self._cases: Dict[str, FrozenSet[str]] = {}
        self._baselines: Dict[str, str] = {}

    def check(self, line: Line) -> None:
        """Raise :class:`SchemaError` where ``line`` makes no sense."""
        if isinstance(line, Header):
            self._header(line)
        elif isinstance(line, Session):
            for name in line.environment._fields:
                _shallow(getattr(line.environment, name), "environment.{}", name)
        elif isinstance(line, CheckLine):
            self._known(line)
            cases = self._cases[line.comparison]
            for number, result in enumerate(line.results):
                _must(result.case in cases, "results[{}].case", NO_CASE, number)
                _shallow(result.pinned, "results[{}].pinned", number)
        elif isinstance(line, LaunchLine):
            self._known(line)
            self._launch(line)
        elif isinstance(line, (MemoryLine, EnergyLine, FitLine, SoakLine)):
            self._known(line)
            if isinstance(line, MemoryLine) and line.trace is not None:
                _alike("trace", line.trace)
            if isinstance(line, EnergyLine) and line.traces is not None:
                _alike("traces", line.traces)
            if isinstance(line, SoakLine):
                self._soak(line)

    def _header(self, header: Header) -> None:
        rule = header.rule
        _must(rule.min_rounds <= rule.max_rounds, "rule.max_rounds", "must not be below min_rounds")
        for number, comparison in enumerate(header.comparisons):
            _must(comparison.id not in self._plan, "comparisons[{}].id", "stands there twice", number)
            cases = comparison.cases
            ids = [comparison.case_id(case) for case in cases]
            _must(len(set(ids)) == len(ids), "comparisons[{}].rivals", "must have names of their own", number)
            for case in cases:
                _must(case.device == comparison.baseline.device and case.threads == comparison.baseline.threads,
                      "comparisons[{}].rivals", "must have the baseline's device and threads", number)
                _shallow(dict(case.options), "comparisons[{}].options", number)
            self._plan[comparison.id] = comparison
            self._cases[comparison.id] = frozenset(ids)
            self._baselines[comparison.id] = ids[0]

    def _known(self, line: Any) -> None:
        _must(line.comparison in self._plan, "comparison", "names no comparison of the plan")
        case = getattr(line, "case", None)
        if case is not None:
            self._case(line.comparison, case, "case")

    def _case(self, comparison: str, case: str, field: str) -> None:
        _must(case in self._cases[comparison], field, NO_CASE)

    def _launch(self, line: LaunchLine) -> None:
        for case in line.left_out:
            self._case(line.comparison, case, "left_out")
        caches = [series.cache for series in line.series]
        _must(len(set(caches)) == len(caches), "series", "must each have a cache state of their own")
        for number, series in enumerate(line.series):
            self._series(line.comparison, series, "series[{}]".format(number))

    def _series(self, comparison: str, series: Series, field: str) -> None:
        baseline = self._baselines[comparison]
        rivals = series.entrants[COPY + 1:]
        _must(series.entrants[BASELINE] == series.entrants[COPY] == baseline, field + ".entrants",
              "must begin with the baseline and its copy")
        _must(len(set(rivals)) == len(rivals) and baseline not in rivals
              and self._cases[comparison].issuperset(rivals), field + ".entrants",
              "must name each rival of the comparison once at most")
        count = len(series.entrants)
        _must(len(series.calls_per_sample) == count, field + ".calls_per_sample", "must have one number per entrant")
        _must(all(map(lt, (0,) + series.looks, series.looks)), field + ".looks",
              "must be rising numbers from 1")
        if _whole_rounds(series.rounds, count):
            return
        for number, played in enumerate(series.rounds):
            wrong = _wrong_of(played, count)
            if wrong is not None:
                raise SchemaError("field '{}.rounds[{}].{}'".format(field, number, wrong[0]), wrong[1])

    def _soak(self, line: SoakLine) -> None:
        comparison = self._plan[line.comparison]
        pair = (comparison.case_id(comparison.baseline), line.case)
        for number, block in enumerate(line.blocks):
            field = "blocks[{}]".format(number)
            _must(block.case in pair, field + ".case", "must be the baseline or the rival")
            _must(block.end_s > block.start_s, field + ".end_s", "must lie after start_s")
        if len(line.blocks) > 1:
            _must(tuple(block.case for block in line.blocks[:2]) == pair, "blocks",
                  "must begin with baseline and rival")
        if line.trace is not None:
            _alike("trace", line.trace)
            _must(all(block < max(2, len(line.blocks)) for block in line.trace.block), "trace.block",
                  "must number the blocks")
            _must(not line.blocks or {0, 1}.issubset(line.trace.block), "trace.block",
                  "must have readings of the first two blocks")


def _whole_rounds(rounds: Sequence[Round], count: int) -> bool:
    """Return whether every one of ``rounds`` is right and has all of ``count`` entrants: looked at by columns."""
    if not rounds:
        return True
    orders, samples, settled, enqueued, _, hidden = zip(*rounds)
    beside = [values for column in (settled, enqueued, hidden) if column.count(None) < len(column)
              for values in column if values is not None]
    return (set(map(len, orders)) == {count} and set(map(frozenset, orders)) == {frozenset(range(count))}
            and set(map(len, chain(samples, beside))) == {2 * count})


def _wrong_of(played: Round, count: int) -> Optional[Tuple[str, str]]:
    """Return the field of a round of ``count`` entrants that is wrong, and what is; ``None`` where nothing is."""
    order = played.order
    places = set(order)
    if not (BASELINE in places and COPY in places and min(places) >= 0 and max(places) < count
            and len(places) == len(order)):
        return "order", "must name the baseline, its copy and rivals once each"
    of_samples: Tuple[Tuple[str, Optional[Sized]], ...] = (
        ("sample_s", played.sample_s), ("settle_s", played.settle_s), ("enqueue_s", played.enqueue_s),
        ("hidden", played.hidden))
    for name, values in of_samples:
        if values is not None and len(values) != 2 * len(order):
            return name, "must have two values per entrant of the order"
    return None


def _alike(field: str, trace: Any) -> None:
    """Check that all lists of ``trace`` that hold anything are of one length."""
    lengths = {len(values) for values in trace if len(values)}
    _must(len(lengths) < 2, field, "must hold lists of one length")


def _shallow(value: Any, field: str, place: object, deep: int = 0) -> None:
    _must(deep <= DEEPEST, field, "is nested too deep", place)
    inside: Sequence[Any] = ()
    if isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, (list, tuple)):
        inside = value
    for one in inside:
        if isinstance(one, (dict, list, tuple)):
            _shallow(one, field, place, deep + 1)


def _must(right: bool, field: str, problem: str, *place: object) -> None:
    """Raise :class:`SchemaError` where it is not ``right``; ``place`` fills the gaps of ``field``."""
    if not right:
        raise SchemaError("field '{}'".format(field.format(*place)), problem)
