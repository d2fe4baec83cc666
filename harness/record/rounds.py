"""A run read for its rounds: every line is checked as by :func:`harness.record.load_run`, but not all of it is kept.

Many runs are compared by what was timed in rounds alone. What else a line holds is held against the schema and then
let go, before it becomes values that nobody looks at.
"""

from functools import lru_cache
from typing import Any, Dict, Optional, Tuple

from harness.record.amount_lines import EnergyWindow, Phase, SamplingCost, Stage
from harness.record.index import Run, folder_of
from harness.record.reader import stream_record
from harness.record.time_lines import SeriesDecision, TimerFacts, WarmUpFacts
from harness.record.wire import READERS, Decoding

#: What is let go, by the hint of its field, and what stands in its place. Nothing of these can be refused that the
#: schema has let through: none of their fields has words of its own but those that the schema names.
LET_GO: Dict[Any, Any] = {
    Tuple[WarmUpFacts, ...]: (), Dict[str, SeriesDecision]: {}, Optional[TimerFacts]: None, Dict[str, Stage]: {},
    Tuple[EnergyWindow, ...]: (), Tuple[Phase, ...]: (), Optional[SamplingCost]: None}


def load_rounds(path: str) -> Run:
    """Read the run in folder ``path`` (or the record file itself) without what :data:`LET_GO` names.

    Raises :class:`harness.record.RecordError` where :func:`harness.record.load_run` does.
    """
    return Run(folder_of(path), stream_record(path, _decoding()))


@lru_cache(maxsize=1)
def _decoding() -> Decoding:
    readers = dict(READERS)
    for hint, instead in LET_GO.items():
        readers[hint] = lambda value, instead=instead: instead
    return Decoding(readers)
