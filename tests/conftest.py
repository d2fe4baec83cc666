"""What every test starts from: the same examples in every run, and signals that can end a child."""

import signal

from hypothesis import settings

# A red lane must mean a change, not a new draw.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")

# A suite started in the background inherits ignored signals, and so would the children that tests interrupt.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)
