"""A stand-in for tegrastats: replays real lines at an interval, and misbehaves as FAKE_MODE says.

Like the real one it does not die when its pipe closes. FAKE_LOG names the lines, FAKE_PID a file for its pid.
"""

import os
import re
import signal
import sys
import time


def main():
    mode = os.environ.get("FAKE_MODE", "")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.environ.get("FAKE_PID"):
        with open(os.environ["FAKE_PID"], "w") as file:
            file.write(str(os.getpid()))
    if mode == "refuses":
        sys.exit("tegrastats: permission denied")
    interval_s = int(sys.argv[sys.argv.index("--interval") + 1]) / 1000.0
    with open(os.environ["FAKE_LOG"]) as file:
        lines = file.read().splitlines()
    number = 0
    while True:
        line = lines[number % len(lines)]
        number += 1
        if mode == "needs-root" and os.environ.get("FAKE_ROOT") != "1":
            line = re.sub(r" (POM_|VDD_).*", "", line)
        if mode == "cuts" and number % 2:
            line = line[:len(line) // 3]
        if mode == "dies" and number > 4:
            sys.exit(7)
        if mode == "hangs" and number > 4 or mode == "silent":
            time.sleep(3600)
        try:
            os.write(1, (line + "\n").encode())
        except OSError:
            pass
        if mode != "floods":
            time.sleep(interval_s)


main()
