"""Inside a worker: the input of a case and the subject its builder makes of it. Imports torch."""

from typing import Any, Dict, List, Sequence, Tuple

import torch

from harness.plan import Case, Comparison, Subject, comparison_from_dict, with_options
from harness.worker import resolve


def torch_dtype(name: str) -> Any:
    """Return torch's dtype called ``name``, such as ``float32``; raises ``ValueError`` if none is."""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError("unknown dtype '{}': use float32, float64, float16 or bfloat16".format(name))
    return dtype


def synchronizer(device: str) -> Any:
    """Return a function that waits until all work on ``device`` is done."""
    return torch.cuda.synchronize if device == "cuda" else (lambda: None)


def prepare(cases: Sequence[Case]) -> None:
    """Set torch up for ``cases``, which share a device and a thread count.

    Raises ``RuntimeError`` where that device is missing.
    """
    torch.set_num_threads(cases[0].threads)
    if cases[0].device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError("torch sees no CUDA device: use --device cpu")
        # Off for all; a case that wants TF32 turns it on for its own call.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        # Each shape is warmed up alone, so the search ends before the first sample.
        torch.backends.cudnn.benchmark = True


class Inputs:
    """Makes inputs from the seed; cases of the same shape, dtype, layout and device share one tensor."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._made: Dict[Tuple[Any, ...], Any] = {}

    def get(self, case: Case) -> Any:
        """Return the input of ``case``: standard normal, the same numbers for every dtype and layout.

        Raises ``ValueError`` for a type or layout that does not exist.
        """
        key = (case.shape, case.dtype, case.memory_format, case.device)
        if key not in self._made:
            generator = torch.Generator().manual_seed(self.seed)
            x = torch.randn(case.shape, generator=generator).to(torch_dtype(case.dtype))
            if case.memory_format == "channels_last":
                x = x.contiguous(memory_format=torch.channels_last)
            elif case.memory_format != "contiguous":
                raise ValueError("unknown memory format '{}': use contiguous or channels_last".format(
                    case.memory_format))
            self._made[key] = x.to(case.device)
        return self._made[key]

    def made(self) -> List[Any]:
        """Return every input made so far."""
        return list(self._made.values())


def build(case: Case, inputs: Inputs, own_input: bool = False) -> Subject:
    """Import the builder of ``case`` and return what it makes; ``own_input`` gives it a copy nobody else sees."""
    x = inputs.get(case)
    return resolve(case.builder)(case, x.clone() if own_input else x)


def as_tensors(output: Any) -> List[Any]:
    """Return the tensors of a subject's output, which is one tensor or a tuple of them."""
    return list(output) if isinstance(output, (tuple, list)) else [output]


def cases_of(job: Dict[str, Any]) -> Tuple[Comparison, List[Case]]:
    """Return the comparison of ``job`` and its cases, in the plan's order, with the options pinned earlier."""
    comparison = comparison_from_dict(job["comparison"])
    wanted, pinned = set(job["cases"]), job.get("pinned", {})
    cases = [(case, comparison.case_id(case)) for case in comparison.cases]
    return comparison, [pinned_case(case, pinned.get(name, {})) for case, name in cases if name in wanted]


def pinned_case(case: Case, pinned: Dict[str, Any]) -> Case:
    """Return ``case`` as an earlier build of it found best; the ``memory_format`` among it is that of its input.

    The input is then made in that layout before anything is measured, and no layer holds a copy of its own.
    """
    laid_out = case._replace(memory_format=pinned.get("memory_format", case.memory_format))
    return with_options(laid_out, {name: value for name, value in pinned.items() if name != "memory_format"})
