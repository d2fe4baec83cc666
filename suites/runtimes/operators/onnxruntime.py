"""The fused layers in ONNX Runtime: how many threads their operators work with where it lends them none."""

import ctypes
from typing import Optional


def own_threads(path: str, threads: Optional[int]) -> None:
    """Tell the library at ``path`` how many threads the session that is made next has (``None``: its own default).

    From version 1.17 on the runtime lends its operators the session's threads, and this has no effect. Older ones
    lend none and do not say how many there are: each call then makes and ends so many of its own, for ``None`` one
    for each processor.
    """
    ctypes.CDLL(path).edge_own_threads(threads or 0)
