"""The record's run with what people ask of it by hand."""

import html
import os
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence, Tuple

from harness import record
from harness.nearest import unknown
from harness.plan import Comparison
from harness.reasons import sentence
from harness.record import FILE_NAME, RecordError, folder_of
from harness.record.reader import read_record
from harness.record.time_lines import COPY
from harness.text import printable

if TYPE_CHECKING:
    import pandas

    from harness.statistics.denominators import Denominators
    from harness.statistics.verdict import Verdict

#: Where runs lie unless the user says otherwise, below the current folder, and where a checkout keeps some.
RESULTS = "results"
REFERENCE = os.path.join(RESULTS, "reference")


class Run(record.Run):
    """A recorded run. Its plan, checks, launches and amounts are :class:`harness.record.Run`'s."""

    def cases(self) -> Tuple[str, ...]:
        """Return the id of every planned case, ``comparison/case``, in order."""
        return tuple(place.id for place in self.places())

    def samples(self, case: str, cache: str = "hot") -> List[List[float]]:
        """Return every sample of ``case`` in seconds per call, a list for each launch, in the order played.

        The baseline's second copy is left out. Raises :class:`KeyError` if no case is called that; a case that was
        not timed gives no list (:meth:`why_not_timed` says why).
        """
        if case not in self.cases():
            raise KeyError(unknown("case", case, self.cases()))
        found = []
        for line in self.launches(case.rsplit("/", 1)[0]):
            for series in line.series:
                # entrant 1 is the baseline's copy under the baseline's own name
                places = [place for place, name in enumerate(series.entrants) if name == case and place != COPY]
                if series.cache == cache and places:
                    found.append(series.samples_per_call_s(places[0]))
        return found

    def denominators(self, comparison: Comparison) -> "Denominators":
        """Return what the cases of ``comparison`` are held against: its baseline, or the fastest of its engines."""
        from harness.statistics.denominators import denominators

        return denominators(comparison, self.timed(comparison.id))

    def verdicts(self, own_engine: bool = False) -> "Dict[Tuple[str, str], Verdict]":
        """Return the verdict of every rival by case id and state of the caches, computed from the samples.

        The baseline is that of the comparison, as on the run's page; where a comparison has several engines, the
        fastest form of the baseline's layer in all of them. With ``own_engine`` it is the fastest form in the rival's
        own engine there, and rivals whose engine has none are left out. ``Verdict.baseline`` names it.
        """
        return {(one.case, one.cache): one for comparison in self.comparisons
                for one in (self._own_verdicts if own_engine else self._verdicts)(comparison)}

    def _verdicts(self, comparison: Comparison) -> "List[Verdict]":
        from harness.statistics.verdict import verdicts

        return verdicts(self.launches(comparison.id), self.header.rule,
                        comparison.case_id(self.denominators(comparison).fastest) if comparison.pairs else None)

    def _own_verdicts(self, comparison: Comparison) -> "List[Verdict]":
        from harness.statistics.verdict import verdicts

        found = self.denominators(comparison)
        if not found.by_engine:
            return self._verdicts(comparison)
        own = {comparison.case_id(case): found.own(case) for case in comparison.cases}
        return [one for base in found.by_engine.values()
                for one in verdicts(self.launches(comparison.id), self.header.rule, comparison.case_id(base))
                if own[one.case] == base]

    def to_frame(self) -> "pandas.DataFrame":
        """Return the tidy pandas DataFrame: one row per case and pass (columns: ``results/README.md``)."""
        from harness.notebook.frame import run_to_frame

        return run_to_frame(self)

    def __repr__(self) -> str:
        timed = sum(1 for comparison in self.comparisons if self.timed(comparison.id))
        return printable("<Run {}: suite {}, {}, {} of {} comparisons timed, {} on {}>".format(
            self.id, self.suite, self.completeness, timed, len(self.comparisons),
            self.environment.board.get("model") or self.environment.cpu.get("model") or "an unknown machine",
            self.header.settings.device))

    def _repr_html_(self) -> str:
        """Return a small table of verdicts: what a notebook shows of the run."""
        lines = ["<p>{}</p>".format(html.escape(repr(self)[1:-1])), "<table><thead><tr>" + "".join(
            "<th>{}</th>".format(name) for name in ("comparison", "rival", "caches", "verdict", "speed", "interval",
                                                    "against")) + "</tr></thead><tbody>"]
        told: Dict[str, List[Tuple[str, str, str, str, str]]] = {}
        names = {place.id: place.case.name for place in self.places()}
        for (case, _), one in sorted(self.verdicts().items()):
            told.setdefault(case, []).append(_cells(one) + (names[one.baseline],))
        baselines = {one.id: self.denominators(one).fastest for one in self.comparisons}
        for place in self.places():
            if place.case == baselines[place.comparison.id]:
                continue
            shown = told.get(place.id)
            reason = sentence(self.why_not_timed(place.comparison.id, place.id)) or ""
            for cells in shown or [("", "not measured", "", reason, "")]:
                lines.append("<tr>" + "".join("<td>{}</td>".format(html.escape(cell)) for cell in
                                              (place.comparison.title, place.case.name) + cells) + "</tr>")
        return "\n".join(lines + ["</tbody></table>"])


def _cells(one: "Verdict") -> Tuple[str, str, str, str]:
    speed = "" if one.speed is None else "{:.3g}x".format(one.speed)
    interval = "" if one.low is None or one.high is None else "[{:.3g}, {:.3g}]".format(one.low, one.high)
    return one.cache, one.state.value, speed, interval


def find_run(name: str, places: Sequence[str] = (RESULTS, REFERENCE)) -> str:
    """Return the folder (or record file) of the run ``name``: a path, or the name of a run in one of ``places``.

    Raises :class:`harness.RecordError` with the nearest name there is.
    """
    found = search_run([name] + [os.path.join(place, name) for place in places])
    if found is not None or os.path.exists(name):
        return found or name  # what is there but no run's folder: reading it says what to name
    raise RecordError(unknown("run", name, runs_in(places)))


def search_run(folders: Sequence[str]) -> Optional[str]:
    """Return the first of ``folders`` that holds a record, ``None`` if none does."""
    return next((folder for folder in folders if os.path.isfile(os.path.join(folder, FILE_NAME))), None)


def runs_in(places: Sequence[str]) -> List[str]:
    """Return the names of the folders below each of ``places`` that hold a record."""
    return [one for place in places if os.path.isdir(place) for one in sorted(os.listdir(place))
            if search_run([os.path.join(place, one)])]


def load_run(name: str, results: Optional[str] = None) -> Run:
    """Read a recorded run: its folder, its record file, or its bare id below ``results`` (default ``results/``).

    Raises :class:`harness.RecordError` in one sentence if there is none or it cannot be read.
    """
    path = find_run(name, (RESULTS, REFERENCE) if results is None else (results,))
    return Run(folder_of(path), read_record(path))
