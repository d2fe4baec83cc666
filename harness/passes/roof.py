"""Not a measurement of a case: the device's own limits, by the function that the job names."""

from typing import Any, Callable, Dict

from harness.worker import resolve


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Return what the function ``job['function']`` says of ``job['device']`` and ``job['threads']``."""
    return dict(resolve(job["function"])(job["device"], job["threads"]))
