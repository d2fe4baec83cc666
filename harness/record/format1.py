"""Records of format 1: their sentences become reasons that tell no more than the sentence.

Nothing is guessed from the words. Where format 1 left a gap that later code decides on, it is filled from what the
lines say by their structure: a skipped case whose check failed was skipped for it.
"""

from typing import Any, Optional, Set

from harness.reasons import Code, Reason
from harness.record.codec import to_json
from harness.record.wire import Data


class Upgrade:
    """Turns the lines of one format 1 record, in order, into lines of the present format."""

    def __init__(self) -> None:
        self._unfit: Set[str] = set()

    def __call__(self, line: Data) -> Data:
        """Return ``line`` in the present format; anything unexpected is left for the schema to judge."""
        found = dict(line)
        if "reason" in found:
            found["reason"] = self._unit_reason(found)
        if isinstance(found.get("results"), list):
            found["results"] = [self._result(one) for one in found["results"]]
        if isinstance(found.get("series"), list):
            found["series"] = [self._series(one) for one in found["series"]]
        return found

    def _unit_reason(self, line: Data) -> Any:
        reason = line["reason"]
        if not isinstance(reason, str):
            return reason
        if line.get("status") == "skipped":
            if isinstance(line.get("case"), str) and line["case"] in self._unfit:
                return _told(reason, Code.CHECK_FAILED)
            if line.get("pass") == "energy":
                return _told(reason, Code.NO_METER)
        return _told(reason)

    def _result(self, result: Any) -> Any:
        if not isinstance(result, dict):
            return result
        if result.get("ok") is False and isinstance(result.get("case"), str):
            self._unfit.add(result["case"])
        return dict(result, reason=_told(result["reason"])) if isinstance(result.get("reason"), str) else result

    @staticmethod
    def _series(series: Any) -> Any:
        if not isinstance(series, dict) or not isinstance(series.get("stopped"), str):
            return series
        return dict(series, stopped=_told(series["stopped"]))


def _told(text: str, kind: Optional[Code] = None) -> Data:
    """Return a reason that says ``text``; ``kind`` is what its place in the record makes it."""
    data: Data = to_json(Reason(Code.TOLD, {}, text, kind))
    return data
