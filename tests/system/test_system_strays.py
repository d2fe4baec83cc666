"""Whose workers are left behind: only ours, counted in our own numbers."""

import os
import shutil
import subprocess

import pytest

from harness.system.strays import VARIABLE, orphans
from tests.patience import wait_for


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root makes a namespace")
def test_a_worker_in_a_container_is_not_taken_for_an_orphan_by_a_run_outside():
    # of a controller with a number that is not there outside; another of these tests may be at work beside this one
    mark = "999999:1:{}".format(os.urandom(4).hex())
    pair, seen = [], []

    def end():
        for process in pair:
            process.kill()
            process.wait()

    def both_are_there():
        if not pair or any(process.poll() is not None for process in pair):
            # A run that another program starts here meanwhile finds what was left outside too, and ends it.
            end()
            pair[:] = [subprocess.Popen(command + ["sleep", "600"], env=dict(os.environ, **{VARIABLE: mark}))
                       for command in (["unshare", "--pid", "--fork", "--kill-child"], [])]
        inside, outside = pair
        children = subprocess.run(["pgrep", "-x", "-P", str(inside.pid), "sleep"], stdout=subprocess.PIPE).stdout
        found = {stray.pid for stray in orphans() if stray.mark == mark and stray.name == "sleep"}
        seen[:] = [found, {outside.pid}]
        return children.strip() and outside.pid in found

    try:
        assert wait_for(both_are_there)
        assert seen[0] == seen[1]
    finally:
        end()
