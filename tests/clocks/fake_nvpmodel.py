"""A stand-in for nvpmodel: it reads a real file of modes, keeps its mode in a file and is as fussy as that."""

import os
import sys

#: The modes of a Jetson Nano (L4T r32) as its own file has them.
NANO = """###########################
# POWER_MODEL DEFINITIONS #
###########################

# MAXN is the NONE power model to release all constraints
< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_0 1
CPU_ONLINE CORE_1 1
CPU_ONLINE CORE_2 1
CPU_ONLINE CORE_3 1
CPU_A57 MIN_FREQ  0
CPU_A57 MAX_FREQ -1
GPU_POWER_CONTROL_ENABLE GPU_PWR_CNTL_EN on
GPU MIN_FREQ  0
GPU MAX_FREQ -1
GPU_POWER_CONTROL_DISABLE GPU_PWR_CNTL_DIS auto
EMC MAX_FREQ 0

< POWER_MODEL ID=1 NAME=5W >
CPU_ONLINE CORE_0 1
CPU_ONLINE CORE_1 1
CPU_ONLINE CORE_2 0
CPU_ONLINE CORE_3 0
CPU_A57 MIN_FREQ  0
CPU_A57 MAX_FREQ 918000
GPU_POWER_CONTROL_ENABLE GPU_PWR_CNTL_EN on
GPU MIN_FREQ 0
GPU MAX_FREQ 640000000
GPU_POWER_CONTROL_DISABLE GPU_PWR_CNTL_DIS auto
EMC MAX_FREQ 1600000000

# mandatory section to configure the default mode
< PM_CONFIG DEFAULT=0 >
"""

#: What a Xavier NX (L4T r35) lists.
XAVIER_NX = "".join("NVPM VERB: POWER_MODEL: ID={} NAME={}\n".format(number, name) for number, name in enumerate((
    "MODE_15W_2CORE", "MODE_15W_4CORE", "MODE_15W_6CORE", "MODE_10W_2CORE", "MODE_10W_4CORE", "MODE_10W_DESKTOP",
    "MODE_20W_2CORE", "MODE_20W_4CORE", "MODE_20W_6CORE")))

PROGRAM = """#!{python}
import os, re, sys, time
root = {root!r}
conf, kept = root + "/etc/nvpmodel.conf", root + "/var/lib/nvpmodel/status"
modes = dict(re.findall(r"^< POWER_MODEL ID=([0-9]+) NAME=(\\S+) >", open(conf).read(), re.MULTILINE))
now = open(kept).read().strip()
with open(root + "/var/lib/nvpmodel/asked", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1:] == ["-q"]:
    print("NVPM WARN: fan mode is not set!")
    print("NV Power Mode: " + modes[now])
    print(now)
elif sys.argv[1:] == ["-p", "--verbose"]:
    print("NVPM VERB: Config file: /etc/nvpmodel.conf")
    print("NVPM VERB: parsing done for /etc/nvpmodel.conf")
    for number, name in modes.items():
        print("NVPM VERB: POWER_MODEL: ID=%s NAME=%s" % (number, name))
    print("NVPM VERB: PM_CONFIG: DEFAULT=MAXN(0)")
elif sys.argv[1] == "-m" and sys.argv[2] in modes:
    if sys.argv[2] in {restarting!r}:
        print("NVPM WARN: Reboot required for changing to this power mode: " + sys.argv[2])
        print("NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:")
        sys.exit(255 if sys.stdin.readline() == "" else 0)
    if {denied!r}:
        print("NVPM ERROR: Error opening /var/lib/nvpmodel/status: 13")
        sys.exit(255)
    time.sleep({slow_s!r})
    open(kept + ".new", "w").write(sys.argv[2])
    os.rename(kept + ".new", kept)  # so that who looks meanwhile never sees half of it
else:
    print("NVPM ERROR: invalid power mode")
    sys.exit(255)
"""


def install(root, mode=0, restarting=(), denied=False, slow_s=0.0, conf=NANO):
    """Put the program below ``root``; modes in ``restarting`` need a restart of the board."""
    root = str(root)
    for folder in ("etc", "usr/sbin", "var/lib/nvpmodel"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    with open(os.path.join(root, "etc/nvpmodel.conf"), "w") as file:
        file.write(conf)
    with open(os.path.join(root, "var/lib/nvpmodel/status"), "w") as file:
        file.write(str(mode))
    program = os.path.join(root, "usr/sbin/nvpmodel")
    with open(program, "w") as file:
        file.write(PROGRAM.format(python=sys.executable, root=root, restarting=[str(one) for one in restarting],
                                  denied=denied, slow_s=slow_s))
    os.chmod(program, 0o755)
    return root


def fake_sudo(folder):
    """Return a folder to put on the path: its sudo runs what it is given, for users who may not run the real one."""
    place = os.path.join(str(folder), "sudo-stand-in")
    os.makedirs(place, exist_ok=True)
    program = os.path.join(place, "sudo")
    with open(program, "w") as file:
        file.write('#!/bin/sh\nshift\nexec "$@"\n')
    os.chmod(program, 0o755)
    return place


def mode_of(root):
    """Return the number of the mode that is set."""
    with open(os.path.join(str(root), "var/lib/nvpmodel/status")) as file:
        return int(file.read())


def asked(root):
    """Return every set of arguments the program was called with."""
    with open(os.path.join(str(root), "var/lib/nvpmodel/asked")) as file:
        return file.read().splitlines()
