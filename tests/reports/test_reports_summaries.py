"""What is kept of runs for the next comparison: the same answer to the byte, and from nothing else."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import NANO, RecordBuilder, comparison

import reports.__main__ as report_command
from harness.record import load_run
from reports import compare
from reports.findings.compared import compared, gist_of, shown_of, summary_of
from reports.formats.changes_text import changes_text
from reports.formats.compare_files import csv_text, json_text
from reports.summaries import reading, version
from reports.summaries.kept import gist_text, read_gist, read_shown, shown_text
from reports.summaries.reading import GIST, SHOWN, Summaries, digest_of, own_summaries
from reports.summaries.store import PART, PART_S, USED_S, Store, own_store

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = os.path.join(ROOT, "results", "reference")
RUNS = [os.path.join(REFERENCE, name) for name in sorted(os.listdir(REFERENCE))]
DATA = os.path.join(ROOT, "tests", "data", "recorded_pair")
PAIR = [os.path.join(DATA, name) for name in ("first", "second")]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder that XDG_CACHE_HOME names, of this test alone."""
    monkeypatch.delenv("EDGE_BENCH_SUMMARIES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return os.path.join(str(tmp_path / "cache"), "edge-transform-bench", "summaries")


def small_run(folder, ident="one", ended=True):
    build = RecordBuilder(folder, [comparison("a", "A", "conv", ("wht fused", "wht torch"))], environment=NANO,
                          ident=ident, launches=2)
    build.verify("a")
    build.time("a", {"conv": 2e-3, "wht-fused": 1e-3, "wht-torch": 4e-3}, launches=2, rounds=12)
    if ended:
        build.end()
    return build.load().folder


def said(capsys, *runs, kind="json"):
    status = compare.main(list(runs) + ["--format", kind])
    return status, tuple(capsys.readouterr())


def refuse(*_):
    raise AssertionError("a record was read")


def kept_files(cache):
    return sorted(os.listdir(cache)) if os.path.isdir(cache) else []


# The same answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first, second", [PAIR] + list(zip(RUNS, RUNS[1:] + RUNS[:1])),
                         ids=lambda path: os.path.basename(path))
def test_an_answer_is_the_same_to_the_byte_without_a_cache_with_a_new_one_and_with_a_full_one(
        first, second, cache, capsys, monkeypatch):
    kinds = [kind.value for kind in compare.Kind]
    monkeypatch.setattr(compare, "own_summaries", Summaries)
    without = [said(capsys, first, second, kind=kind) for kind in kinds]
    assert not os.path.exists(cache)
    monkeypatch.setattr(compare, "own_summaries", own_summaries)
    new = [said(capsys, first, second, kind=kind) for kind in kinds]
    monkeypatch.setattr(reading, "load_run", refuse)
    assert [said(capsys, first, second, kind=kind) for kind in kinds] == new == without
    assert len(kept_files(cache)) == 4


@pytest.mark.parametrize("path", PAIR + RUNS, ids=os.path.basename)
def test_what_is_read_is_what_was_kept_in_the_same_order(path):
    run = load_run(path)
    gist, shown = gist_of(run), shown_of(run)
    again, again_shown = read_gist(gist_text(gist)), read_shown(shown_text(shown))
    assert repr((again, again_shown)) == repr((gist, shown))  # types and the order of dicts too


def test_a_second_comparison_of_many_runs_opens_no_line_of_a_record(tmp_path, cache, capsys, monkeypatch):
    runs = [small_run(tmp_path / str(number), "run{}".format(number)) for number in range(compare.MOST_BESIDE + 1)]
    first = said(capsys, *runs, kind="table")
    monkeypatch.setattr("harness.record.reader.read_lines", refuse)
    assert said(capsys, *runs, kind="table") == first and first[1][0].startswith("13 runs against run0.")


def test_many_runs_keep_their_gist_alone_and_the_rest_when_it_is_asked_for(tmp_path, cache, capsys):
    runs = [small_run(tmp_path / str(number), "run{}".format(number)) for number in range(compare.MOST_BESIDE + 1)]
    said(capsys, *runs, kind="table")
    assert {name.rsplit(".", 1)[1] for name in kept_files(cache)} == {GIST}
    said(capsys, *runs, kind="csv")
    assert [name.rsplit(".", 1)[1] for name in kept_files(cache)].count(SHOWN) == len(runs)


def test_nothing_is_written_where_the_runs_lie(tmp_path, cache, capsys):
    runs = [small_run(tmp_path / name, name) for name in ("old", "new")]
    before = [sorted(os.listdir(run)) for run in runs]
    said(capsys, *runs)
    assert [sorted(os.listdir(run)) for run in runs] == before and len(kept_files(cache)) == 4


# A run's report keeps what its first comparison wants ---------------------------------------------------------


@pytest.mark.parametrize("ended", [True, False])
def test_the_report_of_a_run_that_reached_its_end_keeps_its_summary(ended, tmp_path, cache, capsys, monkeypatch):
    run = small_run(tmp_path / "run", ended=ended)
    assert report_command.main([run, "--format", "json", "--out", str(tmp_path / "out")]) == 0
    assert len(kept_files(cache)) == (2 if ended else 0)
    if ended:
        kept = said(capsys, run, run)
        monkeypatch.setattr(reading, "load_run", refuse)
        assert said(capsys, run, run)[0] == kept[0] == compare.FINE


# What is not it is not read -----------------------------------------------------------------------------------


def changed_byte(held, place):
    return held[:place] + bytes([held[place] ^ 1]) + held[place + 1:]


@pytest.mark.parametrize("damage", [
    lambda held: b"", lambda held: held[:40], lambda held: held[:len(held) // 2], lambda held: held[:-1],
    lambda held: held + b"\n", lambda held: changed_byte(held, 3), lambda held: changed_byte(held, 64),
    lambda held: changed_byte(held, len(held) // 2), lambda held: changed_byte(held, len(held) - 1),
    lambda held: b"\0" * len(held)],
    ids=["empty", "cut in the digest", "half", "one byte short", "one byte more", "a bit of the digest", "its end",
         "a bit in the middle", "the last bit", "zeros of a lost block"])
def test_a_damaged_file_counts_as_not_there_and_is_written_again(damage, tmp_path, cache, capsys):
    run = small_run(tmp_path / "run")
    whole = said(capsys, run, run)
    held = {}
    for name in kept_files(cache):
        with io.open(os.path.join(cache, name), "r+b") as file:
            held[name] = file.read()
            file.seek(0)
            file.truncate()
            file.write(damage(held[name]))
    assert all(Store(cache).get(name) is None for name in held)
    assert said(capsys, run, run) == whole
    for name, before in held.items():
        with io.open(os.path.join(cache, name), "rb") as file:
            assert file.read() == before


def test_what_another_version_of_the_code_made_is_not_read(tmp_path, cache, capsys, monkeypatch):
    run = small_run(tmp_path / "run")
    whole = said(capsys, run, run)
    old = kept_files(cache)
    monkeypatch.setattr(reading, "version", lambda: "0" * 64)
    for name in old:  # as if the names had been made to fit
        shutil.copy(os.path.join(cache, name), os.path.join(cache, "{}-{}.{}".format(
            name.split("-")[0], "0" * 64, name.rsplit(".", 1)[1])))
    read = []
    monkeypatch.setattr(reading, "load_run", lambda path: read.append(path) or load_run(path))
    assert said(capsys, run, run) == whole and read == [run]


def test_what_was_kept_of_another_record_is_not_read_under_this_ones_name(tmp_path, cache, capsys):
    one, other = (small_run(tmp_path / name, name) for name in ("one", "other"))
    whole = said(capsys, one, one)
    said(capsys, other, other)
    for ending in (GIST, SHOWN):
        names = ["{}-{}.{}".format(digest_of(run), version.version(), ending) for run in (one, other)]
        shutil.copy(os.path.join(cache, names[1]), os.path.join(cache, names[0]))
    assert said(capsys, one, one) == whole and "other" not in whole[1][0]


def test_a_run_that_went_on_is_read_again(tmp_path, cache, capsys):
    run = small_run(tmp_path / "run")
    said(capsys, run, run)
    with io.open(os.path.join(run, "record.jsonl"), "ab") as file:
        file.write(b"{torn\n")
    status, (out, _) = said(capsys, run, run)
    assert json.loads(out)["damaged"][0]["damage"]["lines"] == 1


def test_nothing_is_kept_of_a_record_that_grew_while_it_was_read(tmp_path, cache, capsys, monkeypatch):
    run = small_run(tmp_path / "run")

    def loaded(path):
        found = load_run(path)
        with io.open(os.path.join(path, "record.jsonl"), "ab") as file:
            file.write(b"{")
        return found

    monkeypatch.setattr(reading, "load_run", loaded)
    assert said(capsys, run, run)[0] == compare.FINE and kept_files(cache) == []


def changed_in_place(path):
    """Change bytes, not their number, and put the file's time back; the clock of the file system has moved on."""
    file_path = os.path.join(path, "record.jsonl")
    before = os.stat(file_path)
    while os.stat(file_path).st_ctime_ns == before.st_ctime_ns:
        with io.open(file_path, "r+b") as file:
            held = file.read()
            file.seek(0)
            file.write(held.replace(b"2026-03-14T10:25", b"2026-03-14T10:26"))
        os.utime(file_path, ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(0.001)


@pytest.mark.parametrize("age_s", [0.0, 10 * reading.SETTLED_S], ids=["young", "settled"])
def test_nothing_is_kept_of_a_record_that_was_changed_in_place_while_it_was_read(age_s, tmp_path, cache, monkeypatch):
    run = small_run(tmp_path / "run")
    then = os.stat(os.path.join(run, "record.jsonl")).st_ctime
    monkeypatch.setattr(reading, "load_run", lambda path: (load_run(path), changed_in_place(path))[0])
    monkeypatch.setattr(reading.time, "time", lambda: then + age_s)
    own_summaries().summary(run)
    assert kept_files(cache) == []


def test_the_bytes_of_a_settled_record_are_gone_through_once_before_it_is_read(tmp_path, cache, capsys, monkeypatch):
    """Its times tell a change; those of a young one may not, so its bytes are gone through again."""
    run = small_run(tmp_path / "run")
    then, digests = os.stat(os.path.join(run, "record.jsonl")).st_ctime, []
    monkeypatch.setattr(reading, "digest_of", lambda path: digests.append(path) or digest_of(path))
    for age_s, times in ((0.0, 3), (10 * reading.SETTLED_S, 1)):
        shutil.rmtree(cache, ignore_errors=True)
        monkeypatch.setattr(reading.time, "time", lambda now=then + age_s: now)
        own_summaries().summary(run)
        assert len(digests) == times and len(kept_files(cache)) == 2
        del digests[:]


# What somebody else wrote with the right digest ----------------------------------------------------------------


@pytest.fixture(scope="module")
def texts():
    run = load_run(PAIR[0])
    return gist_text(gist_of(run)), shown_text(shown_of(run))


def places(value, path=()):
    yield path
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        for inside in places(one, path + (key,)):
            yield inside


def with_other(data, path, other):
    if not path:
        return other
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = other
    return data


OTHERS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
                   st.sampled_from(["", "faster", "\x1b[2J", 1e300, -1.0, 0, 10 ** 400, [], {}, [[]], [None]]),
                   st.text(max_size=5), st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))


@given(st.data())
def test_a_text_of_anything_in_any_place_is_refused_or_can_be_compared(texts, data):
    gist, shown = map(json.loads, texts)
    half = data.draw(st.sampled_from([gist, shown]))
    path = data.draw(st.sampled_from(list(places(half))))
    other = data.draw(OTHERS)
    changed = [json.dumps(with_other(one, path, other) if one is half else one) for one in (gist, shown)]
    found, in_column = read_gist(changed[0]), read_shown(changed[1])
    run = load_run(PAIR[0])
    summary = summary_of(run)._replace(**{name: one for name, one in (("gist", found), ("shown", in_column))
                                          if one is not None})
    answer = compare.cleaned(compared([summary_of(run), summary]))
    for text in (changes_text(answer), csv_text(answer), json_text(answer)):
        assert "\x1b" not in text


SIDE, LEVELS, BASES = (0,), (0, 4), (0, 5, "a")
ROWS = (1, "a", 3)


@pytest.mark.parametrize("half, path, other", [
    (GIST, SIDE + (3, 0), -5.0), (GIST, LEVELS + (1, 0), "no-comparison/wht"), (GIST, LEVELS + (1, 2, 2), []),
    (GIST, LEVELS + (1, 2, 2, 0), 1e6), (GIST, LEVELS + (1, 2, 1, "a/conv", 0), -1e6), (GIST, BASES + (2,), []),
    (SHOWN, (1, "a", 0), "b"), (SHOWN, (1, "a", 2), []), (SHOWN, ROWS, []), (SHOWN, ROWS + (1, 2), [True]),
    (SHOWN, ROWS + (0, 2), [False]), (SHOWN, ROWS + (1, 2), [False, False]), (SHOWN, ROWS + (1, 3), []),
    (SHOWN, ROWS + (1, 3, 0, 1), 0.0), (SHOWN, ROWS + (1, 3, 0, 4), -1e-3), (SHOWN, ROWS + (1, 3, 0, 0), "fastest")])
def test_what_no_run_can_say_is_refused(half, path, other, tmp_path):
    run = load_run(small_run(tmp_path / "run"))
    text, read = ((gist_text(gist_of(run)), read_gist) if half == GIST else (shown_text(shown_of(run)), read_shown))
    assert read(text) is not None
    inside = json.loads(text)
    for key in path:
        inside = inside[key]  # the place is there
    assert read(json.dumps(with_other(json.loads(text), path, other))) is None


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100000, '"' + "a" * 100, "NaN", "[1e999]"])
def test_a_text_of_nothing_is_refused(text):
    assert read_gist(text) is None and read_shown(text) is None


# Folders and disks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["/proc/nobody/can/write/here", "relative"])
def test_without_a_folder_to_write_nothing_is_kept_and_nothing_is_said(folder, tmp_path, capsys, monkeypatch):
    run = small_run(tmp_path / "run")
    monkeypatch.delenv("EDGE_BENCH_SUMMARIES")
    monkeypatch.setenv("XDG_CACHE_HOME", folder)
    monkeypatch.chdir(tmp_path)
    status, (_, err) = said(capsys, run, run)
    assert (status, err) == (compare.FINE, "") and own_store() is None and os.listdir(str(tmp_path)) == ["run"]


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "{}", "EDGE_BENCH_SUMMARIES": "off"}],
                         ids=["no home", "an empty one", "off"])
def test_without_a_home_or_when_told_so_nothing_is_kept(environment, tmp_path):
    assert own_store({name: text.format(tmp_path) for name, text in environment.items()}) is None
    assert own_store({"HOME": str(tmp_path)}) is not None and os.listdir(str(tmp_path)) == [".cache"]


def test_a_file_in_the_folders_place_is_left_alone(tmp_path, cache, capsys):
    run = small_run(tmp_path / "run")
    os.makedirs(os.path.dirname(cache))
    with io.open(cache, "w") as file:
        file.write("mine")
    assert said(capsys, run, run)[0] == compare.FINE and os.path.isfile(cache)


@pytest.mark.parametrize("make", [
    lambda cache: os.makedirs(cache) or os.chmod(cache, 0o777),
    lambda cache: os.makedirs(cache) or os.chmod(cache, 0o770),
    lambda cache: os.makedirs(cache + ".real") or os.symlink(cache + ".real", cache)],
    ids=["everybody's", "the group's", "a link"])
def test_a_folder_that_others_can_write_to_is_not_used(make, tmp_path, cache, capsys):
    run = small_run(tmp_path / "run")
    make(cache)
    assert said(capsys, run, run)[0] == compare.FINE and kept_files(cache) == []


def test_root_leaves_no_folder_of_its_own_in_a_users_home(tmp_path, monkeypatch):
    monkeypatch.setattr("reports.summaries.store.os.getuid", lambda: os.stat(str(tmp_path)).st_uid + 1)
    assert own_store({"HOME": str(tmp_path)}) is None and os.listdir(str(tmp_path)) == []


LIMITED = """
import resource, sys
from reports.summaries.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
Store(sys.argv[1]).put("name", "x" * 100000)
"""

KILLED = """
import os, signal, sys
from reports.summaries import store
store.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.Store(sys.argv[1]).put("name", "x" * 100000)
"""


def python(text, *words):
    return subprocess.run([sys.executable, "-c", text] + list(words), cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def test_a_disk_that_is_full_half_way_leaves_nothing_and_says_nothing(tmp_path):
    ended = python(LIMITED, str(tmp_path))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"") and os.listdir(str(tmp_path)) == []


def test_a_writer_that_is_killed_half_way_leaves_nothing_that_is_read_and_is_cleared_away_later(tmp_path):
    store = Store(str(tmp_path))
    assert python(KILLED, str(tmp_path)).returncode == -9
    left, = os.listdir(str(tmp_path))
    assert left.startswith(PART) and store.get("name") is None
    store.prune()  # it may be another's who is writing it
    assert os.listdir(str(tmp_path)) == [left]
    os.utime(os.path.join(str(tmp_path), left), (time.time() - 2 * PART_S,) * 2)
    store.prune()
    assert os.listdir(str(tmp_path)) == []


def test_several_at_once_give_one_answer_and_leave_whole_files(tmp_path, cache, capsys):
    runs = [small_run(tmp_path / str(number), "run{}".format(number)) for number in range(4)]
    command = [sys.executable, "-m", "reports.compare"] + runs + ["--format", "json"]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {process.communicate()[0] for process in started}
    assert len(answers) == 1 and json.loads(answers.pop().decode("utf-8"))
    names = kept_files(cache)
    assert len(names) == 8 and all(Store(cache).get(name) is not None for name in names)


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    store = Store(str(tmp_path), most_bytes=3 * 165)
    now = time.time()
    for number in range(4):
        store.put(str(number), "x" * 100)
        os.utime(os.path.join(str(tmp_path), str(number)), (now - (10 - number) * USED_S,) * 2)
    assert os.path.getsize(os.path.join(str(tmp_path), "0")) == 165
    assert store.get("0") == "x" * 100  # used just now
    store.prune()
    assert sorted(os.listdir(str(tmp_path))) == ["0", "2", "3"]


# The version -----------------------------------------------------------------------------------------------


IMPORTED = """
import os, sys
from harness.record import load_run
from reports.summaries.reading import Summaries
from reports.summaries.store import Store
from reports.summaries.version import sources
summaries = Summaries(Store(sys.argv[2]), "version")
for path in sys.argv[3:]:
    summaries.summary(path)
own = [os.path.realpath(one.__file__) for one in list(sys.modules.values()) if getattr(one, "__file__", None)]
own = [path for path in own if path.startswith(sys.argv[1] + os.sep) and os.sep + ".venv" not in path]
print(len(own), sorted(set(own) - set(map(os.path.realpath, sources()))))
"""


def test_the_version_is_that_of_every_module_that_a_summary_is_made_by(tmp_path):
    ended = python(IMPORTED, os.path.realpath(ROOT), str(tmp_path), *RUNS)
    number, _, missing = ended.stdout.decode("utf-8").partition(" ")
    assert int(number) > 50 and missing.strip() == "[]", ended.stderr


def test_another_text_of_a_source_is_another_version(tmp_path, monkeypatch):
    source = tmp_path / "a.py"
    monkeypatch.setattr(version, "PARTS", (str(tmp_path),))
    found = set()
    for text in ("a = 1", "a = 2"):
        source.write_text(text)
        version.version.cache_clear()
        found.add(version.version())
    version.version.cache_clear()
    assert len(found) == 2 and None not in found


def test_the_digest_is_that_of_the_files_bytes(tmp_path):
    path = tmp_path / "record.jsonl"
    path.write_bytes(b"x" * 3000000)
    assert digest_of(str(tmp_path)) == digest_of(str(path)) == hashlib.sha256(b"x" * 3000000).hexdigest()
