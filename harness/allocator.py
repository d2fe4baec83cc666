"""The heap a worker runs on, fixed before it starts, since torch keeps whatever malloc it was born with.

glibc gives blocks over 32 MB back to the kernel on every free, so each call of a layer with a large
output pays for fresh zeroed pages: 10 to 17 ms for 42 MB, more than the layer itself. That is a property
of the allocator, not of the layer, so the time pass runs on a warm heap and the record says so.
"""

from typing import Dict, Mapping, Union

from harness.words import Heap

#: glibc keeps freed memory and never maps blocks one by one (mallopt(3): the same three settings).
WARM_HEAP: Dict[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "1073741824",
}

#: glibc's own starting values, pinned: left alone it raises the first with every large block that is freed, and then
#: keeps blocks of up to 32 MB that nobody holds, so that one layer's figure would depend on what ran before.
PINNED_HEAP: Dict[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_TOP_PAD_": "131072",
}

HEAPS: Dict[Heap, Dict[str, str]] = {Heap.WARM: WARM_HEAP, Heap.PINNED: PINNED_HEAP, Heap.DEFAULT: {}}


def heap_environment(heap: Union[Heap, str]) -> Dict[str, str]:
    """Return the environment variables for ``heap``; raises ``ValueError`` for an unknown one."""
    if heap not in HEAPS:
        raise ValueError("unknown heap '{}': use one of {}".format(heap, ", ".join(one.value for one in Heap)))
    return dict(HEAPS[Heap(heap)])


def describe_heap(environment: Mapping[str, str]) -> str:
    """Say in words which heap a process with ``environment`` runs on."""
    if all(environment.get(key) == value for key, value in WARM_HEAP.items()):
        return "warm heap (glibc keeps freed memory)"
    if all(environment.get(key) == value for key, value in PINNED_HEAP.items()):
        return "pinned heap (glibc's starting thresholds, held)"
    changed = sorted(key for key in environment if key.startswith("MALLOC_") or key == "GLIBC_TUNABLES")
    return "set by the user: {}".format(", ".join(changed)) if changed else "default heap (nothing set)"
