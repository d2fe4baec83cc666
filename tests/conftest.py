"""What every test starts from: the same examples, nothing kept, signals that end a child, idle waiting threads."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.sampling import ONE_IN, sampled

# Threads of OpenMP that have nothing to do look for work without pause. Beside another program that keeps both cores
# from the work itself: two runs of the same tests at once took 169 s, and 11 s so. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A red lane must mean a change, not a new draw, nor a machine that was busy while examples were drawn.
settings.register_profile("seeded", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seeded")

# Records are read anew: what a test has changed must not be kept, nor what was kept hide it.
os.environ["EDGE_BENCH_SUMMARIES"] = "off"

# A suite started in the background inherits ignored signals, and so would the children that tests interrupt.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.hookimpl(trylast=True)  # of what -m and -k leave
def pytest_collection_modifyitems(config, items):
    items[:], left = sampled(items, ONE_IN)
    if left:
        config.hook.pytest_deselected(items=left)
