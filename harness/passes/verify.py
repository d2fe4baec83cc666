"""Pass 1: is the layer right? Output against a float64 dense reference; a wrong layer is not timed."""

from typing import Any, Callable, Dict, Optional

import torch

from harness.passes.process_state import put_back, read_state
from harness.plan import Case, Subject, UnavailableError
from harness.reasons import Code, because
from harness.record.codec import to_json
from harness.record.lines import CheckResult
from harness.subjects import Inputs, as_tensors, build, cases_of, prepare, synchronizer
from harness.worker import describe

#: Largest allowed error relative to the root mean square of the reference, by dtype. A correct layer of
#: a few thousand accumulations stays ten times below; a wrong sign or order is a thousand times above.
TOLERANCES: Dict[str, float] = {"float64": 1e-10, "float32": 1e-4, "float16": 5e-2, "bfloat16": 3e-1}


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Verify the cases named by the job; return the payload of a ``verify`` line."""
    comparison, cases = cases_of(job)
    prepare(cases)
    inputs = Inputs(job["seed"])
    results = []
    for done, case in enumerate(cases):
        progress(done, len(cases), case.name)
        results.append(to_json(verify_case(case, inputs)._replace(case=comparison.case_id(case))))
    return {"results": results}


def verify_case(case: Case, inputs: Inputs) -> CheckResult:
    """Build and check one case; a failure to build or call it is a result, not an error."""
    state = read_state(torch)
    x = inputs.get(case)
    before = x.detach().clone()
    try:
        subject = build(case, inputs)
        output = subject.call()
        synchronizer(case.device)()
        if subject.output is not None:
            output = subject.output()
        changes_input = not same_bits(x, before)
        if changes_input:  # the output may lie in the input, which is put back for the others
            output = [part.detach().clone() for part in as_tensors(output)]
            x.detach().copy_(before)
        found = check(case, subject, output, before)
        return found._replace(
            case=case.slug, changes_input=changes_input, disturbs=put_back(torch, state),
            implementation=subject.implementation, implementation_reason=subject.reason,
            parameters=subject.parameters, macs=subject.macs, pinned=dict(subject.pinned),
            operations=operations_of(subject, case.mode),
            bytes=least_bytes(x, output, subject.parameters) if subject.bytes is None else subject.bytes)
    except Exception as error:  # the reason is recorded and the other cases go on
        x.detach().copy_(before)
        put_back(torch, state)
        reason = because(Code.UNAVAILABLE, str(error)) if isinstance(error, UnavailableError) else because(
            Code.CANNOT_RUN, describe(error))
        return CheckResult(case.slug, False, reason=reason)


def same_bits(one: Any, other: Any) -> bool:
    """Whether two tensors of one shape and dtype hold the same bits, NaNs and signs of zero included."""
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
    return bool(torch.equal(one.detach().view(bits), other.detach().view(bits)))


def operations_of(subject: Subject, mode: str) -> Optional[int]:
    """Return the operations of a call: what the builder counted, else two for each multiply-accumulate.

    ``None`` in training, where the builders count the way forward alone.
    """
    if mode != "inference" or subject.operations is not None or subject.macs is None:
        return None if mode != "inference" else subject.operations
    return 2 * subject.macs


def least_bytes(x: Any, output: Any, parameters: Optional[int]) -> Optional[int]:
    """Return the bytes no call can do without: input, output and parameters once; ``None`` if unknown."""
    if parameters is None:
        return None
    size: int = x.element_size()
    return (x.numel() + parameters) * size + sum(part.numel() * part.element_size() for part in as_tensors(output))


def check(case: Case, subject: Subject, output: Any, x: Any) -> CheckResult:
    """Compare ``output`` with the reference on the first and the last image of the batch.

    Layers treat images alone, so two of them tell; the whole batch in float64 would take longer than
    the measurement on a small board.
    """
    if subject.reference is None and not all(bool(torch.isfinite(part).all()) for part in as_tensors(output)):
        return CheckResult(case.slug, None, reason=because(
            Code.NOT_FINITE_UNCHECKED, subject.reference_reason or "its builder gives no reference"))
    if subject.reference is None:
        return CheckResult(case.slug, None, reason=because(
            Code.NO_REFERENCE, subject.reference_reason or "its builder gives no reference"))
    picked = sorted({0, case.shape[0] - 1})
    wanted = as_tensors(subject.reference(x.detach()[picked].cpu().double()))
    given = [_numbers(part.detach())[picked].cpu().double() for part in as_tensors(output)]
    allowed = subject.tolerance if subject.tolerance is not None else TOLERANCES[case.dtype]
    shapes = ([tuple(part.shape) for part in given], [tuple(part.shape) for part in wanted])
    if shapes[0] != shapes[1]:
        return CheckResult(case.slug, False, allowed=allowed, reason=because(
            Code.WRONG_SHAPE, "its output has shape {}, the reference {}".format(*shapes)))
    error = max(relative_error(have, want) for have, want in zip(given, wanted))
    if error == float("inf"):
        return CheckResult(case.slug, False, allowed=allowed, reason=because(Code.NOT_FINITE, allowed=allowed))
    if error > allowed:
        return CheckResult(case.slug, False, error, allowed, because(Code.WRONG, error=error, allowed=allowed))
    return CheckResult(case.slug, True, error, allowed)


def _numbers(part: Any) -> Any:
    return part.dequantize() if part.is_quantized else part


def relative_error(have: Any, want: Any) -> float:
    """Return the largest absolute difference over the root mean square of ``want`` (infinity for NaN)."""
    if not have.numel():
        return 0.0
    scale = float(want.pow(2).mean().sqrt())
    worst = float((have - want).abs().max())
    if worst != worst or not bool(torch.isfinite(have).all()):
        return float("inf")
    return worst / scale if scale else worst
