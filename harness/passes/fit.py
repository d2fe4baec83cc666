"""Pass 5, on request: does a batch run in a given memory? One fresh worker for each batch that is tried.

On the CPU it is the process as a whole that counts, since a board has to hold Python and torch too: its highest
resident memory, as the kernel counts it. Loads of known size come out within 0.2 MB of what they hold that way.
On CUDA torch's allocator gets the limit, and it refuses what does not fit.
"""

from typing import Any, Callable, Dict

from harness.reasons import Code, because
from harness.record.amount_lines import FitProbe
from harness.record.codec import to_json
from harness.system.memory import current_rss_bytes, peak_rss_bytes

#: The second call shows what the first left behind.
CALLS = 2

#: What torch before 2.0 says in a plain RuntimeError when an allocation fails.
ALLOCATION_FAILED = ("out of memory", "can't allocate memory", "not enough memory")


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Call the one case of the job with ``job["batch"]`` images; return a :class:`FitProbe` as data.

    Raises what the case raises, unless that is a lack of memory, which is an answer.
    """
    import torch

    from harness.subjects import Inputs, build, cases_of, prepare, synchronizer

    case = cases_of(job)[1][0]
    case = case._replace(shape=(job["batch"],) + tuple(case.shape[1:]))
    prepare([case])
    synchronize = synchronizer(case.device)
    cuda = case.device == "cuda"
    if cuda:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, job["limit_bytes"] / float(total)))
        torch.cuda.init()
    own = torch.cuda.memory_reserved() if cuda else current_rss_bytes()
    reason = None
    try:
        subject = build(case, Inputs(job["seed"]))  # outside of inference mode, as in the time pass
        with torch.inference_mode(case.mode == "inference"):
            for _ in range(CALLS):
                output = subject.call()
                synchronize()
                del output
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        reason = because(Code.NO_MEMORY, limit_bytes=job["limit_bytes"])
    peak = torch.cuda.max_memory_reserved() if cuda else peak_rss_bytes()
    if reason is None and peak is not None and peak > job["limit_bytes"]:
        reason = because(Code.NO_MEMORY, limit_bytes=job["limit_bytes"])
    return to_json(FitProbe(job["batch"], reason is None, peak, own, reason))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed; old versions of torch tell it by their text alone."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in ALLOCATION_FAILED)
