#!/usr/bin/env bash
# The first hour on a Jetson Nano, played on a PC: set-up, doctor, a run with energy and locked clocks, Ctrl-C in it,
# kill -9 in it, restore. Usage: bash tests/nano/rehearse.sh [SECONDS]   (1200 at most by default; it takes some 200)
#
# In a mount and process namespace of its own: L4T's files, a Nano's sysfs with rails for root alone, tegrastats that
# shows a known power curve, nvpmodel, jetson_clocks, a user without rights and a real sudo. The machine's own files
# stay as they are. What is not rehearsed: Arm, CUDA and Python 3.6. Ends with 0 if every step passed, 1 if one
# failed, 77 with the reason where it cannot be played.
set -u
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
project=$(dirname "$(dirname "$here")")

skip() { echo "skipped: $*"; exit 77; }

if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || skip "it takes root to make a namespace with a sudo of its own"
    for program in unshare setpriv setsid pgrep tar; do
        command -v $program >/dev/null || skip "there is no $program"
    done
    unshare --mount --pid --fork --propagation private true 2>/dev/null || skip "no namespaces here"
    [ -e "$project/.venv/has-torch" ] || skip "the project is not set up: ./run_bench.sh setup"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if ! command -v sudo >/dev/null; then
        mkdir "$work/sudo"
        (cd "$work" && apt-get download sudo && dpkg-deb -x sudo_*.deb sudo) >/dev/null 2>&1 ||
            skip "there is no sudo, and its package is not to be had"
    fi
    timeout --foreground -k 5 "${1:-1200}" unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
        bash "$here/rehearse.sh" inside "$work"
    code=$?
    [ $code -ne 124 ] || echo "FAILED: the rehearsal ran past ${1:-1200} s"
    exit $code
fi

work=$2 number=0
name=nano home=/home/nano id=2000
while getent passwd $id >/dev/null || getent group $id >/dev/null; do id=$((id + 1)); done
bench=$home/project/run_bench.sh
started=$SECONDS

fail() { echo "FAILED at step $number: $*"; [ ! -e "$work/said" ] || tail -n 25 "$work/said"; exit 1; }
passed() { printf 'ok %d %-60s %4d s\n' $number "$*" $((SECONDS - started)); started=$SECONDS; }
step() { number=$((number + 1)); }
user() { # COMMAND...: as the board's user, in a clean environment
    (cd "$home" && exec setpriv --reuid $name --regid $name --init-groups env -i HOME=$home USER=$name LOGNAME=$name \
        LANG=C COLUMNS=400 PATH=/usr/local/bin:/usr/bin:/bin PYTHON="$python" PIP_CONFIG_FILE=/dev/null "$@")
}
says() { grep -qF -- "$1" "$work/said" || fail "it does not say: $1"; }
never_says() { ! grep -qF -- "$1" "$work/said" || fail "it says: $1"; }
limits() { cat /sys/devices/system/cpu/cpu*/cpufreq/scaling_min_freq /sys/devices/57000000.gpu/devfreq/*/min_freq; }
left() { pgrep -u $name -a; pgrep -a tegrastats; pgrep -a sudo; } # nothing, where all has ended
nothing_is_left() {
    for _ in $(seq 100); do [ -n "$(left)" ] || return 0; sleep 0.1; done
    fail "processes are left: $(left)"
}
until_energy_is_read() { # PID: wait for the energy pass of the run with this process
    while kill -0 "$1" 2>/dev/null; do
        pgrep -f 'harness.meters.child tegrastats' >/dev/null && sleep 3 && return 0
        sleep 0.1
    done
    fail "the run ended before its energy pass"
}
# On a board nothing else runs; here other lanes may. Their turns must not come between a reading and its stamp.
let_the_meter_go_first() { pgrep -f 'tegrastats --interval|meters.child tegrastats' | xargs -r renice -n -19 >/dev/null 2>&1; }

# The board.
mkdir "$work/tree"
mount -t tmpfs tree "$work/tree" || skip "nothing can be mounted here"
for folder in usr etc; do
    mkdir -p "$work/tree/$folder/upper" "$work/tree/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$work/tree/$folder/upper,workdir=$work/tree/$folder/work" \
        "/$folder" || skip "no overlay file systems here"
done
if [ -d "$work/sudo" ]; then cp -a "$work/sudo/usr/." /usr/ && cp -a "$work/sudo/etc/." /etc/ && ldconfig; fi
# Where the users of a machine keep off each other's clocks.
[ ! -d /run/lock ] || mount -t tmpfs -o mode=1777 lock /run/lock || skip "nothing can be mounted over /run/lock"
for program in tegrastats nvpmodel jetson_clocks; do install -m 755 "$here/board/$program" /usr/bin/; done
mkdir -p "$work/tree/opt" && mount --bind "$work/tree/opt" /opt && mkdir /opt/rehearsal && cp "$here/curve.py" /opt/rehearsal
echo "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, DATE: Sat Feb 19 17:05:08 UTC 2022" \
    >/etc/nv_tegra_release
echo "$name:x:$id:$id::$home:/bin/bash" >>/etc/passwd
echo "$name:x:$id:" >>/etc/group
echo "$name:*:19000:0:99999:7:::" >>/etc/shadow
printf 'root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n' >/etc/sudoers && chmod 440 /etc/sudoers

environment=$(readlink -f "$project/.venv")
python=$(readlink -f "$environment/bin/python")
tag=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
real_sys=$work/tree/sys && mkdir "$real_sys"
(cd "$project/tests/meters" && "$python" -c "import fake_boards, sys; fake_boards.nano(sys.argv[1])" "$real_sys") || exit 1
for file in /sys/devices/system/cpu/{possible,present,online,kernel_max}; do cp "$file" "$real_sys$file"; done
chmod 600 "$real_sys"/sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_*_input
mount --bind "$real_sys/sys" /sys
mkdir "$work/tree/home" && mount --bind "$work/tree/home" /home && mkdir -p $home/project
# The user must be able to run this Python, wherever it lies.
may_run() { setpriv --reuid $id --regid $id --clear-groups env "$python" -c pass 2>/dev/null; }
if ! may_run; then
    prefix=$(dirname "$(dirname "$python")")
    mkdir "$work/tree/prefix" && mount --bind "$prefix" "$work/tree/prefix" && mount -t tmpfs -o mode=755 root /root &&
        mkdir -p "$prefix" && mount --move "$work/tree/prefix" "$prefix"
    may_run || skip "an ordinary user cannot run $python"
fi
chmod 755 "$work"
(cd "$project" && git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T -) 2>/dev/null |
    tar -x -C $home/project
# The environment that is there, as one that sees the system's packages; torch and what it alone needs are the
# system's, as NVIDIA's are.
of_torch=(torch functorch torchgen sympy mpmath networkx)
mkdir $home/project/.venv
tar -c -C "$environment" "${of_torch[@]/#/--exclude=site-packages/}" --exclude='site-packages/torch-*' \
    --exclude=has-torch --exclude=set-up.json --exclude=set-up-for . | tar -x -C $home/project/.venv
# Compiled kernels, where there are some of these sources: compiling them is tested elsewhere.
kernels=${XDG_CACHE_HOME:-~/.cache}/edge-transform-bench
if [ -d "$kernels" ]; then mkdir $home/.cache && cp -a "$kernels" $home/.cache/; fi
sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' $home/project/.venv/pyvenv.cfg
cat >$home/mine.py <<'TEXT'
"""A user's suite: two small layers."""
from torch import nn
from suites import modules
SUITE = modules.suite("mine", input_shape=(2, 16, 8, 8), baseline=("conv1x1", lambda: nn.Conv2d(16, 16, 1)),
                      rivals={"twice": lambda: nn.Sequential(nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1))})
TEXT
chown -R $name:$name $home
[ -x /usr/bin/sudo ] && user sudo -n true 2>"$work/said" && fail "the user has root's rights already"

step # Before NVIDIA's torch is installed.
user "$bench" setup --offline >"$work/said" 2>&1 && fail "it set up without a torch for this board"
says "This Jetson runs JetPack 4 (L4T 32.7.1)"
says "for which NVIDIA built no torch"
never_says nvidia-smi
never_says Traceback
user "$bench" --help >"$work/said" 2>&1 || fail "no help without torch"
says "clocks"
user "$bench" doctor >"$work/said" 2>&1 || fail "no doctor without torch"
says "for which NVIDIA built no torch"
says "power by tegrastats"
never_says nvidia-smi
never_says Traceback
passed "without torch: what is missing, help and doctor all the same"

step # NVIDIA's torch, in the user's packages.
site=$home/.local/lib/$tag/site-packages && mkdir -p "$site"
for part in "$environment/lib/$tag/site-packages"/{torch,functorch,numpy,typing_extensions,sympy,mpmath,filelock,networkx,jinja2,markupsafe,fsspec}*; do
    [ ! -e "$part" ] || ln -s "$part" "$site/"
done
chown -hR $name:$name $home/.local
sed "s/^cuda: .*/cuda = '10.2'/; s/^cuda = .*/cuda = '10.2'/" "$environment/lib/$tag/site-packages/torch/version.py" \
    >"$work/tree/version.py"
mount --bind "$work/tree/version.py" "$environment/lib/$tag/site-packages/torch/version.py"
user "$bench" setup --offline >"$work/said" 2>&1 || fail "set-up"
says "Ready."
[ -L $home/project/.venv ] || fail "the environment was not swapped in"
user "$home/project/.venv/bin/python" -c "import torch, click; assert torch.__file__.startswith('$home/.local')" ||
    fail "another torch stands before the system's"
passed "set-up, offline, with the system's torch"

step
user "$bench" doctor >"$work/said" 2>&1 || fail "doctor"
line=$(grep -o "$name ALL=(root) NOPASSWD: /[a-z/]*tegrastats" "$work/said" | head -n 1)
locks=$(grep -o "$name ALL=(root) NOPASSWD: /[a-z/]*jetson_clocks" "$work/said" | head -n 1)
[ -n "$line" ] || fail "no line for sudo that lets tegrastats see the rails"
[ -n "$locks" ] || fail "no line for sudo that lets the clocks be locked"
says 99-ina3221.rules
says "MAXN"
never_says nvidia-smi
never_says "NVIDIA driver"
never_says "run SUITE --lock-clocks"
nothing_is_left
passed "doctor: what is in the way, and the lines that help"

step # A run that may not lock the clocks goes on without, and says so.
printf '%s\n%s\n' "$line" "$locks" >/etc/sudoers.d/bench && chmod 440 /etc/sudoers.d/bench
user "$bench" doctor >"$work/said" 2>&1 || fail "doctor"
grep -E "power by tegrastats +chosen" "$work/said" >/dev/null || fail "tegrastats is not chosen with doctor's own line"
never_says NOPASSWD
nothing_is_left
passed "doctor's own lines help"

step
before=$(limits)
# With this limit of a worker six rounds of energy fit, with sixty readings of each case: 40 s instead of 120.
user setsid "$bench" run mine.py --quick --budget 1s --rounds 12 --limit 125s --power tegrastats --lock-clocks \
    --out out --no-report >"$work/said" 2>&1 &
until_energy_is_read $!
[ "$(limits)" != "$before" ] || fail "the clocks are not locked"
pgrep -a sudo >/dev/null || fail "no sudo in front of tegrastats"
run=$(pgrep -o -u $name -f 'harness run mine.py')
kill -INT -- "-$(ps -o pgid= -p "$run" | tr -d ' ')" # as the terminal does
wait $!
says "Stopped. Everything finished is kept"
nothing_is_left
[ "$(limits)" = "$before" ] || fail "the clocks are still locked"
folder=$(ls -d $home/out/*/)
passed "Ctrl-C in an energy pass: nothing runs on, clocks are back"

step
user setsid "$bench" run --resume "${folder#"$home"/}" --no-report >"$work/said" 2>&1 &
until_energy_is_read $!
kill -KILL "$(pgrep -o -u $name -f 'harness run --resume')"
wait $! 2>/dev/null
nothing_is_left
[ "$(limits)" != "$before" ] || fail "the clocks were not locked"
user "$bench" clocks restore >"$work/said" 2>&1 || fail "clocks restore"
[ "$(limits)" = "$before" ] || fail "the clocks are not back"
passed "kill -9 in an energy pass: nothing runs on, restore"

step
user "$bench" run --resume "${folder#"$home"/}" >"$work/said" 2>&1 &
until_energy_is_read $!
let_the_meter_go_first
wait $! || fail "the run did not end well"
if grep -q "failed: hung" "$work/said"; then # idle power does not settle while others use the machine: once more, as a user would
    user "$bench" run --resume "${folder#"$home"/}" --retry-failed >"$work/said" 2>&1 || fail "the run did not end well"
fi
never_says "failed:"
nothing_is_left
[ "$(limits)" = "$before" ] || fail "the clocks are still locked"
[ -s "$folder/report.md" ] || fail "no report"
now=$("$python" -c 'import time; print(time.monotonic())')
(cd "$project" && PYTHONPATH="$project:$here" "$environment/bin/python" "$here/check_energy.py" "$folder" "$now") \
    >"$work/said" 2>&1 || fail "the energy is not the curve's"
cat "$work/said"
passed "resumed to the end; energy is that of the known curve"
echo "rehearsed in $SECONDS s"
