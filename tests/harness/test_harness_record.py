"""The record survives what happens to boards: power cuts, resumes, other formats, and files from anywhere."""

import glob
import io
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Case, Comparison, RecordError, load_run
from harness.plan import case_from_dict, case_to_dict
from harness.reasons import Code, because
from harness.record import (
    FORMAT,
    CheckLine,
    CheckResult,
    End,
    EnergyLine,
    Environment,
    Header,
    LaunchLine,
    MemoryLine,
    MemoryTrace,
    MeterStatus,
    Phase,
    RecordWriter,
    Round,
    SamplingCost,
    Series,
    SeriesDecision,
    Session,
    Stage,
    TimerFacts,
    Traces,
    WarmUpFacts,
    damage_text,
)
from harness.record.codec import field_names
from harness.record.lines import PASS_OF
from harness.record.reader import read_record
from harness.record.schema import checker, schema
from harness.record.wire import KINDS, SHAPES, encode
from harness.rule import Rule
from harness.settings import Settings
from harness.words import Role, RunStatus, State, Status

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONV = Case("a", "", "m:f", (1, 8, 4, 4), options=(("bias", True),))
WHT = Case("b", "", "m:g", (1, 8, 4, 4))
COMPARISON = Comparison("1d", "one", CONV, (WHT,), "a note")
HEADER = Header(2, "r", "s", "2026-03-14T10:15:00Z", 1, Settings("cpu", 1), Rule(), (COMPARISON,))
END = End(RunStatus.COMPLETE, "2026-03-14T10:25:00Z")
SERIES = Series("hot", ("1d/a", "1d/a", "1d/b"), (1, 1, 2),
                (Round((0, 2, 1), (1.0, 2.0, 3.0, 3.0, 2.0, 1.0), None, (0.1,) * 6, (9e8, None), (True,) * 6),),
                (12, 18), Role.FIRST, because(Code.BUDGET_ENDED, budget_s=1.5, round=12), 0.01,
                {"1d/b": SeriesDecision(State.SLOWER, 12)},
                Round((0, 1, 2), (1.0,)), 0.1, 1.5, 1.4, "cpufreq")
EVERY_LINE = (
    HEADER,
    Session(("run", "paper"), "2026-03-14T10:15:01Z", Environment(
        cpu={"model": "x", "cores": 2}, meters=(MeterStatus("rapl", "power", False, False, "no", "do"),))),
    CheckLine("1d", None, Status.OK, None, 1.5, 10.0, (
        CheckResult("1d/a", True, 1e-6, 1e-4, None, "conv", None, 10, 20, 30, {"form": "best"}),
        CheckResult("1d/b", False, 3e-2, 1e-4, because(Code.WRONG, error=3e-2, allowed=1e-4)))),
    CheckLine("1d", "1d/b", Status.FAILED, because(Code.CRASHED, "last words", signal="SIGSEGV")),
    LaunchLine("1d", 1, Status.OK, None, 2.0, 11.0, (SERIES,), TimerFacts("perf_counter", 1e-9, 4e-8),
               (WarmUpFacts("1d/a", "hot", (1.0, 2.0), (1, 1), True),), {"1d/a": "conv", "1d/b": None},
               "warm heap", 1.9),
    MemoryLine("1d", "1d/a", Status.OK, None, 2.0, 13.0, {"peak": Stage(1, 2, 3, 0)}, "conv", 3, 9, 0.005,
               rss_delta_peak_bytes=5, uss_delta_peak_bytes_reason="the kernel shows no smaps", repeat=2,
               warmed_with="1x8x4x4", trace=MemoryTrace((0.0, 0.1), (1, 2))),
    EnergyLine("1d", "1d/a", Status.OK, because(Code.NO_NUMBER, "31 fresh readings"), meter="rapl",
               traces=Traces((0.0, 0.1), (1.0, None)), phases=(Phase("load", 0.0, None),),
               sampling_cost=SamplingCost(1.0, 1.0, 1.0), uncertainty_parts_w={"step": 0.1}),
    EnergyLine("1d", "1d/b", Status.SKIPPED, because(Code.NO_METER, "rapl")),
    END)


def write(folder, *lines):
    with RecordWriter(str(folder)) as writer:
        for line in lines:
            writer.append(line)
    return writer


def test_a_case_survives_the_record_unchanged():
    assert case_from_dict(case_to_dict(CONV)) == CONV


def test_fields_of_a_later_version_are_ignored():
    assert case_from_dict(dict(case_to_dict(CONV), colour="red")) == CONV


def test_every_kind_of_line_is_read_back_as_it_was_written(tmp_path):
    write(tmp_path, *EVERY_LINE)
    assert tuple(read_record(str(tmp_path))) == EVERY_LINE


def defaults_of(kind):
    return getattr(kind, "_field_defaults", {})


def test_types_and_schema_name_the_same_fields():
    of_types = {"check_result": CheckResult, "series": Series, "round": Round, "decision": SeriesDecision,
                "timer": TimerFacts, "warm_up": WarmUpFacts, "stage": Stage, "phase": Phase,
                "traces": Traces, "memory_trace": MemoryTrace,
                "sampling_cost": SamplingCost, "settings": Settings, "rule": Rule, "comparison": Comparison,
                "case": Case, "environment": Environment, "meter": MeterStatus, "reason": type(because(Code.HUNG))}
    of_types.update({name: shape.kind for name, shape in SHAPES.items()})
    for name, kind in of_types.items():
        described = set(schema()["definitions"][name]["properties"]) - {"kind", "pass"}
        extra = {"case"} if kind is LaunchLine else {"planned_round_s_reason"} if kind is Series else set()
        assert described - extra == set(field_names(kind)), name
        needed = [field for field in field_names(kind) if field not in defaults_of(kind)]
        assert set(needed) <= set(schema()["definitions"][name].get("required", ())), name
    assert set(KINDS) | set(PASS_OF) == {shape.kind for shape in SHAPES.values()}


def test_what_is_written_fits_the_schema():
    for line in EVERY_LINE:
        data = json.loads(encode(line))
        checker(data["pass"] if data["kind"] == "pass" else data["kind"])(data)


def test_the_reference_runs_are_readable():
    runs = [load_run(folder) for folder in glob.glob(os.path.join(ROOT, "results", "reference", "*"))]
    assert {run.header.format for run in runs} == {1, FORMAT}
    for run in runs:
        assert run.ended and all(run.check(place.id) for place in run.places())
        lines = [run.energy(place.id) for place in run.places() if "energy" not in place.comparison.without]
        assert all(line.status is Status.OK or line.reason.kind in (Code.NO_METER, Code.CHECK_FAILED)
                   for line in lines)


def test_a_line_torn_by_a_power_cut_is_left_out_when_reading(tmp_path):
    writer = write(tmp_path, HEADER, END)
    with io.open(writer.path, "a") as file:
        file.write('{"kind":"pass","pa')
    assert read_record(str(tmp_path)) == [HEADER, END]


def test_writing_again_after_a_power_cut_cuts_the_torn_line_off(tmp_path):
    writer = write(tmp_path, HEADER)
    with io.open(writer.path, "a") as file:
        file.write('{"kind":"pass","pa')
    write(tmp_path, END)
    assert read_record(str(tmp_path)) == [HEADER, END]


def test_every_line_is_synced_to_the_disk_before_append_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(number))
    write(tmp_path, HEADER, END)
    assert len(synced) == 2


@pytest.mark.parametrize("text, words", [
    ("not json", "line 2: the line is not JSON"),
    ("[]", "line 2: the line must be an object"),
    ("[" * 100000, "line 2: the line is (nested too deep|not JSON)"),
    ('{"kind":"end","status":NaN}', "line 2: the line is not JSON"),
    ('{"kind":"tea"}', "line 2: field 'kind'"),
    ('{"kind":"pass","pass":"run"}', "line 2: field 'kind'"),
    ('{"kind":"end","status":"fine","finished":"now"}', "line 2: field 'status' must be one of"),
    ('{"kind":"end","status":"complete"}', "line 2: the line must contain.*finished"),
    ('{"kind":"pass","pass":"memory","comparison":"1d","case":"1d/a","status":"ok","reason":null,"seconds":1,'
     '"stages":{"peak":{"rss_bytes":"many"}}}', r"line 2: field 'stages.peak.rss_bytes' must be integer"),
    ('{"kind":"pass","pass":"memory","comparison":"1d","case":"1d/a","status":"failed","reason":{"code":"bored"},'
     '"seconds":1}', "line 2: the line cannot be read .*bored"),
])
def test_a_line_that_breaks_the_format_is_named_with_its_number_and_field(tmp_path, text, words):
    writer = write(tmp_path, HEADER)
    with io.open(writer.path, "a") as file:
        file.write(text + "\n")
    assert re.search(words, damage_text(load_run(str(tmp_path)).damage, "the record"))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_record_is_read_or_refused_in_one_sentence(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    text = "".join(encode(line) + "\n" for line in EVERY_LINE).encode("ascii")
    place = data.draw(st.integers(0, len(text) - 1))
    cut = data.draw(st.integers(0, 40))
    wild = st.sampled_from([b"null", b"[]", b"{}", b"-1", b'"x"', b"1e999"])
    put = data.draw(st.one_of(st.binary(max_size=4), wild))
    with open(str(folder / "record.jsonl"), "wb") as file:
        file.write(text[:place] + put + text[place + cut:])
    try:
        run = load_run(str(folder))
    except RecordError as error:
        assert "\n" not in str(error)
    else:
        assert run.places() is not None


def test_a_record_of_a_later_format_says_update(tmp_path):
    write(tmp_path, HEADER._replace(format=99))
    with pytest.raises(RecordError, match="format 99.*update"):
        load_run(str(tmp_path))


def test_a_folder_without_a_record_says_what_to_name(tmp_path):
    with pytest.raises(RecordError, match="results/<run id>"):
        load_run(str(tmp_path))


def test_a_nan_never_gets_into_a_record(tmp_path):
    with pytest.raises(ValueError):
        write(tmp_path, HEADER, CheckLine("1d", None, Status.OK, seconds=float("nan")))
    assert read_record(str(tmp_path)) == [HEADER]


def test_a_run_stopped_and_finished_later_has_ended(tmp_path):
    write(tmp_path, HEADER, End(RunStatus.INTERRUPTED, "now", because(Code.STOPPED)))
    assert not load_run(str(tmp_path)).ended
    write(tmp_path, END)
    assert load_run(str(tmp_path)).ended


def test_the_last_line_of_a_unit_counts_and_earlier_ones_are_counted(tmp_path):
    write(tmp_path, HEADER, MemoryLine("1d", "1d/a", Status.FAILED, because(Code.HUNG, limit_s=9)),
          MemoryLine("1d", "1d/a", Status.OK, rss_delta_peak_bytes=7))
    run = load_run(str(tmp_path))
    assert run.memory("1d/a").rss_delta_peak_bytes == 7
    assert run.failed() == [] and run.retried == 1


def test_a_second_writer_is_told_that_the_run_is_being_written(tmp_path):
    with RecordWriter(str(tmp_path)) as writer:
        writer.append(HEADER)
        with pytest.raises(RecordError, match="being written by another process"):
            RecordWriter(str(tmp_path))
    write(tmp_path, END)
    assert read_record(str(tmp_path)) == [HEADER, END]


def test_the_lock_dies_with_its_process(tmp_path):
    program = ("import os, signal, sys; from harness.record import RecordWriter\n"
               "writer = RecordWriter(sys.argv[1])\n"
               "print('locked', flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.communicate()[0] == b"locked\n" and process.returncode == -9
    write(tmp_path, HEADER)


@pytest.mark.parametrize("harm, words", [
    (lambda path: os.remove(path), "deleted or replaced"),
    (lambda path: shutil.copy(path, path + "2") and os.rename(path + "2", path), "deleted or replaced"),
    (lambda path: io.open(path, "w").close(), "was cut by another program"),
])
def test_a_record_taken_away_under_a_running_run_stops_it_with_a_reason(tmp_path, harm, words):
    with RecordWriter(str(tmp_path)) as writer:
        writer.append(HEADER)
        harm(writer.path)
        with pytest.raises(RecordError, match=words):
            writer.append(END)
        assert writer.lost


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_is_said_with_the_remedy(tmp_path):
    os.symlink("/dev/full", str(tmp_path / "record.jsonl"))
    writer = RecordWriter(str(tmp_path))
    with pytest.raises(RecordError, match="No space left.*make room"):
        writer.append(HEADER)
