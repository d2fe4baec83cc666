"""Whose workers are left behind: only ours, counted in our own numbers."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from harness.system.strays import VARIABLE, orphans


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root makes a namespace")
def test_a_worker_in_a_container_is_not_taken_for_an_orphan_by_a_run_outside():
    mark = dict(os.environ, **{VARIABLE: "999999:1:ab"})  # a controller with a number that is not there outside
    inside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "60"], env=mark)
    outside = subprocess.Popen(["sleep", "60"], env=mark)
    try:
        found = set()
        for _ in range(100):
            found = {stray.pid for stray in orphans() if stray.mark == "999999:1:ab" and stray.name == "sleep"}
            children = subprocess.run(["pgrep", "-P", str(inside.pid)], stdout=subprocess.PIPE).stdout.split()
            if children and outside.pid in found:
                break
            time.sleep(0.02)
        assert children and found == {outside.pid}
    finally:
        for process in (inside, outside):
            process.send_signal(signal.SIGKILL)
            process.wait()
