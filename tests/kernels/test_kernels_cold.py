"""What a build takes where nothing is kept: every family into an empty cache of its own, the failures said."""

import os

import pytest

from suites.kernels import build as building
from suites.kernels import cold
from suites.kernels.families import FAMILIES


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Sources of every family that build in no time."""
    for family in FAMILIES.values():
        for unit in family.units:
            path = tmp_path / family.folder / unit
            path.parent.mkdir(exist_ok=True)
            path.write_text("int {}_unit;\n".format(path.stem))
    monkeypatch.setattr(building, "SOURCE_FOLDER", str(tmp_path))
    monkeypatch.setattr(building, "sources", lambda family: [
        str(tmp_path / FAMILIES[family].folder / unit) for unit in FAMILIES[family].units])
    monkeypatch.setenv("EDGE_BENCH_CXXFLAGS", "-O0")
    if building.find_compiler() is None:
        pytest.skip("no C++ compiler here")
    return tmp_path


def test_every_family_is_built_anew_and_then_all_at_once(small, monkeypatch):
    made, said = [], []
    monkeypatch.setattr(cold, "build", lambda environment, family: made.append(
        (environment["XDG_CACHE_HOME"], building.build(environment, family=family))) or made[-1][1])
    assert cold.main([], said.append) == 0
    assert [line.split()[0] for line in said[:-1]] == list(FAMILIES) and said[-1].startswith("all at once")
    assert len(made) == 2 * len(FAMILIES) and all(built.seconds is not None for _, built in made)
    # a folder each, and one for all of them together; nothing of it is left
    folders = [folder for folder, _ in made]
    assert len(set(folders)) == len(FAMILIES) + 1 and not any(map(os.path.exists, folders))


def test_the_seconds_are_those_of_the_compiler(small):
    name = next(iter(FAMILIES))
    one = cold.cold_build([name], dict(os.environ))
    assert one.cpu_s > 0.0 and one.wall_s > 0.0 and one.reason is None


def test_a_family_that_does_not_build_is_said_and_fails(small):
    name, family = next(iter(FAMILIES.items()))
    (small / family.folder / family.units[0]).write_text("this is no program\n")
    said = []
    assert cold.main([name], said.append) == 1
    assert "the kernel build failed" in said[0]


def test_an_unknown_family_is_one_sentence(capsys):
    with pytest.raises(SystemExit):
        cold.main(["nothing"])
    assert "no family is called 'nothing'" in capsys.readouterr().err
