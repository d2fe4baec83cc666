"""What every test starts from: the same examples in every run, nothing kept, and signals that can end a child."""

import os
import signal

from hypothesis import HealthCheck, settings

# A red lane must mean a change, not a new draw, nor a machine that was busy while examples were drawn.
settings.register_profile("seeded", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seeded")

# Records are read anew: what a test has changed must not be kept, nor what was kept hide it.
os.environ["EDGE_BENCH_SUMMARIES"] = "off"

# A suite started in the background inherits ignored signals, and so would the children that tests interrupt.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)
