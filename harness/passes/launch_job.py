"""What the jobs of the time pass have in common."""

from typing import Any, Dict, List, Optional

from harness.record.codec import Decoder
from harness.record.time_lines import SeriesDecision


def first_of(job: Dict[str, Any]) -> Optional[Dict[str, Dict[str, SeriesDecision]]]:
    """Return launch 1's decisions by cache state and rival id, ``None`` where there is nothing to confirm."""
    if job.get("first") is None:
        return None
    decoder = Decoder()
    return {cache: {rival: decoder.decode(SeriesDecision, one) for rival, one in found.items()}
            for cache, found in job["first"].items()}


def wanted(job: Dict[str, Any]) -> List[str]:
    """Return the ids of the job's cases that its launch plays: a later one only those that it has to confirm.

    Nothing else is built: a small board has no room for the rest. The baseline stands first.
    """
    first = first_of(job)
    rivals = None if first is None else {rival for found in first.values() for rival in found}
    return [one for place, one in enumerate(job["cases"]) if place == 0 or rivals is None or one in rivals]
