"""Two versions of the layers in the same rounds: what is checked out, who has the turn, and what is told apart."""

import os
import shutil
import subprocess
import sys

import pytest

from harness import Case, Comparison, Suite, load_run, session
from harness.choices import Choices
from harness.passes import apart as lock_step
from harness.plan import case_from_dict, case_to_dict, comparison_to_dict
from harness.probed import Probed
from harness.process import worker_environment
from harness.progress import PlainProgress
from harness.rule import Rule, rule_to_dict
from harness.versions import VersionError, against, checked_out, commit_of, label_of, remove_left_behind
from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONV, WHT = Case("conv", "", "m:f", (1, 8, 4, 4)), Case("wht", "fused", "m:g", (1, 8, 4, 4))


def git(folder, *arguments):
    done = subprocess.run(["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t"] + list(arguments),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode().strip()


def products(folder, number):
    path = folder / "suites" / "versioned_layers.py"
    with open(os.path.join(ROOT, "tests", "data", "versioned_layers.py")) as file:
        text = file.read()
    before, _, after = text.partition("PRODUCTS = ")
    path.write_text("{}PRODUCTS = {}\n{}".format(before, number, after.split("\n", 1)[1]))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project in a repository of its own: a commit of 10 products, then one of 10 and a comment."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("harness", "suites", "reports"):
        shutil.copytree(os.path.join(ROOT, name), str(folder / name), ignore=shutil.ignore_patterns("__pycache__"))
    os.makedirs(str(folder / "results"))
    shutil.copy(os.path.join(ROOT, "results", "record.schema.json"), str(folder / "results"))
    (folder / ".gitignore").write_text("__pycache__\nresults/2*\n")
    init = folder / "suites" / "__init__.py"
    init.write_text(init.read_text().replace("SUITES = {\n", "SUITES = {\n    \"versioned\": "
                                             "\"suites.versioned_layers\",\n"))
    products(folder, 10)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "ten products")
    return folder


def run(folder, *arguments):
    """Run the copy's own command line; return exit status, output and the newest run."""
    environment = dict(worker_environment({}), PYTHONPATH=str(folder))
    done = subprocess.run([sys.executable, "-m", "harness", "run", "versioned", "--threads", "1", "--no-report",
                           "--device", "cpu"] + list(arguments), cwd=str(folder), env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONG_S)
    runs = sorted(name for name in os.listdir(str(folder / "results")) if name.startswith("2"))
    return done.returncode, done.stdout.decode(), load_run(str(folder / "results" / runs[-1])) if runs else None


# What is compared -----------------------------------------------------------------------------------------


def test_each_rival_is_held_against_itself_in_the_commit():
    one, = against([Comparison("1d", "One", CONV, (WHT,))], "abc123")
    assert [case.name for case in one.cases] == ["wht fused abc123", "wht fused"]
    assert (one.baseline.version, one.rivals[0].version) == ("abc123", "")
    assert one.id == "1d-wht-fused" and one.apart


def test_two_comparisons_with_names_alike_keep_ids_of_their_own():
    found = against([Comparison("a", "A", CONV, (WHT,)), Comparison("a-wht", "B", CONV, (
        WHT._replace(layer="", implementation="fused"),))], "abc")
    assert len({one.id for one in found}) == 2


def test_a_case_without_a_version_is_written_as_before_and_one_with_it_is_read_back():
    assert "version" not in case_to_dict(WHT)
    named = WHT._replace(version="abc")
    assert case_from_dict(case_to_dict(named)) == named


# Checking out ---------------------------------------------------------------------------------------------


def test_a_commit_is_checked_out_beside_the_project_and_is_gone_afterwards(copy):
    products(copy, 99)
    try:
        with checked_out(commit_of("HEAD", str(copy)), str(copy)) as view:
            with open(os.path.join(view, "suites", "versioned_layers.py")) as file:
                assert "PRODUCTS = 10" in file.read()
            assert os.path.samefile(os.path.join(view, "harness"), str(copy / "harness"))
            assert len(git(copy, "worktree", "list").split("\n")) == 2
        assert not os.path.exists(view)
        assert len(git(copy, "worktree", "list").split("\n")) == 1
        assert "PRODUCTS = 99" in (copy / "suites" / "versioned_layers.py").read_text()
    finally:
        git(copy, "checkout", "-q", "--", ".")


def test_the_worktree_goes_whatever_happens_inside(copy):
    with pytest.raises(KeyboardInterrupt), checked_out(commit_of("HEAD", str(copy)), str(copy)):
        raise KeyboardInterrupt
    assert len(git(copy, "worktree", "list").split("\n")) == 1


CHECK_OUT = """
import sys, time
from harness.versions import checked_out, commit_of
with checked_out(commit_of("HEAD", sys.argv[1]), sys.argv[1]) as view:
    print(view, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def owner(copy, tmp_path, monkeypatch):
    """Start processes that each hold a checkout; what they leave lies in a folder of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    started = []

    def start():
        process = subprocess.Popen([sys.executable, "-c", CHECK_OUT, str(copy)], stdout=subprocess.PIPE,
                                   env=worker_environment({"TMPDIR": str(tmp_path)}))
        started.append(process)
        return process, process.stdout.readline().decode().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()
    remove_left_behind(str(copy))


def test_the_checkout_of_a_killed_run_is_removed_by_the_next_and_never_that_of_one_at_work(copy, owner, tmp_path):
    (killed, gone), (_, kept) = owner(), owner()
    killed.kill()
    killed.wait()
    assert os.path.isdir(os.path.join(gone, "suites")), "what a killed run leaves"
    with checked_out(commit_of("HEAD", str(copy)), str(copy)) as mine:
        assert remove_left_behind(str(copy)) == [os.path.dirname(gone)]
        assert os.path.isdir(os.path.join(kept, "suites")) and os.path.isdir(os.path.join(mine, "suites"))
        assert len(git(copy, "worktree", "list").split("\n")) == 3
        assert remove_left_behind(str(copy)) == []
    assert os.listdir(str(tmp_path)) == [os.path.basename(os.path.dirname(kept))]


def test_a_checkout_that_was_killed_while_git_made_it_is_removed_too(copy, owner):
    killed, gone = owner()
    name = os.path.basename(os.path.dirname(gone))
    git(copy, "worktree", "lock", "--reason", "initializing", os.path.join(os.path.dirname(gone), "tree"))
    killed.kill()
    killed.wait()
    assert [os.path.basename(one) for one in remove_left_behind(str(copy))] == [name]
    assert len(git(copy, "worktree", "list").split("\n")) == 1


def test_what_only_looks_like_a_checkout_is_left_alone(copy, owner, tmp_path):
    (tmp_path / "edge-transform-bench-of-another-kind").mkdir()
    (tmp_path / "edge-transform-bench-file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "owner.lock").write_text("")
    os.symlink(str(tmp_path / "elsewhere"), str(tmp_path / "edge-transform-bench-link"))
    before = sorted(os.listdir(str(tmp_path)))
    assert remove_left_behind(str(copy)) == [] and sorted(os.listdir(str(tmp_path))) == before


def test_every_new_session_looks_for_what_killed_ones_left(monkeypatch, tmp_path):
    with pytest.raises(SystemExit):  # before anything is measured
        monkeypatch.setattr(session, "remove_left_behind", lambda: ["/tmp/x"])
        monkeypatch.setattr(session, "measure_roof", lambda *_: sys.exit())
        probed = Probed({"version": "2.0", "threads": 1}, {"name": None, "name_reason": "none"}, ())
        suite = Suite("mine", "", lambda target: [Comparison("1d", "One", CONV, (WHT,))])
        said = []
        session.carry_on(session.start(suite, Choices(), probed, str(tmp_path)), ["run"], probed,
                         PlainProgress(said.append))
    assert any("killed had left its checkout" in line and "/tmp/x" in line for line in said)


def test_a_stash_is_a_version(copy):
    products(copy, 77)
    git(copy, "stash")
    try:
        with checked_out(commit_of("stash", str(copy)), str(copy)) as view, open(
                os.path.join(view, "suites", "versioned_layers.py")) as file:
            assert "PRODUCTS = 77" in file.read()
    finally:
        git(copy, "stash", "drop", "-q")


@pytest.mark.parametrize("revision", ["no-such-branch", "stash", "--help", ""])
def test_a_revision_that_is_none_is_refused_in_one_sentence(revision, copy):
    with pytest.raises(VersionError, match="there is no such revision here"):
        commit_of(revision, str(copy))


def test_a_folder_without_git_has_no_versions(tmp_path):
    with pytest.raises(VersionError, match="is no git checkout"):
        commit_of("HEAD", str(tmp_path))


def test_an_unknown_revision_ends_with_status_3_before_anything_is_measured(copy):
    status, text, found = run(copy, "--against", "no-such-branch")
    assert status == 3
    assert "there is no such revision" in text and found is None


# In lock step ---------------------------------------------------------------------------------------------


def job_for(case, old, new):
    one, = against([Comparison("c", "C", CONV, (case,))], "old")
    ids = [one.case_id(each) for each in one.cases]
    return {"comparison": comparison_to_dict(one), "cases": ids, "folders": dict(zip(ids, (old, str(new)))),
            "pinned": {}, "own_input": [], "disturbing": [], "seed": 1, "quick": False, "launch": 1, "role": "first",
            "first": None, "budget_s": 1.0, "limit_s": LONG_S, "rule": rule_to_dict(Rule(max_rounds=12))}


def test_three_processes_play_the_same_rounds_each_with_the_code_of_its_version(copy):
    commit = commit_of("HEAD", str(copy))
    products(copy, 13)
    try:
        with checked_out(commit, str(copy)) as view:
            case = Case("layer", "", "suites.versioned_layers:layer", (1, 192, 192))
            found = lock_step.time(job_for(case, view, copy), lambda *told: None)
    finally:
        git(copy, "checkout", "-q", "--", ".")
    series, = found["series"]
    assert series["entrants"] == ["c-layer/layer-old", "c-layer/layer-old", "c-layer/layer"]
    assert len(series["rounds"]) == 12
    assert {tuple(sorted(one["order"])) for one in series["rounds"]} == {(0, 1, 2)}
    assert found["implementations"] == {"c-layer/layer-old": "10 products", "c-layer/layer": "13 products"}


def test_a_version_that_cannot_be_built_says_so_in_its_own_words(copy):
    with checked_out(commit_of("HEAD", str(copy)), str(copy)) as view:
        case = Case("layer", "", "suites.versioned_layers:nothing", (1, 192, 192))
        with pytest.raises(RuntimeError, match="c-layer/layer-old: .*no function 'nothing'"):
            lock_step.time(job_for(case, view, copy), lambda *told: None)


# The whole path -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_commit_against_itself_is_never_called_different(copy):
    status, text, found = run(copy, "--against", "HEAD", "--budget", "20s")
    assert status in (0, 2), text
    assert ("same" in text or "cannot tell" in text) and "faster," not in text and "slower," not in text
    assert found.header.settings.against == commit_of("HEAD", str(copy))
    assert found.comparisons[0].baseline.version == label_of(found.header.settings.against)
    assert len(git(copy, "worktree", "list").split("\n")) == 1


@pytest.mark.slow
def test_a_fifth_more_work_is_found_and_is_status_1(copy):
    products(copy, 12)
    try:
        status, text, _ = run(copy, "--against", "HEAD", "--budget", "60s")
    finally:
        git(copy, "checkout", "-q", "--", ".")
    assert status == 1, text
    assert "slower" in text


@pytest.mark.slow
def test_a_sixth_less_work_is_found_and_is_status_0(copy):
    products(copy, 8)
    try:
        status, text, _ = run(copy, "--against", "HEAD", "--budget", "60s")
    finally:
        git(copy, "checkout", "-q", "--", ".")
    assert status == 0, text
    assert "faster" in text
