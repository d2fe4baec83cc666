#!/usr/bin/env bash
# What to run the day a GPU is at hand: eleven steps, a verdict for each, ten minutes at most in all.
# Usage: bash tests/gpu/first_contact.sh [PYTHON]   ($PYTHON, else the project's own, else python3; torch with CUDA)
#
# Steps 1 to 5 decide whether any later number means anything. Ends with 0 if every step that could run passed,
# 1 if one failed, 77 where there is no GPU, 2 for a Python that does not start. $OUT keeps what was recorded
# (a new folder by default); $LIMIT_S is the time in all, never more than 600 s.
set -u
cd "$(dirname "$0")/../.." || exit 2
python=${1:-${PYTHON:-}}
if [ -z "$python" ]; then
    if [ -x .venv/bin/python ]; then python=.venv/bin/python; else python=python3; fi
fi
limit=${LIMIT_S:-600}
if [ "$limit" -gt 600 ]; then limit=600; fi
summary="" failed=0 number=0

left() { echo $((limit - SECONDS)); }

bounded() { # SECONDS COMMAND...: run it and end it, with all it started, when its time or the script's is over
    seconds=$1
    shift
    if [ "$seconds" -gt "$(left)" ]; then seconds=$(left); fi
    timeout -k 3 "$seconds" "$@"
}

if ! bounded 20 "$python" -c 'pass' 2>/dev/null; then
    echo "'$python' is no Python that starts: name one, bash tests/gpu/first_contact.sh PYTHON"
    exit 2
fi
bounded 60 "$python" tests/gpu/steps.py present
case $? in
0) ;;
77) exit 77 ;;
*) echo "whether there is a GPU cannot be told: '$python tests/gpu/steps.py present' failed"; exit 1 ;;
esac
out=${OUT:-$(mktemp -d -t first-contact-XXXXXX)}
mkdir -p "$out" || exit 2
log=$out/step.log

step() { # TITLE SECONDS COMMAND...: 77 means skipped, and the last line says why
    number=$((number + 1))
    title=$1 cap=$2
    shift 2
    printf '\n=== %d %s\n' "$number" "$title"
    started=$SECONDS reason=""
    if [ "$(left)" -lt 3 ]; then
        code=77 reason="the ${limit} s of this script are over"
    else
        bounded "$cap" "$@" >"$log" 2>&1
        code=$?
        cat "$log"
        if [ $code -ne 0 ]; then reason=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1); fi
    fi
    case $code in
    0) word=passed ;;
    77) word=skipped ;;
    124 | 137) word=FAILED failed=1 reason="it ran past $((SECONDS - started)) s" ;;
    *) word=FAILED failed=1 reason="status $code: $reason" ;;
    esac
    line=$(printf '%2d %-44s %-8s %4d s  %s' "$number" "$title" "$word" $((SECONDS - started)) "$reason")
    printf '%s\n' "$line"
    summary+=$line$'\n'
}

skip() { echo "$*"; return 77; }

gpu_tests() { # ARGUMENTS...: pytest, in which something really has to pass
    "$python" -m pytest -q -p no:cacheprovider -m cuda "$@" | tee "$log.tests"
    code=${PIPESTATUS[0]}
    if [ "$code" -eq 0 ] && ! grep -q '[0-9] passed' "$log.tests"; then
        echo "no test ran"
        return 1
    fi
    return "$code"
}

sanitized() { # TOOL ARGUMENTS...: the same under the sanitizer
    tool=$1
    shift
    if command -v compute-sanitizer >/dev/null; then
        program=compute-sanitizer
    elif command -v cuda-memcheck >/dev/null; then
        program=cuda-memcheck  # CUDA 10 and 11
    else
        skip "neither compute-sanitizer nor cuda-memcheck is on the path: it comes with the CUDA toolkit"
        return
    fi
    "$program" --tool "$tool" --error-exitcode 9 "$python" -m pytest -x -q -p no:cacheprovider -m cuda "$@" |
        tee "$log.tests"
    code=${PIPESTATUS[0]}
    if [ "$code" -eq 0 ] && ! grep -q '[0-9] passed' "$log.tests"; then
        echo "no test ran"
        return 1
    fi
    return "$code"
}

device() {
    if command -v nvidia-smi >/dev/null; then nvidia-smi || return; else echo "no nvidia-smi here, as on a Jetson"; fi
    "$python" tests/gpu/steps.py device
}

paper() {
    "$python" -m harness doctor && "$python" -m harness run paper --quick --device cuda --budget 60s --out "$out"
}

kernels() {
    "$python" -m harness run kernels --device cuda --launches 1 --budget 45s --out "$out" \
        --only '*10x1024x32x32/*fused,*10x1024x32x32/*default'
}

debut() { "$python" -m harness run debut --quick --device cuda --launches 1 --budget 45s --out "$out"; }

# `timeout` starts programs only: functions reach it through a shell of their own.
export python log out
export -f skip gpu_tests sanitized device paper kernels debut
# Tests of the Walsh-Hadamard kernels, and of those of DeBut and multiplication-free layers.
export kernel_tests='tests/kernels_cuda/test_cuda_device.py tests/kernels_cuda/test_cuda_layers_device.py'
within() { step "$1" "$2" bash -c "$3"; }

within "device and versions" 30 device
within "kernels available" 60 '"$python" tests/gpu/steps.py kernels'
within "memory of the kernels (memcheck)" 90 'sanitized memcheck $kernel_tests -k every_option'
within "races in the kernels (racecheck)" 60 'sanitized racecheck $kernel_tests -k same_bits'
within "tests on the device" 120 'gpu_tests tests/kernels_cuda tests/timing tests/suites -ra'
within "a compiled training step" 60 '"$python" tests/gpu/steps.py compiled'
within "the roof, for the data sheet" 60 '"$python" tests/gpu/steps.py roof'
within "the sleep, cold and under load" 30 '"$python" tests/gpu/steps.py sleep'
within "the kernels suite at 1024x32x32" 90 kernels
within "the debut suite, quick" 90 debut
within "doctor and the paper suite, quick" 150 paper

printf '\n%s\nrecords: %s\n' "$summary" "$out"
exit $failed
