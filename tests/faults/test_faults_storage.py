"""Disks that are full, read-only or gone, at any moment: the record and the reports are whole or absent."""

import contextlib
import os
import resource
import shutil
import subprocess
from random import Random

import pytest
from answers import fake_runner
from fast_run import UNITS, header, open_run

from harness.choices import SessionError
from harness.controller import Controller
from harness.progress import PlainProgress
from harness.record import RecordError, RecordWriter, load_run
from harness.session import first_line, new_folder
from reports.__main__ import USAGE, main
from reports.writing import OutputError, write

OLD = "an older report"


@contextlib.contextmanager
def file_size_limit(most):
    """Let every write beyond ``most`` bytes of any file fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def small_disk(folder, size):
    """Mount a file system of ``size`` at ``folder``; skip the test where that is not allowed."""
    if os.geteuid() != 0 or subprocess.call(["mount", "-t", "tmpfs", "-o", "size={}".format(size), "tmpfs", folder],
                                            stderr=subprocess.DEVNULL):
        pytest.skip("no small disk can be mounted here")
    try:
        yield
    finally:
        subprocess.check_call(["umount", "-l", folder])


def go_on(folder):
    work = open_run(folder)
    try:
        Controller(work.run, work.plan, work.writer, PlainProgress(lambda text: None), fake_runner).run()
    finally:
        work.writer.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The record of a run that nothing disturbed, as its folder."""
    folder = str(tmp_path_factory.mktemp("whole"))
    go_on(folder)
    return folder


def units_of(folder):
    return list(load_run(folder).units)


def disk_full_at(whole, folder, limits):
    """Run with each of ``limits`` of the file's size, then go on without; return how many units went wrong."""
    wrong = 0
    for number, most in enumerate(limits):
        place = os.path.join(folder, str(number))
        with file_size_limit(most), contextlib.suppress(RecordError):
            go_on(place)
            raise AssertionError("a limit of {} bytes stopped nothing".format(most))
        go_on(place)
        found = load_run(place)
        wrong += len(set(units_of(whole)) ^ set(found.units)) + found.retried
    return wrong


def test_a_disk_that_is_full_at_any_byte_of_a_record_costs_no_unit_and_doubles_none(whole, tmp_path):
    size = os.path.getsize(os.path.join(whole, "record.jsonl"))
    random = Random(1)
    assert disk_full_at(whole, str(tmp_path), [random.randrange(1, size - 400) for _ in range(15)]) == 0


def test_a_run_that_cannot_write_its_plan_leaves_no_folder_behind(tmp_path):
    with file_size_limit(10), pytest.raises(RecordError, match="make room"):
        first_line(RecordWriter(str(tmp_path / "run")), header())
    assert not (tmp_path / "run").exists()


def test_a_report_on_a_full_disk_is_the_old_one_or_the_whole_new_one(whole, tmp_path, capsys):
    good = tmp_path / "good"
    assert main([whole, "--format", "all", "--no-figures", "--out", str(good)]) == 0
    sizes = sorted(path.stat().st_size for path in good.rglob("*") if path.is_file())
    for most in [100] + [size - 1 for size in sizes if size > 1] + [sizes[-1] // 2]:
        out = tmp_path / "out-{}".format(most)
        out.mkdir()
        (out / "report.html").write_text(OLD)
        capsys.readouterr()
        with file_size_limit(most):
            status = main([whole, "--format", "all", "--no-figures", "--out", str(out)])
        for path in (one for one in out.rglob("*") if one.is_file()):
            text = path.read_bytes()
            assert text in (OLD.encode(), (good / path.relative_to(out)).read_bytes()), path
            assert not path.name.endswith(".part")
        said = capsys.readouterr().err
        assert status == USAGE and "make room" in said and said.count("\n") == 1


def test_a_real_full_disk_leaves_the_old_report(tmp_path):
    with small_disk(str(tmp_path), "64k"):
        write(str(tmp_path), "report.html", OLD)
        with pytest.raises(OutputError, match="No space left.*make room"):
            write(str(tmp_path), "report.html", "x" * 200000)
        assert sorted(os.listdir(str(tmp_path))) == ["report.html"]
        assert (tmp_path / "report.html").read_text() == OLD


def test_a_real_full_disk_stops_a_run_which_goes_on_when_there_is_room(whole, tmp_path):
    with small_disk(str(tmp_path), "16k"):
        with pytest.raises(RecordError, match="make room"):
            go_on(str(tmp_path / "run"))
        subprocess.check_call(["mount", "-o", "remount,size=4m", str(tmp_path)])
        go_on(str(tmp_path / "run"))
        assert set(units_of(str(tmp_path / "run"))) == set(units_of(whole))


def test_a_read_only_disk_is_said_in_one_sentence(whole, tmp_path, capsys):
    with small_disk(str(tmp_path), "1m"):
        shutil.copytree(whole, str(tmp_path / "run"))
        subprocess.check_call(["mount", "-o", "remount,ro", str(tmp_path)])
        assert main([str(tmp_path / "run"), "--format", "html"]) == USAGE
        said = capsys.readouterr().err
        assert "Read-only" in said and "--out" in said and said.count("\n") == 1
        with pytest.raises(SessionError, match="cannot be written .Read-only.*--out"):
            new_folder(str(tmp_path / "results"), "s", header().settings)
        with pytest.raises(RecordError, match="cannot be written .Read-only.*copy the run's folder"):
            open_run(str(tmp_path / "run"))


def test_a_folder_that_is_deleted_under_a_run_stops_it_with_the_reason(tmp_path):
    folder = str(tmp_path / "run")
    work = open_run(folder)

    def runner(job, *arguments, **more):
        if job["pass"] == "memory":
            shutil.rmtree(folder)
        return fake_runner(job, *arguments, **more)

    with pytest.raises(RecordError, match="deleted or replaced while the run went on"):
        Controller(work.run, work.plan, work.writer, PlainProgress(lambda text: None), runner).run()
    work.writer.close()


def test_the_whole_run_has_all_its_units(whole):
    assert len(units_of(whole)) == UNITS
