"""Objects that families share: compiled once, kept whole, never where the compiler failed."""

import os
import sys

import pytest

from suites.kernels import build as building
from suites.kernels import objects
from suites.kernels.families import FAMILIES, Family

#: A compiler that writes down each call and copies its source, or fails where the source says so.
COMPILER = ("import sys; open(sys.argv[1], 'a').write('+'); text = open(sys.argv[2]).read(); "
            "open(sys.argv[-1], 'w').write(text); print('said'); sys.exit('fails' in text)")


@pytest.fixture
def unit(tmp_path):
    """Return a function that compiles a source under a key; it returns status, words, calls so far and the object."""
    def compile_it(text, key):
        source, log, target = tmp_path / "unit.cpp", tmp_path / "log", tmp_path / "unit.o"
        source.write_text(text)
        status, said = objects.compile_unit([sys.executable, "-c", COMPILER, str(log), str(source)], key, str(target),
                                            str(tmp_path / "cache"))
        return status, said, len(log.read_text()), target.read_text()

    return compile_it


def test_an_object_is_compiled_once_for_each_key(unit):
    assert unit("one", "a") == (0, "said\n", 1, "one")
    status, said, calls, made = unit("one", "a")
    assert (status, calls, made) == (0, 1, "one") and "was there" in said
    assert unit("two", "b")[2:] == (2, "two")
    assert unit("one", "a")[2:] == (2, "one")


def test_what_failed_is_not_kept(unit):
    assert unit("fails", "a")[:3] == (1, "said\n", 1)
    assert unit("works", "a")[:3] == (0, "said\n", 2)


def test_two_families_with_a_unit_in_common_compile_it_once(tmp_path, monkeypatch):
    real = building.find_compiler()
    if real is None:
        pytest.skip("no C++ compiler here")
    sources, log, wrapper = tmp_path / "sources", tmp_path / "log", tmp_path / "c++"
    (sources / "more").mkdir(parents=True)
    for name in ("shared.cpp", "one.cpp", "more/two.cpp"):
        (sources / name).write_text("int {}() {{ return 1; }}\n".format(os.path.basename(name)[:-4]))
    wrapper.write_text('#!/bin/sh\necho "$*" >> "{}"\nexec "{}" "$@"\n'.format(log, real))
    wrapper.chmod(0o755)
    monkeypatch.setattr(building, "SOURCE_FOLDER", str(sources))
    monkeypatch.setitem(FAMILIES, "one", Family("one", "", ("shared.cpp", "one.cpp"), ()))
    monkeypatch.setitem(FAMILIES, "two", Family("two", "", ("shared.cpp", "more/two.cpp"), ()))
    monkeypatch.setitem(FAMILIES, "other", Family("other", "", ("shared.cpp",), (), ("-DOTHER",)))
    environment = dict(os.environ, CXX=str(wrapper), XDG_CACHE_HOME=str(tmp_path / "cache"),
                       EDGE_BENCH_CXXFLAGS="-O0")

    def compiled(unit):
        return sum(" -c " in line and unit in line for line in log.read_text().splitlines())

    assert all(building.build(environment, family=name).reason is None for name in ("one", "two"))
    assert [compiled(unit) for unit in ("shared.cpp", "one.cpp", "two.cpp")] == [1, 1, 1]
    # other flags are another object, and so is a unit whose folder changed
    assert building.build(environment, family="other").reason is None and compiled("shared.cpp") == 2
    (sources / "one.cpp").write_text("int one() { return 2; }\n")
    assert building.build(environment, family="one").reason is None
    assert compiled("shared.cpp") == 3 and compiled("one.cpp") == 2
