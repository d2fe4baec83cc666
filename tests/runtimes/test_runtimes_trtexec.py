"""trtexec by a script in its place: what it is asked, and everything it may answer. Never run on hardware by us."""

import os

import pytest

from suites.trtexec import PROGRAM, Plan, TrtexecError, command, find_program, main, measure, read_times

PLAN = Plan("m.onnx", "m.engine", "t.json")
#: Two queries as version 8 writes them, and as older notes show the same.
OF_8 = """[
  { "startEnqMs" : 501.2, "endEnqMs" : 501.3, "startInMs" : 501.2, "endInMs" : 501.2, "startComputeMs" : 501.25,
    "endComputeMs" : 503.75, "startOutMs" : 503.75, "endOutMs" : 503.75, "inMs" : 0, "computeMs" : 2.5, "outMs" : 0,
    "latencyMs" : 2.5, "endToEndMs" : 2.6 },
  { "startEnqMs" : 503.8, "endEnqMs" : 503.9, "inMs" : 0, "computeMs" : 2.25, "outMs" : 0, "latencyMs" : 2.25 }
]"""
OLDER = '[{"h2d": 0.1, "compute": 2.5, "d2h": 0.1, "latency": 2.7, "enqueue": 0.2}]'


@pytest.fixture
def trtexec(tmp_path, monkeypatch):
    """A function that puts a script in trtexec's place; ``--help`` is always answered."""
    def put(body):
        path = tmp_path / "trtexec"
        path.write_text("#!/bin/sh\nif [ \"$1\" = --help ]; then echo '  --workspace=N  --noTF32'; exit; fi\n"
                        + body)
        path.chmod(0o755)
        monkeypatch.setenv(PROGRAM, str(path))

    return put


WRITES = """
for word in "$@"; do
    case $word in
    --exportTimes=*) out=${word#*=} ;;
    --onnx=*) test -s "${word#*=}" || exit 9 ;;
    esac
done
cat >"$out" <<'END'
%s
END
"""


def test_the_command_line_is_that_of_each_version():
    assert command("trtexec", PLAN, "--workspace=N") == [
        "trtexec", "--onnx=m.onnx", "--saveEngine=m.engine", "--workspace=256", "--warmUp=500", "--duration=5",
        "--noDataTransfers", "--exportTimes=t.json"]
    newer = command("trtexec", PLAN._replace(float16=True), "--memPoolSize=poolspec --noTF32")
    assert "--memPoolSize=workspace:256" in newer and newer[-2:] == ["--noTF32", "--fp16"]


def test_times_between_cuda_events_are_read_in_either_spelling():
    assert read_times(OF_8) == (0.0025, 0.00225)
    assert read_times(OLDER) == (0.0025,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"throughput": 3}]', '[{"computeMs": "fast"}]', "[3]"])
def test_anything_else_is_refused_with_what_was_found(text):
    with pytest.raises(TrtexecError, match="a form that is not known"):
        read_times(text)


def test_a_run_gives_the_times_it_wrote(trtexec):
    trtexec(WRITES % OLDER)
    assert measure(b"model") == (0.0025,)


@pytest.mark.parametrize("body, says", [
    ("echo '[E] [TRT] parsing failed: UNSUPPORTED_NODE'; echo bye; exit 1\n",
     "failed with status 1: .*UNSUPPORTED_NODE"),
    ("kill -9 $$\n", "ended by signal 9, most often for want of memory"),
    ("echo '&&&& PASSED'; exit 0\n", "ended well and wrote no times"),
    ((WRITES % "[{}]"), "a form that is not known")])
def test_each_way_to_fail_is_a_sentence(trtexec, body, says):
    trtexec(body)
    with pytest.raises(TrtexecError, match=says):
        measure(b"model")


def test_without_the_program_the_package_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(PROGRAM, raising=False)
    if find_program() is not None:
        pytest.skip("it is here")
    with pytest.raises(TrtexecError, match="libnvinfer-bin"):
        measure(b"model")


def test_a_program_that_is_not_there_is_said_to_be_so(monkeypatch, tmp_path):
    monkeypatch.setenv(PROGRAM, os.path.join(str(tmp_path), "nothing"))
    with pytest.raises(TrtexecError, match="could not be run"):
        measure(b"model")


def test_a_layer_is_timed_from_the_command_line(trtexec, capsys):
    pytest.importorskip("onnx")
    trtexec(WRITES % OLDER)
    assert main(["conv1x1", "1", "8", "4", "4"]) == 0
    assert "conv1x1: median 2.5 ms on the GPU" in capsys.readouterr().out
    assert main(["conv9x9", "1", "8", "4", "4"]) == 2
    assert "there is no description 'conv9x9'" in capsys.readouterr().err
