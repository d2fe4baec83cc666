"""From what a worker came to, to the line of the record that says so."""

from typing import Dict, Optional

from harness.culprits import Played
from harness.process import Outcome
from harness.reasons import Code, Reason, because
from harness.record import Unit, UnitLine, unit_line
from harness.record.codec import to_json
from harness.record.schema import SchemaError
from harness.system.suspend import LEAST_S
from harness.words import Heap, Pass, Status


def line_of(unit: Unit, status: Status, outcome: Outcome, started_s: float, load: Optional[float] = None,
            left_out: Optional[Dict[str, Reason]] = None) -> UnitLine:
    """Return the line of ``unit``; one whose payload breaks the format says that, as a failure."""
    envelope = {"comparison": unit.comparison, "case": unit.case, "status": status.value,
                "reason": to_json(outcome.reason), "seconds": round(outcome.seconds, 3),
                "started_s": round(started_s, 3)}
    if unit.launch is not None:
        envelope["repeat" if unit.name is Pass.MEMORY else "launch"] = unit.launch
    if unit.name is Pass.MEMORY:
        envelope["heap"] = (unit.heap or Heap.PINNED).value
    if load is not None:
        envelope["load_1min"] = load
    if outcome.suspended_s > LEAST_S:
        envelope["suspended_s"] = round(outcome.suspended_s, 3)
    if left_out:
        envelope["left_out"] = to_json(left_out)
    payload = outcome.payload or {}
    if outcome.reason is None and payload.get("reason") is not None:
        # A pass that ended well may still say why it has no number, as the energy pass does.
        envelope["reason"] = payload["reason"]
    try:
        line = unit_line(unit.name, envelope, payload)
    except SchemaError as error:
        envelope.update(status=Status.FAILED.value, reason=to_json(because(Code.FOREIGN, str(error))))
        line = unit_line(unit.name, envelope, {})
    return line


def share(played: Played, case: str, cases: int) -> Outcome:
    """Return what a worker that measured several cases says of one, with its share of the time."""
    outcome = played.outcome._replace(seconds=played.outcome.seconds / cases)
    if case in played.left_out:
        return outcome._replace(payload=None, reason=played.left_out[case])
    if outcome.payload is None:
        return outcome
    found = outcome.payload.get("cases", {}).get(case)
    return outcome._replace(payload=found, reason=outcome.reason if found is not None else because(
        Code.FOREIGN, "it lacks the case {}".format(case)))
