"""Does it fit: the largest batch of each case that runs in a given memory, against the baseline's."""

from typing import NamedTuple, Optional, Tuple

from harness.plan import Comparison
from harness.reasons import Reason
from harness.record import FitLine, Run
from harness.words import Pass, Status


class FitRow(NamedTuple):
    """One case. ``largest`` is ``None`` where there is no answer, for ``reason``; 0 where not one image fits.

    ``ratio`` is ``largest`` over the baseline's. ``refused`` did not run, for ``refused_for``. ``per_image_bytes`` is
    what one more image took, ``own_bytes`` what the process held before its input was made.
    """

    case: str
    name: str
    baseline: bool
    largest: Optional[int] = None
    refused: Optional[int] = None
    refused_for: Optional[Reason] = None
    ratio: Optional[float] = None
    per_image_bytes: Optional[float] = None
    own_bytes: Optional[int] = None
    reason: Optional[Reason] = None


class FitTable(NamedTuple):
    """The answers of one comparison. ``whole_process`` is false on CUDA, where torch's allocator has the limit."""

    id: str
    title: str
    limit_bytes: int
    whole_process: bool
    rows: Tuple[FitRow, ...]


def fit_tables(run: Run) -> Tuple[FitTable, ...]:
    """Return a table for each comparison of a run that asked what fits, none for any other run."""
    settings = run.header.settings
    if Pass.FIT.value not in settings.passes or settings.fit_bytes is None:
        return ()
    return tuple(FitTable(one.id, one.title, settings.fit_bytes, settings.device != "cuda", _rows(run, one))
                 for one in run.comparisons)


def _rows(run: Run, comparison: Comparison) -> Tuple[FitRow, ...]:
    base = run.fit(comparison.case_id(comparison.baseline))
    rows = []
    for case in comparison.cases:
        ident = comparison.case_id(case)
        line = run.fit(ident)
        if line is None or line.status is not Status.OK or line.largest is None:
            why = run.why_absent(Pass.FIT) if line is None else line.reason
            rows.append(FitRow(ident, case.name, case == comparison.baseline, reason=why))
            continue
        ratio = line.largest / float(base.largest) if base is not None and base.largest else None
        smallest = next((probe for probe in line.tried if probe.batch == line.refused), None)
        rows.append(FitRow(ident, case.name, case == comparison.baseline, line.largest, line.refused,
                           None if smallest is None else smallest.reason, ratio, per_image(line),
                           line.tried[0].own_bytes if line.tried else None, None))
    return tuple(rows)


def per_image(line: FitLine) -> Optional[float]:
    """Return the bytes that one more image took, from the smallest to the largest batch that ran."""
    ran = sorted((probe.batch, probe.peak_bytes) for probe in line.tried
                 if probe.fits and probe.peak_bytes is not None)
    if len(ran) < 2 or ran[0][0] == ran[-1][0]:
        return None
    return max(0.0, (ran[-1][1] - ran[0][1]) / float(ran[-1][0] - ran[0][0]))
