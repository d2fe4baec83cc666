"""tegrastats through a sudo that really makes it root's: an ordinary user can start it, and it always ends.

The stand-in for sudo is a setuid program, so that the kernel refuses our signals as on a board. It allows tegrastats
alone (the line that doctor advises), and comes in the two ways that sudo works: the older one turns into the program,
the newer one stays in front of it, passes signals on and ignores those from its own group.
"""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

import pytest

from tests.patience import HANG_S, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
NANO = os.path.join(HERE, "..", "data", "tegrastats", "nano_r32.log")
NOBODY = 65534

SUDO = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static pid_t child;
static void pass_on(int number, siginfo_t *info, void *context) {
    (void)context;
    if (info->si_code == SI_USER && getpgid(info->si_pid) == getpgrp()) return;  /* "sent by the command" */
    kill(child, number);
}
int main(int count, char **words) {
    const char *mode = getenv("FAKE_SUDO");
    const char *name = count > 2 ? strrchr(words[2], '/') : 0;
    int status, numbers[] = {SIGTERM, SIGHUP, SIGINT}, i;
    if (count < 3 || strcmp(words[1], "-n") || !name || strcmp(name, "/tegrastats")) {
        fprintf(stderr, "sudo: a password is required\n");
        return 1;
    }
    setenv("FAKE_ROOT", "1", 1);
    if (setresgid(0, 0, 0) || setresuid(0, 0, 0)) return 2;
    if (mode && !strcmp(mode, "stays")) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = pass_on;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        child = fork();
        if (child) {
            for (i = 0; i < 3; i++) sigaction(numbers[i], &action, 0);
            while (waitpid(child, &status, 0) < 0) {}
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
    execv(words[2], words + 2);
    return 127;
}
"""

# What the meter's process does on a board, as the user: read through sudo, then do as it is told.
PROGRAM = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from harness.meters import tegrastats
from harness.meters.tegrastats import TegrastatsMeter
tegrastats.FIRST_LINE_S = 120.0
found = TegrastatsMeter().probe()
assert found["power"].available, found
stream = TegrastatsMeter().stream(0.02)
reading = next(stream)
print(os.getuid(), sorted(reading.power_w), flush=True)
{then}
"""

# What a worker does with a meter, and what its controller does to the worker: kill its whole process group at once.
GROUP = """
import os, signal, subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", '''
import sys, time
sys.path.insert(0, {root!r})
from harness.meters import MeterHandle, make_meter
handle = MeterHandle(make_meter("tegrastats"))
handle.start(0.02, 120.0)
print("reading", flush=True)
time.sleep(600)
'''], stdout=subprocess.PIPE, start_new_session=True)
assert worker.stdout.readline() == b"reading\\n"
print(os.getuid(), flush=True)
os.killpg(worker.pid, signal.SIGKILL)
worker.wait()
print("killed", flush=True)
"""


@pytest.fixture
def board():
    """A folder anyone may enter, with a setuid sudo, a tegrastats and this project's meters."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if os.geteuid() != 0 or compiler is None:
        pytest.skip("needs root, to make a program setuid, and a C compiler")
    folder = tempfile.mkdtemp(prefix="fake-board-")
    try:
        os.chmod(folder, 0o777)
        with open(os.path.join(folder, "sudo.c"), "w") as file:
            file.write(SUDO)
        sudo = os.path.join(folder, "sudo")
        subprocess.check_call([compiler, "-o", sudo, sudo + ".c"])
        os.chmod(sudo, 0o4755)
        shutil.copytree(os.path.join(ROOT, "harness"), os.path.join(folder, "harness"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(NANO, folder)
        with open(os.path.join(HERE, "fake_tegrastats.py")) as file:
            text = file.read()
        python = plain_python()
        if python is None:
            pytest.skip("no Python that an ordinary user may run")
        with open(os.path.join(folder, "tegrastats"), "w") as file:
            file.write("#!{} -S\n{}".format(python, text))
        os.chmod(os.path.join(folder, "tegrastats"), 0o755)
        if as_nobody([sudo, "-n", os.path.join(folder, "tegrastats"), "--nothing"], folder).wait() == 2:
            pytest.skip("this file system takes no setuid programs")
        yield folder
    finally:
        shutil.rmtree(folder)


def plain_python():
    """Return a Python 3.6 or newer that another user may run (this one may lie in root's home)."""
    for name in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        code = "import sys; sys.exit(sys.version_info < (3, 6))"
        try:
            if as_nobody([name, "-c", code], "/").wait() == 0:
                return name
        except OSError:
            pass  # not there, or in a folder that is closed to others
    return None


def as_nobody(command, folder, nohup=False, **environment):
    def become():
        if nohup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    path = folder + os.pathsep + "/usr/bin:/bin"
    # Without a buffer, in which a line that comes with the first one would be lost to communicate.
    return subprocess.Popen(command, preexec_fn=become, cwd=folder, bufsize=0, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE,
                            env=dict(environment, PATH=path, FAKE_LOG=os.path.join(folder, "nano_r32.log"),
                                     FAKE_MODE="needs-root", FAKE_PID=os.path.join(folder, "pid")))


def measure(board, then, sudo, program=PROGRAM, **more):
    """Run the meter as an ordinary user; return the process, what it said first, and tegrastats' pid."""
    process = as_nobody([plain_python(), "-c", program.format(root=board, then=then)], board, FAKE_SUDO=sudo, **more)
    said = process.stdout.readline().decode()
    if not said:
        raise AssertionError(process.stderr.read().decode())
    with open(os.path.join(board, "pid")) as file:
        return process, said, int(file.read())


def is_alive(pid):
    try:
        with open("/proc/{}/stat".format(pid)) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(pid):
    """Whether the process is gone in time; one that is not is ended here, for the machine's sake."""
    gone = wait_for(lambda: not is_alive(pid))
    if not gone:
        os.kill(pid, signal.SIGKILL)
    return gone


@pytest.mark.parametrize("sudo", ["turns", "stays"])
def test_a_tegrastats_of_roots_is_read_and_ended_by_an_ordinary_user(board, sudo):
    process, said, pid = measure(board, "stream.close()\nprint('closed')", sudo)
    assert said.startswith(str(NOBODY)) and "POM_5V_IN" in said
    out, error = process.communicate(timeout=HANG_S)
    assert process.returncode == 0 and out == b"closed\n", error.decode()
    assert ends(pid)


@pytest.mark.parametrize("sudo", ["turns", "stays"])
def test_a_killed_meter_leaves_no_tegrastats_of_roots_behind(board, sudo):
    process, _, pid = measure(board, "os.kill(os.getpid(), signal.SIGKILL)", sudo)
    process.communicate(timeout=HANG_S)
    assert ends(pid)


@pytest.mark.parametrize("sudo", ["turns", "stays"])
def test_a_workers_group_can_be_killed_by_an_ordinary_user_and_root_has_nothing_left_in_it(board, sudo):
    process, _, pid = measure(board, "", sudo, GROUP)
    out, error = process.communicate(timeout=HANG_S)
    assert out == b"killed\n", error.decode()
    assert ends(pid)


def test_under_nohup_it_ends_too(board):
    process, _, pid = measure(board, "stream.close()", "turns", nohup=True)
    process.communicate(timeout=HANG_S)
    assert process.returncode == 0 and ends(pid)


def test_the_stand_in_really_changes_the_user_and_refuses_all_but_tegrastats(board):
    process, _, pid = measure(board, "time.sleep(600)", "turns")
    try:
        assert os.stat("/proc/{}".format(pid)).st_uid == 0
        assert as_nobody(["/bin/sh", "-c", "kill {}".format(pid)], board).wait() != 0 and is_alive(pid)
        refused = as_nobody([os.path.join(board, "sudo"), "-n", "/bin/kill", str(pid)], board)
        assert refused.wait() == 1
        assert stat.S_ISUID & os.stat(os.path.join(board, "sudo")).st_mode
    finally:
        process.kill()
        process.communicate()
    assert ends(pid)
