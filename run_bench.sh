#!/usr/bin/env bash
# Sets up where needed, then hands every argument to the command line. `./run_bench.sh --help` lists them.
#   ./run_bench.sh            measure the papers' layers on this machine and write the report
#   ./run_bench.sh test       run the test suite in the same environment
#   ./run_bench.sh python     the Python of that environment, in the project's folder: ./run_bench.sh python -m suites.agreement
#   ./run_bench.sh setup      set up alone: --offline, --find-links DIR, --torch-index URL, --runtimes (setup --help)
set -eu

say() { printf '%s\n' "$*" >&2; }
stop() { say "run_bench.sh: $*"; exit "$failed"; }
failed=1

case $(uname -s) in
Linux) ;;
Darwin) stop "macOS has neither the /proc nor the process control that measuring needs here: run it on Linux, for example in a virtual machine" ;;
MINGW* | MSYS* | CYGWIN*) stop "Windows is not supported: install WSL ('wsl --install' in PowerShell), and run this inside it" ;;
*) stop "$(uname -s) is not supported: run it on Linux" ;;
esac

# Paths in the arguments are the caller's; everything else happens in the project, also through a symbolic link.
project=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
caller=$PWD
cd "$project"

# CUDA's compiler is installed on a Jetson but not on the path.
if [ -d /usr/local/cuda/bin ]; then
    export CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
    case ":$PATH:" in *":$CUDA_HOME/bin:"*) ;; *) export PATH="$CUDA_HOME/bin:$PATH" ;; esac
fi
# numpy's OpenBLAS picks a kernel that Tegra cores cannot run ("Illegal instruction").
if [ "$(uname -m)" = aarch64 ]; then export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-ARMV8}; fi

find_python() {
    for name in "${PYTHON:-}" python3 python; do
        [ -n "$name" ] || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 6, 2))' 2>/dev/null; then printf '%s' "$name"; return; fi
    done
    stop "no Python 3.6.2 or newer found: install python3, or name one with PYTHON=/path/to/python3"
}

# What set-up compares too, so that a start that needs no set-up pays for no second Python. The environment stays with
# the Python it was made with while that is there; PYTHON= asks for another.
wanted() {
    cat pyproject.toml constraints.txt requirements/*.txt | cksum
    readlink -f "$(command -v "${PYTHON:-.venv/bin/python}" || true)"
}
ready() { [ -x .venv/bin/python ] && [ "$(cat .venv/set-up-for 2>/dev/null)" = "$(wanted)" ]; }
set_up() { python=$(find_python) && EDGE_BENCH_CALLER=$caller "$python" -m harness.installation --python "$python" "$@"; }

options=()
while :; do
    case ${1:-} in
    --offline) options+=("$1"); shift ;;
    --find-links | --torch-index)
        [ $# -ge 2 ] || stop "$1 needs a value: ./run_bench.sh setup --help"
        options+=("$1" "$2"); shift 2 ;;
    --find-links=* | --torch-index=*) options+=("$1"); shift ;;
    *) break ;;
    esac
done

# Of a comparison 1 and 2 are answers: slower, and cannot tell.
case "$* " in compare\ * | run\ *" --against"[=\ ]* | -*"--against"[=\ ]*) failed=3 ;; esac

case ${1:-} in
setup) shift; set_up ${options[@]+"${options[@]}"} "$@"; exit ;;
-h | --help | --version) needs_torch=no ;;
run | calibrate) case " $* " in *" -h "* | *" --help "*) needs_torch=no ;; *) needs_torch=yes ;; esac ;;
"" | -* | test | python) needs_torch=yes ;;
# It says what is missing, torch too.
doctor) needs_torch=told ;;
*) needs_torch=no ;; # nor does a command that there is none of
esac
case $needs_torch in
yes) { ready && [ -e .venv/has-torch ]; } || set_up ${options[@]+"${options[@]}"} || exit "$failed" ;;
no) ready || set_up --without-torch ${options[@]+"${options[@]}"} || exit "$failed" ;;
told)
    { ready && [ -e .venv/has-torch ]; } || set_up ${options[@]+"${options[@]}"} ||
        ready || set_up --without-torch ${options[@]+"${options[@]}"} ;;
esac

# Not through the link: a set-up started meanwhile must not change the packages under a run.
python=$(readlink -f .venv)/bin/python
case ${1:-} in
test) shift; exec "$python" -m pytest "$@" ;; # -m slow has the long simulations
python) shift; exec "$python" "$@" ;;
esac
export EDGE_BENCH_CALLER=$caller
case ${1:-} in
--help | -h | --version) exec "$python" -m harness "$@" ;;
"" | -*) exec "$python" -m harness run paper "$@" ;;
*) exec "$python" -m harness "$@" ;;
esac
