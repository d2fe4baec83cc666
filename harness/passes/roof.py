"""Not a measurement of a case: the device's own limits, by the function that the job names."""

from typing import Any, Callable, Dict

from harness.worker import resolve


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Return what the function ``job['function']`` says of the job's device, threads and types."""
    return dict(resolve(job["function"])(job["device"], job["threads"], job["types"]))
