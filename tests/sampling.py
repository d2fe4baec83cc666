"""Which cases of a test a second Python plays: of those marked ``sampled`` a share, of all others every one.

The floor differs by its Python and its torch, and each test tells that with one case of its own. Where more cases are
more sizes, seeds or kinds of noise for the same arithmetic, or more loads in the same worker, the first Python has
played them all.
"""

import collections
import os
from typing import List, Sequence, Tuple

import pytest

#: One case in so many; CI sets it for its second Python.
ONE_IN = int(os.environ.get("EDGE_BENCH_ONE_CASE_IN", "1"))


def sampled(items: Sequence[pytest.Item], one_in: int) -> Tuple[List[pytest.Item], List[pytest.Item]]:
    """Return the tests to play and those left out: of each marked test the first case and every ``one_in``-th on."""
    seen, kept, left = collections.Counter(), [], []
    for item in items:
        test = item.nodeid.split("[")[0]
        leave = item.get_closest_marker("sampled") is not None and seen[test] % one_in
        seen[test] += 1
        (left if leave else kept).append(item)
    return kept, left
