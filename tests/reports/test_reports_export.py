"""Runs leave the house: the other program's own reader takes the file and finds the record's numbers in it."""

import csv
import io
import json
import statistics
import subprocess
import sys

import pytest
from report_fixtures import RecordBuilder, comparison

import harness
from harness.notebook.frame import COLUMNS, rows
from harness.reasons import Code, Reason
from harness.record import FILE_NAME, LaunchLine
from harness.words import Status
from reports.export import main
from reports.exports import github_action, pyperf, table
from reports.findings import findings
from reports.formats.texts import detail


@pytest.fixture(params=["nano", "sweep"])
def run(request, runs):
    return harness.load_run(runs[request.param].folder)


def test_pyperf_has_every_sample_of_every_case_and_launch(run):
    data = json.loads(pyperf.make(run))
    by_name = {one["metadata"]["name"]: one for one in data["benchmarks"]}
    assert len(by_name) == len(data["benchmarks"])
    timed = {case for case in run.cases() if run.samples(case)}
    assert timed and timed == {name for name in by_name if "@" not in name}
    for case in timed:
        assert [one["values"] for one in by_name[case]["runs"]] == run.samples(case)


def test_pyperf_itself_reads_the_file_and_finds_the_means(run, tmp_path):
    theirs = pytest.importorskip("pyperf")
    path = tmp_path / "run.json"
    path.write_text(pyperf.make(run))
    suite = theirs.BenchmarkSuite.load(str(path))
    for case in run.cases():
        samples = sum(run.samples(case), [])
        if samples:
            assert suite.get_benchmark(case).mean() == pytest.approx(statistics.mean(samples))
    for command in (["stats"], ["hist"], ["compare_to", str(path)]):
        words = [sys.executable, "-m", "pyperf"] + command + [str(path)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def test_a_dashboard_gets_the_median_in_seconds_and_the_verdict(run):
    found = {one["name"]: one for one in json.loads(github_action.make(run))}
    for (case, cache), verdict in run.verdicts().items():
        one = found[case if cache == "hot" else case + "@" + cache]
        assert one["unit"] == "s" and one["value"] == verdict.times.median_s
        assert verdict.state.value in one["extra"]


def test_a_rival_that_was_left_out_of_a_launch_is_not_said_to_have_played_it(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht",))])
    build.verify("a")
    build.time("a", {"conv": 2e-3, "wht": 1e-3}, launches=1)
    series = build.series(build.comparisons["a"], {"conv": 2e-3}, 18, 0.01)
    build.append(LaunchLine("a", 2, Status.OK, series=(series,), left_out={"a/wht": Reason(Code.LEFT_OUT)}))
    build.end()
    run = harness.load_run(build.folder)
    extra = {one["name"]: one["extra"] for one in json.loads(github_action.make(run))}
    assert "72 samples in 2 launches" in extra["a/conv"] and "36 samples in 1 launch\n" in extra["a/wht"]
    said, = [detail(row, table) for table in findings(run, ()).tables for row in table.rows if row.name == "wht"]
    assert said.startswith("36 samples, 18 rounds, 1 launch\n")


def test_the_csv_is_the_tidy_table_of_all_runs(runs):
    every = [runs["nano"], runs["sweep"]]
    found = list(csv.DictReader(io.StringIO(table.make_csv(every))))
    assert [row["case"] for row in found] == [row["case"] for run in every for row in rows(run)]
    row, want = found[1], rows(runs["nano"])[1]
    assert float(row["median_s"]) == want["median_s"] and row["energy_per_call_j"] == ""


def test_no_text_of_the_csv_is_a_formula():
    assert table._guarded({"name": "=1+1", "speed": -1.0}) == {"name": "'=1+1", "speed": -1.0}


def test_parquet_files_of_any_two_runs_have_one_schema(runs, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    schemas = []
    for name in ("nano", "sweep"):
        path = tmp_path / (name + ".parquet")
        path.write_bytes(table.make_parquet([runs[name]]))
        read = parquet.read_table(str(path))
        schemas.append(read.schema)
        assert read.column_names == [column.name for column in COLUMNS]
        assert read.column("median_s").to_pylist() == [row.get("median_s") for row in rows(runs[name])]
    assert schemas[0] == schemas[1]


def test_without_pyarrow_one_sentence_says_what_to_do(runs, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([runs["nano"].folder, "--to", "parquet"]) == 2
    assert "install it with" in capsys.readouterr().err


def test_every_cell_is_of_its_columns_type(runs):
    types = {column.name: column.type for column in COLUMNS}
    for run in runs.values():
        for row in rows(run):
            for name, value in row.items():
                assert value is None or isinstance(value, (int, float) if types[name] is float else types[name]), name


def test_a_table_of_several_runs_goes_to_one_file_and_pyperfs_to_one_each(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = []
    for name in ("nano", "sweep"):
        folder = tmp_path / name
        folder.mkdir()
        with open(runs[name].folder + "/" + FILE_NAME, "rb") as file:
            (folder / FILE_NAME).write_bytes(file.read())
        folders.append(str(folder))
    assert main(folders + ["--to", "csv"]) == 0 and (tmp_path / "runs.csv").is_file()
    assert main(folders + ["--to", "pyperf"]) == 0
    assert (tmp_path / "nano" / "pyperf.json").is_file() and (tmp_path / "sweep" / "pyperf.json").is_file()
    assert main(folders + ["--to", "pyperf", "--out", "x.json"]) == 2


def test_a_run_that_is_not_there_is_one_sentence(capsys):
    assert main(["no-such-run", "--to", "csv"]) == 2
    assert "There is no run 'no-such-run'" in capsys.readouterr().err
