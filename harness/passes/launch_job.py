"""What the jobs of the time pass have in common."""

from typing import Any, Dict, Optional

from harness.record.codec import Decoder
from harness.record.time_lines import SeriesDecision


def first_of(job: Dict[str, Any]) -> Optional[Dict[str, Dict[str, SeriesDecision]]]:
    """Return launch 1's decisions by cache state and rival id, ``None`` where there is nothing to confirm."""
    if job.get("first") is None:
        return None
    decoder = Decoder()
    return {cache: {rival: decoder.decode(SeriesDecision, one) for rival, one in found.items()}
            for cache, found in job["first"].items()}
