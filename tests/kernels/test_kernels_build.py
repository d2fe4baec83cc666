import os
import re
import stat
import subprocess
import sys

import pytest

from suites.kernels import build as building
from suites.kernels import library
from suites.kernels.families import FAMILIES, TYPED, Family

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(building.__file__))))


def environment(folder, **more):
    found = dict(os.environ, XDG_CACHE_HOME=str(folder), EDGE_BENCH_CXXFLAGS="-O0")
    found.update(more)
    return found


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Sources that build in no time."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for unit in FAMILIES["wht"].units:
        (folder / unit).write_text('extern "C" int {}() {{ return 7; }}\n'.format(unit.split(".")[0]))
    monkeypatch.setattr(building, "SOURCE_FOLDER", str(folder))
    monkeypatch.setattr(building, "sources", lambda family: sorted(str(p) for p in folder.iterdir()))
    if building.find_compiler() is None:
        pytest.skip("no C++ compiler here")
    return folder


def test_a_build_is_made_once_and_kept_with_its_log(small, tmp_path):
    first = building.build(environment(tmp_path))
    assert first.reason is None and first.seconds is not None and os.path.exists(first.path)
    with open(first.log) as file:
        log = file.read()
    assert "forward.cpp" in log and "[exit 0]" in log and re.search(r"built in \d+\.\d\d s", log)
    second = building.build(environment(tmp_path))
    assert second.path == first.path and second.seconds is None


def test_no_more_compilers_run_at_a_time_than_there_are_cores(small, tmp_path, monkeypatch):
    script, log = tmp_path / "compiler", tmp_path / "log"
    script.write_text('#!/bin/sh\nfor one in "$@"; do case "$one" in *.cpp) unit=1;; esac; done\n'
                      'test -z "$unit" || echo + >> "{0}"\ntest -z "$unit" || sleep 0.1\n'
                      # the first waits for the second, or for a minute where one after the other is compiled
                      'tries=0; while test -n "$unit" -a $(grep -c + "{0}" 2>/dev/null || echo 0) -lt 2 '
                      '-a $tries -lt 600; do sleep 0.1; tries=$((tries + 1)); done\n'
                      '"{1}" "$@"\nstatus=$?\ntest -z "$unit" || echo - >> "{0}"\nexit $status\n'.format(
                          log, building.find_compiler()))
    script.chmod(0o755)
    monkeypatch.setattr(building, "cores", lambda: 2)
    assert building.build(environment(tmp_path / "cache", CXX=str(script))).reason is None
    signs = [1 if line == "+" else -1 for line in log.read_text().split()]
    assert signs.count(1) == len(FAMILIES["wht"].units) >= 4
    assert max(sum(signs[:place]) for place in range(1, len(signs) + 1)) == 2


def test_the_key_changes_with_sources_compiler_flags_and_cpu(tmp_path):
    source = tmp_path / "a.cpp"
    source.write_text("1")
    paths = [str(source)]
    key = building.build_key("g++ 12", ("-O3",), "cpu", paths)
    assert key == building.build_key("g++ 12", ("-O3",), "cpu", paths)
    others = [building.build_key("g++ 13", ("-O3",), "cpu", paths),
              building.build_key("g++ 12", ("-O2",), "cpu", paths),
              building.build_key("g++ 12", ("-O3",), "other", paths)]
    source.write_text("2")
    others.append(building.build_key("g++ 12", ("-O3",), "cpu", paths))
    assert len(set(others + [key])) == 5


def test_a_failed_build_keeps_its_log_and_says_where(small, tmp_path):
    (small / "backward.cpp").write_text("this is no program\n")
    built = building.build(environment(tmp_path))
    assert built.path is None and built.reason.startswith("the kernel build failed: see ")
    with open(built.log) as file:
        assert "error" in file.read()
    assert not [name for name in os.listdir(os.path.dirname(built.log)) if name.startswith("build-")]


def test_a_compiler_that_does_not_know_the_optional_flags_builds_without_them(small, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "OPTIONAL_FLAGS", ("-fno-such-option-exists",))
    flags = {"EDGE_BENCH_CXXFLAGS": "-O0 -fno-such-option-exists"}
    for seconds_known in (True, False):
        built = building.build(environment(tmp_path, **flags))
        assert built.reason is None and (built.seconds is not None) == seconds_known
        assert "-O0" in built.flags and "-fno-such-option-exists" not in built.flags
    monkeypatch.setattr(building, "OPTIONAL_FLAGS", ())
    (small / "forward.cpp").write_text('extern "C" int other() { return 8; }\n')
    assert building.build(environment(tmp_path, **flags)).path is None


def test_no_compiler_is_a_reason_not_an_error(tmp_path):
    built = building.build(environment(tmp_path, PATH=str(tmp_path), CXX=""))
    assert built.path is None and "no C++ compiler" in built.reason and "apt install" in built.reason
    loaded = library.load(built)
    assert loaded.handle is None and loaded.reason == built.reason


def test_a_compiler_that_does_not_run_is_a_reason(tmp_path):
    broken = tmp_path / "cxx"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    built = building.build(environment(tmp_path, CXX=str(broken)))
    assert built.path is None and built.reason == "the compiler cxx does not run: set CXX to one that does"


def test_an_unwritable_cache_is_a_reason(small, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    built = building.build(environment(blocked))
    assert built.path is None and "the kernel cache cannot be written" in built.reason


SCRIPT = """
import os, sys
from suites.kernels import build
folder = sys.argv[1]
build.SOURCE_FOLDER = folder
build.sources = lambda family: sorted(os.path.join(folder, name) for name in os.listdir(folder))
built = build.build()
print(built.path, built.seconds is not None, built.reason)
"""


def test_processes_that_build_at_once_build_one_library_between_them(small, tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", SCRIPT, str(small)], cwd=ROOT, env=environment(tmp_path),
                                  stdout=subprocess.PIPE, universal_newlines=True) for _ in range(4)]
    answers = [process.communicate()[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert len({path for path, _, _ in answers}) == 1 and os.path.exists(answers[0][0])
    assert sorted(built for _, built, _ in answers) == ["False", "False", "False", "True"]


def test_without_a_compiler_the_layer_runs_in_plain_torch_and_says_why(tmp_path):
    script = ("import torch; from suites.kernels import fused_layer, status, why_not_fused;"
              "x, t = torch.randn(2, 24, 5, 5), torch.rand(32); why = why_not_fused(x);"
              "assert why.startswith('no C++ compiler'), why; assert not status()['cpu']['available'];"
              "x.requires_grad_(); y = fused_layer(x, t, residual=True); y.sum().backward();"
              "assert y.shape == x.shape and x.grad is not None;"
              "assert torch.allclose(fused_layer(x.detach(), t, residual=True), y)")
    assert subprocess.call([sys.executable, "-c", script], cwd=ROOT,
                           env=environment(tmp_path, PATH=str(tmp_path), CXX="")) == 0


def test_the_home_folder_is_written_as_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert building.home_as_tilde("/home/someone/.cache/x") == "~/.cache/x"
    assert building.home_as_tilde("/srv/x") == "/srv/x"


def test_only_the_cpus_that_divide_fast_are_told_to():
    zen5 = "cpu family\t: 26\nvendor_id\t: AuthenticAMD\nflags\t: avx2"
    assert "-DFAST_DIVISION" in building.native_flags("x86_64", zen5)
    for other in (zen5.replace("26", "25"), zen5.replace("AuthenticAMD", "GenuineIntel"), ""):
        assert "-DFAST_DIVISION" not in building.native_flags("x86_64", other)
    assert building.native_flags("aarch64", "") == ("-mcpu=native",)
    assert building.native_flags("riscv64", "") == ()


def test_a_type_of_tensors_is_built_when_it_is_first_met(tmp_path):
    script = ("import os, torch; from suites.kernels import fused_layer, status;"
              "folder = os.path.join(os.environ['XDG_CACHE_HOME'], 'edge-transform-bench', 'kernels');"
              "there = lambda n: os.path.exists(os.path.join(folder, n, 'build.log'));"
              "names = lambda: [n for n in os.listdir(folder) if there(n)];"
              "built = lambda: sorted(n.rsplit('-', 1)[0] for n in names());"
              "x = torch.ones(1, 8, 16); fused_layer(x, torch.zeros(8)); assert built() == ['wht'], built();"
              "assert status()['cpu']['other_types'] == {};"
              "assert fused_layer(x.bfloat16(), torch.zeros(8)).dtype == torch.bfloat16;"
              "assert built() == ['wht', 'wht-bfloat16'], built();"
              "assert status()['cpu']['other_types']['bfloat16']['build_seconds'] > 0")
    if building.find_compiler() is None:
        pytest.skip("no C++ compiler here")
    assert subprocess.call([sys.executable, "-c", script], cwd=ROOT, env=environment(tmp_path)) == 0


def test_another_type_compiles_what_reads_and_writes_tensors_and_finds_all_else_made(small, tmp_path):
    script, log = tmp_path / "compiler", tmp_path / "log"
    script.write_text('#!/bin/sh\necho "$*" >> "{}"\nexec "{}" "$@"\n'.format(log, building.find_compiler()))
    script.chmod(0o755)
    compiled = {}
    for name in ("wht", "wht-bfloat16", "wht-float16"):
        log.write_text("")
        assert building.build(environment(tmp_path / "cache", CXX=str(script)), family=name).reason is None
        lines = [line.split() for line in log.read_text().splitlines() if " -c " in line]
        compiled[name] = {os.path.basename(line[line.index("-c") + 1]): [word for word in line if "ELEMENT" in word]
                          for line in lines}
    assert set(compiled["wht"]) == set(FAMILIES["wht"].units) and not any(compiled["wht"].values())
    assert compiled["wht-bfloat16"] == {unit: ["-DELEMENT=bf16"] for unit in TYPED}
    assert compiled["wht-float16"] == {unit: ["-DELEMENT=fp16"] for unit in TYPED}
    assert len(TYPED) < len(FAMILIES["wht-float16"].units) / 2


def test_a_family_is_built_alone_and_anew_only_for_what_it_reads(tmp_path, monkeypatch):
    folder = tmp_path / "cpu"
    program = '#include "shared.h"\n#include "vec.h"\nextern "C" int one() { return SHARED; }\n'
    for name, text in (("one/one.cpp", program),
                       ("two/two.cpp", "this is no program\n"), ("common/shared.h", "#define SHARED 1\n"),
                       ("vec.h", "\n"), ("threads.h", "\n"), ("other.h", "\n")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(building, "SOURCE_FOLDER", str(folder))
    for name in ("one", "two"):
        monkeypatch.setitem(FAMILIES, name, Family(name, name, (name + ".cpp",), ()))
    if building.find_compiler() is None:
        pytest.skip("no C++ compiler here")
    first = building.build(environment(tmp_path), family="one")
    assert first.reason is None and os.path.basename(first.path) == "libonecpu.so"
    assert building.build(environment(tmp_path), family="two").path is None
    for untouched in ("two/two.cpp", "other.h"):
        (folder / untouched).write_text("// changed\n")
        assert building.build(environment(tmp_path), family="one").path == first.path
    for read in ("common/shared.h", "vec.h", "one/one.cpp"):
        with open(str(folder / read), "a") as file:
            file.write("// changed\n")
        again = building.build(environment(tmp_path), family="one")
        assert again.path != first.path and again.seconds is not None
        first = again
