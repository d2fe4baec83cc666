"""The heap a worker runs on, fixed before it starts, since torch keeps whatever malloc it was born with.

glibc gives blocks over 32 MB back to the kernel on every free, so each call of a layer with a large
output pays for fresh zeroed pages: 10 to 17 ms for 42 MB, more than the layer itself. That is a property
of the allocator, not of the layer, so the time pass runs on a warm heap and the record says so.
"""

from typing import Dict, Mapping

#: glibc keeps freed memory and never maps blocks one by one (mallopt(3): the same three settings).
WARM_HEAP: Dict[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "1073741824",
}

HEAPS = ("warm", "default")


def heap_environment(heap: str) -> Dict[str, str]:
    """Return the environment variables for ``heap``: ``warm`` or ``default``."""
    if heap not in HEAPS:
        raise ValueError("unknown heap '{}': use one of {}".format(heap, ", ".join(HEAPS)))
    return dict(WARM_HEAP) if heap == "warm" else {}


def describe_heap(environment: Mapping[str, str]) -> str:
    """Say in words which heap a process with ``environment`` runs on."""
    if all(environment.get(key) == value for key, value in WARM_HEAP.items()):
        return "warm heap (glibc keeps freed memory)"
    changed = sorted(key for key in environment if key.startswith("MALLOC_") or key == "GLIBC_TUNABLES")
    return "set by the user: {}".format(", ".join(changed)) if changed else "allocator default"
