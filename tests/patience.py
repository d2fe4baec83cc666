"""How long a test waits for what comes for certain: longer than anything takes but a hang, however busy the machine.

On two cores that run ten other programs a process may not run for seconds, and a worker that starts in three seconds
takes a minute. A bound in time is therefore one of these, or it is taken from a clock that the test moves itself.
"""

import time

from harness.meters import MeterHandle

#: A step that takes moments: a process that starts or ends, a line that is printed.
HANG_S = 120.0
#: Work that takes a minute on an idle machine: a whole run with workers that load torch.
LONG_S = 1800.0


def wait_for(condition, seconds=HANG_S):
    """Return whether ``condition()`` came true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class PatientHandle(MeterHandle):
    """A meter that is given up only when it hangs, and not when its process had no processor for two seconds."""

    def __init__(self, meter, quiet_s=HANG_S):
        super(PatientHandle, self).__init__(meter, quiet_s=quiet_s)

    def start(self, period_s=None, timeout_s=HANG_S):
        super(PatientHandle, self).start(period_s, timeout_s)
