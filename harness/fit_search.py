"""Which batch to try next: the largest that runs in a given memory, by a line through the peaks and bisection."""

from typing import NamedTuple, Optional, Sequence

from harness.record.lines import FitProbe

#: The largest batch that ran and the smallest that did not lie this share apart, or one image.
MARGIN = 0.01

#: Without a batch that was refused, the next one is at most this many times the largest that ran.
MOST_GROWTH = 64

#: Probes that may follow the line through the peaks once a batch was refused; after them the bracket is halved.
GUESSES = 4

#: No batch beyond this is tried: a layer this small is limited by something else.
MOST_BATCH = 2 ** 22


class Bracket(NamedTuple):
    """The largest batch that ran (0: none yet) and the smallest that did not (``None``: none yet)."""

    largest: int
    refused: Optional[int]

    @property
    def step(self) -> int:
        """How far apart the two may stay."""
        return max(1, int(MARGIN * self.largest))


def bracket(tried: Sequence[FitProbe]) -> Bracket:
    """Return what is known after ``tried``."""
    refused = min((probe.batch for probe in tried if not probe.fits), default=None)
    ran = [probe.batch for probe in tried if probe.fits and (refused is None or probe.batch < refused)]
    return Bracket(max(ran, default=0), refused)


def next_batch(tried: Sequence[FitProbe], start: int, limit_bytes: int) -> Optional[int]:
    """Return the batch to try after ``tried``, the first being ``start``; ``None`` when the answer stands."""
    if not tried:
        return max(1, start)
    known = bracket(tried)
    low, high = known.largest, known.refused
    guess = expected(tried, limit_bytes)
    if high is None:
        if low >= MOST_BATCH:
            return None
        wanted = 2 * low if guess is None else max(guess, low + known.step)
        return min(wanted, MOST_GROWTH * low, MOST_BATCH)
    if high - low <= known.step:
        return None
    since = sum(1 for probe in tried[_first_refused(tried):])
    if low == 0 or guess is None or since > GUESSES or guess > high + known.step:  # the line is none of this layer's
        return (low + high) // 2
    wanted = low + known.step if guess <= low else high - known.step if guess >= high else guess
    return min(max(wanted, low + 1), high - 1)


def expected(tried: Sequence[FitProbe], limit_bytes: int) -> Optional[int]:
    """Return the largest batch by the line through the two largest that ran, ``None`` without such a line.

    With one that ran, the line starts at what the process held before the input.
    """
    points = sorted((probe.batch, probe.peak_bytes) for probe in tried
                    if probe.fits and probe.peak_bytes is not None)[-2:]
    if len(points) == 1:
        own_bytes = next(probe.own_bytes for probe in tried if probe.batch == points[0][0])
        points = [] if own_bytes is None else [(0, own_bytes)] + points
    if not points:
        return None
    (first_batch, first_bytes), (last_batch, last_bytes) = points
    if last_batch == first_batch or last_bytes <= first_bytes:
        return None
    per_image = (last_bytes - first_bytes) / float(last_batch - first_batch)
    return int(last_batch + (limit_bytes - last_bytes) / per_image)


def _first_refused(tried: Sequence[FitProbe]) -> int:
    return next(index for index, probe in enumerate(tried) if not probe.fits)
