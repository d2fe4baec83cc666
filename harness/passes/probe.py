"""Not a measurement: what torch is and what it sees, and the status of optional parts."""

import os
import sys
from typing import Any, Callable, Dict

from harness.allocator import describe_heap
from harness.meters import survey
from harness.record.codec import to_json
from harness.rule import Rule, rule_to_dict
from harness.worker import describe, resolve


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Return ``torch``, ``gpu`` and ``meters`` sections, the rule's numbers, what ``job['status']`` functions say.

    Where torch cannot be imported its version is ``None`` with the reason.
    """
    payload: Dict[str, Any] = {"torch": {"version": None}, "gpu": {"name": None}, "meters": [], "status": {},
                               "heap": describe_heap(os.environ), "rule": rule_to_dict(Rule())}
    try:
        import torch
    except (ImportError, OSError) as error:
        payload["torch"]["version_reason"] = "torch cannot be imported by {}: {}".format(
            sys.executable, describe(error))
        payload["gpu"]["name_reason"] = "torch is missing"
        payload["meters"] = to_json(survey(job.get("power"), device=job.get("device")))
        return payload
    payload["torch"] = torch_section(torch)
    payload["gpu"] = gpu_section(torch)
    device = job.get("device") or ("cuda" if payload["gpu"]["name"] else "cpu")
    payload["meters"] = to_json(survey(job.get("power"), device=device))
    for name in job.get("status", []):
        try:
            payload["status"][name] = resolve(name)()
        except Exception as error:  # an optional part that fails is a line in the doctor's answer
            payload["status"][name] = {"available": False, "reason": describe(error)}
    return payload


def torch_section(torch: Any) -> Dict[str, Any]:
    """Return torch's version, build and back ends as plain data."""
    cudnn = torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "cuda_reason": None if torch.version.cuda else "this build of torch has no CUDA",
        "cudnn": cudnn,
        "cudnn_reason": None if cudnn else "cuDNN is not available",
        "mkldnn": torch.backends.mkldnn.is_available(),
        "mkl": torch.backends.mkl.is_available(),
        "threads": torch.get_num_threads(),
        "blas": next((word.split("=")[1] for word in torch.__config__.show().replace(",", " ").split()
                      if word.startswith("BLAS_INFO=")), None),
    }


def gpu_section(torch: Any) -> Dict[str, Any]:
    """Return the first CUDA device as plain data; the name is ``None`` with a reason where there is none."""
    if not torch.cuda.is_available():
        return {"name": None, "name_reason": "torch sees no CUDA device"}
    properties = torch.cuda.get_device_properties(0)
    return {
        "name": properties.name,
        "capability": "{}.{}".format(properties.major, properties.minor),
        "multiprocessors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "l2_bytes": getattr(properties, "L2_cache_size", None),
        "count": torch.cuda.device_count(),
        "tf32_convolution": getattr(torch.backends.cudnn, "allow_tf32", None),
        "tf32_matmul": getattr(torch.backends.cuda.matmul, "allow_tf32", None),
    }
