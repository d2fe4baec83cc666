#!/usr/bin/env bash
# Sets up once, then hands every argument to the command line. `./run_bench.sh --help` lists them.
#   ./run_bench.sh            measure the papers' layers on this machine and write the report
#   ./run_bench.sh test       run the test suite in the same environment
set -eu
cd "$(dirname "$0")"

venv=.venv
python=$venv/bin/python
board=$(tr -d '\0' 2>/dev/null </proc/device-tree/model || true)

say() { printf '%s\n' "$*" >&2; }
stop() { say "run_bench.sh: $*"; exit 1; }

on_jetson() { [ -e /etc/nv_tegra_release ] || [ "${board#*Jetson}" != "$board" ]; }

# CUDA's compiler is installed on a Jetson but not on the path.
if [ -d /usr/local/cuda/bin ]; then
    export CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
    case ":$PATH:" in *":$CUDA_HOME/bin:"*) ;; *) export PATH="$CUDA_HOME/bin:$PATH" ;; esac
fi
# numpy's OpenBLAS picks a kernel that Tegra cores cannot run ("Illegal instruction").
if [ "$(uname -m)" = aarch64 ]; then export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-ARMV8}; fi

# The torch to install, said by someone who knows this JetPack.
jetson_torch_advice() {
    release=$(head -n 1 /etc/nv_tegra_release 2>/dev/null || true)
    case $release in
    *R32*) cat >&2 <<'TEXT'
This Jetson runs JetPack 4 (L4T R32), and the system's Python has no torch. Install NVIDIA's build, the last for it:
  sudo apt-get install -y python3-pip libopenblas-base libopenmpi-dev libomp-dev
  wget https://nvidia.box.com/shared/static/fjtbno0vpo676a25cgvuqc1wty0fkkg6.whl -O torch-1.10.0-cp36-cp36m-linux_aarch64.whl
  python3 -m pip install --user 'pip==21.3.1' && python3 -m pip install --user 'numpy==1.19.4' torch-1.10.0-cp36-cp36m-linux_aarch64.whl
A plain "pip install torch" gives a build without CUDA: do not use it.
TEXT
    ;;
    *R35*) cat >&2 <<'TEXT'
This Jetson runs JetPack 5 (L4T R35), and the system's Python has no torch. Install NVIDIA's build:
  sudo apt-get install -y python3-pip libopenblas-dev
  python3 -m pip install --user 'numpy<2' https://developer.download.nvidia.com/compute/redist/jp/v512/pytorch/torch-2.1.0a0+41361538.nv23.06-cp38-cp38-linux_aarch64.whl
A plain "pip install torch" gives a build without CUDA: do not use it.
TEXT
    ;;
    *R36*) cat >&2 <<'TEXT'
This Jetson runs JetPack 6 (L4T R36), and the system's Python has no torch. Install NVIDIA's build (made for JetPack 6.1 and 6.2):
  sudo apt-get install -y python3-pip libopenblas-dev libcusparselt0
  python3 -m pip install --user 'numpy<2' https://developer.download.nvidia.com/compute/redist/jp/v61/pytorch/torch-2.5.0a0+872d972e41.nv24.08.17622132-cp310-cp310-linux_aarch64.whl
(libcusparselt0 comes from NVIDIA's cuSPARSELt repository, where apt does not know it yet.)
A plain "pip install torch" gives a server build that cannot use this GPU: do not use it.
TEXT
    ;;
    *) say "This Jetson's system Python has no torch. Install NVIDIA's build for it (docs.nvidia.com, 'PyTorch for Jetson'): ${release:-unknown L4T release}" ;;
    esac
}

find_python() {
    for name in "${PYTHON:-}" python3 python; do
        [ -n "$name" ] || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 6, 2))' 2>/dev/null; then printf '%s' "$name"; return; fi
    done
    stop "no Python 3.6.2 or newer found: install python3, or name one with PYTHON=/path/to/python3"
}

# What the environment holds is fixed by these files and the Python that made it; any change sets up anew.
wanted() { cat pyproject.toml constraints.txt run_bench.sh | cksum; }

pip_install() { "$python" -m pip install --disable-pip-version-check --quiet -c constraints.txt "$@"; }

set_up() {
    base=$(find_python)
    say "Setting up .venv with $("$base" --version 2>&1) (once; a few minutes)"
    site=""
    if on_jetson; then
        # NVIDIA's torch lives with the system's Python; only such an environment sees it.
        site=--system-site-packages
        "$base" -c 'import torch' 2>/dev/null || { jetson_torch_advice; exit 1; }
        "$base" -c 'import sys, torch; sys.exit(torch.version.cuda is None)' ||
            { say "The torch of $base has no CUDA."; jetson_torch_advice; exit 1; }
    fi
    rm -rf "$venv"
    "$base" -m venv $site "$venv" || stop "cannot make a virtual environment: sudo apt-get install -y python3-venv, then run this again"
    # Ubuntu 18.04's pip 9 can install neither wheels for newer systems nor a project without setup.py.
    case $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') in
        3.6) "$python" -m pip install --disable-pip-version-check --quiet 'pip==21.3.1' 'setuptools==59.6.0' 'wheel==0.37.1' ;;
        3.[78]) "$python" -m pip install --disable-pip-version-check --quiet --upgrade 'pip<25' ;;
    esac
    if ! "$python" -c 'import torch' 2>/dev/null; then
        say "Installing torch, pinned in constraints.txt"
        pip_install torch
    fi
    say "Installing the other packages"
    if on_jetson; then
        # Pinned to what is there, so that nothing pip resolves can put another torch in front of it.
        held=$("$python" -c 'import torch; print(torch.__version__.split("+")[0])')
        printf 'torch==%s\n' "$held" >"$venv/held-torch.txt"
        pip_install -c "$venv/held-torch.txt" -e '.[test,nvidia]'
    else
        pip_install -e '.[test,nvidia]'
    fi
    pip_install matplotlib 2>/dev/null || say "No matplotlib for this Python: reports are made all the same, publication figures later on any machine."
    "$python" -c 'import torch' || stop "torch was installed but cannot be imported: see the message above"
    wanted >"$venv/set-up-for"
    say "Ready."
}

if [ "$(cat "$venv/set-up-for" 2>/dev/null)" != "$(wanted)" ]; then set_up; fi

case ${1:-} in
    test) shift; exec "$python" -m pytest "$@" ;; # -m slow has the long simulations
    --help | -h | --version) exec "$python" -m harness "$@" ;;
    "" | -*) exec "$python" -m harness run paper "$@" ;;
    *) exec "$python" -m harness "$@" ;;
esac
