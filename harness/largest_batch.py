"""The largest batch that runs in a given memory: one batch after another, each in a worker of its own."""

from typing import Callable, List

from harness.fit_search import bracket, next_batch
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.reasons import Code, because
from harness.record import FitProbe
from harness.record.codec import Decoder, to_json
from harness.record.schema import SchemaError, checker

#: How a worker ends that was given too little memory: by us, by its allocator, or by the kernel.
FOR_MEMORY = (Code.NO_MEMORY, Code.KILLED)


def largest_batch(run_worker: Callable[[int], Outcome], start: int, limit_bytes: int, progress: PlainProgress,
                  clock: Callable[[], float]) -> Outcome:
    """Run a worker for one batch after another until the largest is known; one killed for memory is an answer.

    ``run_worker`` takes a batch, the first of which is ``start``. The outcome's payload is a fit line's:
    ``limit_bytes``, ``largest``, ``refused`` and every batch ``tried``.
    """
    tried: List[FitProbe] = []
    started = clock()
    batch = next_batch(tried, start, limit_bytes)
    while batch is not None:
        progress.within(len(tried), len(tried) + 4, "a batch of {}".format(batch), None)
        try:
            tried.append(_probe(run_worker(batch), batch))
        except SchemaError as error:
            return Outcome(None, because(Code.FOREIGN, str(error)), clock() - started)
        batch = next_batch(tried, start, limit_bytes)
    known, seconds = bracket(tried), clock() - started
    smallest = next((probe for probe in tried if probe.batch == known.refused), None)
    why = None if smallest is None else smallest.reason
    if known.largest == 0 and why is not None and why.code not in FOR_MEMORY:
        return Outcome(None, why, seconds)
    return Outcome({"limit_bytes": limit_bytes, "largest": known.largest, "refused": known.refused,
                    "tried": to_json(tried)}, None, seconds)


def _probe(outcome: Outcome, batch: int) -> FitProbe:
    if outcome.payload is None:
        return FitProbe(batch, False, reason=outcome.reason)
    checker("fit_probe")(outcome.payload)
    return Decoder().decode(FitProbe, outcome.payload)
