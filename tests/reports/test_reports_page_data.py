import json
import re

import pytest
from report_fixtures import NANO, RecordBuilder, comparison, nano_run

from reports.page_data import page_data
from reports.parts.energy import energy_ratio, ratio_text
from reports.parts.environment import command, differences, flatten
from reports.parts.samples import beyond, dots_per_row, strip_range, strip_ticks, thin
from reports.parts.sentence import short_titles
from reports.parts.traces import kept_places


def rows(data, table):
    return {row["name"]: row for row in data["tables"][table]["rows"]}


def texts(entries):
    return " ".join(entry["text"] for entry in entries)


def test_the_headline_says_who_how_much_against_what_and_where_it_does_not_hold(data):
    assert data["nano"]["headline_text"] == (
        "On this Jetson Nano fwht fused is 1.83\u00d7 faster than conv3x3 at 64 channels, 1.46\u00d7 faster at 128 "
        "channels and cannot be told apart at 256 channels.")
    assert [part["tone"] for part in data["nano"]["headline"] if part["tone"]] == ["faster"]


def test_many_sizes_are_counted_in_the_headline(data):
    assert "3.01\u00d7 slower than Conv 3x3 at 8 channels; of 7 more comparisons 4 faster and 3 slower" in \
        data["sweep"]["headline_text"]


def test_comparisons_about_other_layers_are_not_lumped_together(tmp_path):
    many = [comparison("a", "Net A", "dense", ("wht last", "other")),
            comparison("b", "Net B", "dense", ("debut all",)),
            comparison("c", "Net C", "dense", ("wht first",))]
    build = RecordBuilder(tmp_path, many)
    for one in many:
        build.verify(one.id)
        build.time(one.id, {case.slug: 2e-3 / (1 + i) for i, case in enumerate(one.cases)}, noise=1e-4)
    build.end()
    text = page_data(build.load(), published=())["headline_text"]
    assert re.sub(r"[12]\.\d\d", "2", text) == (
        "On this Jetson Nano wht last is 2\u00d7 faster than dense at Net A and 2\u00d7 faster at Net C (as wht "
        "first); debut all is 2\u00d7 faster than dense at Net B.")


def test_places_of_one_verdict_are_named_together(tmp_path):
    many = [comparison(name, "Net {}, batch 1".format(name), "dense", ("wht",)) for name in "ABC"]
    build = RecordBuilder(tmp_path, many)
    for one, ratio in zip(many, (1.02, 1.02, 2.0)):
        build.verify(one.id)
        build.time(one.id, {"dense": 2e-3, "wht": 2e-3 / ratio}, noise=1e-4)
    build.end()
    text = page_data(build.load(), published=())["headline_text"]
    assert "wht cannot be told apart from dense at Net A or Net B and 2.0" in text
    assert text.endswith("faster at Net C.")


def test_a_run_without_a_time_says_that_nothing_was_timed(data):
    assert data["empty"]["headline_text"] == "Nothing was timed on this Jetson Nano: no verdict."
    assert data["empty"]["tally"] == [{"state": "not measured", "sign": "\u2013", "count": 5}]


def test_the_tally_counts_every_rival_once(data):
    counts = {one["state"]: one["count"] for one in data["nano"]["tally"]}
    assert counts == {"faster": 7, "slower": 6, "cannot tell": 1, "wrong": 1}
    assert sum(counts.values()) == 15
    assert "15 rivals in 3 comparisons" in data["nano"]["subline"]


def test_rivals_stand_by_speed_after_the_baseline_and_those_without_a_number_last(data):
    names = [row["name"] for row in data["nano"]["tables"][2]["rows"]]
    assert names == ["conv3x3", "conv1x1", "fwht fused", "dct fused", "fwht torch", "butterfly"]


def test_a_wrong_layer_is_called_wrong_and_says_by_how_much(data):
    row = rows(data["nano"], 2)["butterfly"]
    assert (row["state"], row["ratio"], row["median_s"]) == ("wrong", None, None)
    assert "max error 3.1e-2" in row["reason"]


def test_nothing_that_was_not_measured_is_without_a_reason(data):
    for name in data:
        for table in data[name]["tables"]:
            for row in table["rows"]:
                assert row["median_s"] is not None or row["reason"], (name, row["id"])
                assert row["memory_bytes"] is not None or row["memory_reason"], (name, row["id"])
                assert row["energy_j"] is not None or row["energy_reason"], (name, row["id"])
                assert row["state"] != "cannot tell" or row["next_step"], (name, row["id"])


def test_a_crashed_check_a_killed_and_a_hung_pass_are_told_with_their_reasons(data):
    told = texts(data["broken"]["weakeners"])
    assert "Segmentation fault" in told and "killed for memory" in told and "hung" in told
    assert rows(data["broken"], 0)["fwht fused"]["reason"] == \
        "the check failed: the worker crashed: Segmentation fault"
    assert "signal 9" in rows(data["broken"], 1)["conv3x3"]["memory_reason"]
    assert "31 fresh readings" in rows(data["broken"], 1)["conv3x3"]["energy_reason"]


def test_what_weakens_a_run_comes_with_its_next_step(data):
    told = {entry["text"]: entry for entry in data["broken"]["weakeners"]}
    by_word = {word: next((entry for text, entry in told.items() if word in text), None) for word in
               ("did not reach its end", "Clocks were not locked", "quick run", "not settled", "no commit holds",
                "could not be checked", "Two copies")}
    assert all(by_word.values()), by_word
    assert by_word["did not reach its end"]["code"].endswith("--resume " + data["broken"]["run"])
    assert all(by_word[word]["next_step"] for word in by_word if word != "could not be checked")


def test_a_run_that_nothing_weakens_has_no_such_list(data):
    assert data["nano"]["weakeners"] == []


def test_a_throttled_round_is_counted_and_kept(data):
    told = texts(data["sweep"]["weakeners"])
    assert "between 922\u202fMHz and 768\u202fMHz: 9 of 108 rounds are marked throttled and kept" in told
    assert "Swap grew" in told


def test_a_skipped_unit_is_no_failure(data):
    assert "no power meter" not in texts(data["broken"]["weakeners"])


def test_close_calls_hold_every_rival_within_ten_percent_and_no_other(data):
    names = [(call["name"], call["title"][:3]) for call in data["nano"]["close_calls"]]
    assert names == [("dct fused", "128"), ("fwht fused", "256"), ("dct fused", "256")]
    undecided = data["nano"]["close_calls"][1]
    assert undecided["state"] == "cannot tell" and undecided["next_step"]
    assert undecided["band"] == pytest.approx((-100 * 0.02 / 1.02, 2.0), abs=0.5)


def test_cold_caches_get_a_table_of_their_own_that_does_not_count_twice(data):
    tables = [table for table in data["sweep"]["tables"] if table["id"] == "c64"]
    assert [(table["key"], table["cache_text"], table["main"]) for table in tables] == [
        ("c64", "caches warm", True), ("c64@cold", "caches cold", False)]
    assert tables[1]["rows"][0]["median_s"] > 1.2 * tables[0]["rows"][0]["median_s"]
    assert sum(one["count"] for one in data["sweep"]["tally"]) == 24


def test_the_memory_column_is_torchs_count_on_cuda_and_the_process_on_a_cpu(data):
    assert data["sweep"]["tables"][0]["memory_title"] == "torch allocated"
    assert data["nano"]["tables"][0]["memory_title"] == "process RSS"
    assert rows(data["nano"], 0)["conv3x3"]["memory_bytes"] == 49400000 + 2000000


def test_what_all_tables_lack_for_one_reason_is_said_once(data):
    assert data["sweep"]["absent"] == [{"title": "Energy", "reason": "this run has no energy pass"}]
    assert all(table["absent"] == [] for table in data["sweep"]["tables"])
    assert data["nano"]["absent"] == []


def test_a_kind_of_memory_nobody_could_read_is_one_sentence(data):
    table = data["nano"]["memory"][0]
    assert table["absent"] == [{"title": "NvMap", "reason": "the NvMap statistics need root"}]
    assert "NvMap" not in [column["title"] for column in table["columns"]]
    assert all(len(row["cells"]) == len(table["columns"]) for row in table["rows"])


def test_energy_is_given_per_call_above_idle_and_per_image(data):
    row = data["nano"]["energy"][0]["rows"][0]
    assert row["energy_text"] == "15.5\u202fmJ" and row["above_text"] == "11.9\u202fmJ"
    assert row["image_text"] == "1.55\u202fmJ"
    assert data["nano"]["energy"][0]["rows"][1]["ratio_text"].startswith("1.53\u00d7 less [")


def test_the_energy_ratio_takes_both_uncertainties():
    ratio = energy_ratio({"energy_per_call_j": 2.0, "uncertainty_j": 0.06},
                         {"energy_per_call_j": 1.0, "uncertainty_j": 0.04})
    assert ratio[0] == 2.0
    assert ratio[2] / ratio[0] == pytest.approx(1.0513, abs=1e-4)          # exp(hypot(3 %, 4 %))
    assert energy_ratio({"energy_per_call_j": 2.0, "uncertainty_j": None}, {"energy_per_call_j": 1.0}) is None
    assert ratio_text((1.03, 1.02, 1.04)).startswith("\u22122.9")          # less energy is minus


def test_without_an_energy_pass_the_report_says_why(data):
    assert data["sweep"]["energy_reason"] == "this run has no energy pass"
    assert data["empty"]["energy_reason"] == "not reached: the run stopped before it"
    assert "31 fresh readings" in data["broken"]["energy_reason"]
    assert data["nano"]["energy_reason"] is None


def test_a_trace_carries_means_phases_and_the_drop_of_the_clock(data):
    trace = data["nano"]["traces"][0]
    assert [panel["key"] for panel in trace["panels"]] == ["power_w", "clock_hz", "temperature_c"]
    assert [phase["name"] for phase in trace["phases"] if phase["named"]] == [
        "idle before", "conv3x3, looping", "idle after"]
    assert trace["mark"]["label"] == "922 to 768\u202fMHz" and trace["mark"]["time_s"] == pytest.approx(10.1)
    mean = trace["panels"][0]["means"][1]
    assert mean[2] == pytest.approx(5.34, abs=0.03) and mean[3] == "5.34\u202fW mean"
    assert len(trace["time_s"]) == len(trace["panels"][0]["values"])


def test_with_many_traces_the_baseline_and_the_fastest_of_each_table_are_drawn(data):
    assert data["nano"]["traces_total"] == 17
    assert [trace["case"] for trace in data["nano"]["traces"]] == [
        "64ch/conv3x3", "64ch/conv1x1", "128ch/conv3x3", "128ch/conv1x1", "256ch/conv3x3", "256ch/conv1x1"]


def test_thinned_samples_keep_both_extremes_and_the_even_ranks():
    values = [float(i) for i in range(1001)]
    kept = thin(values, 160)
    assert len(kept) == 160 and kept[0] == 0 and kept[-1] == 1000 and kept == sorted(kept)
    assert max(b - a for a, b in zip(kept, kept[1:])) <= 7
    assert thin(values[:50], 160) == values[:50]
    assert [dots_per_row(n) for n in (10, 80, 400)] == [160, 64, 32]


def test_a_thinned_trace_keeps_the_lowest_and_the_highest_reading_of_every_bucket():
    values = [0.0] * 5000
    values[1234], values[4321] = 9.0, -9.0
    kept = kept_places([values], 5000, 100)
    assert {0, 1234, 4321, 4999} <= set(kept) and kept == sorted(kept) and len(kept) <= 202


def test_strips_reach_from_the_fastest_sample_to_twice_the_median_at_most():
    low, high = strip_range([[0.9, 1.0, 1.1], [0.95, 1.0, 14.0]])
    assert 0 < low <= 0.9 and high == 2.0
    assert 1.0 in strip_ticks(low, high)


def test_samples_beyond_the_axis_are_counted_in_words():
    assert beyond([0.9, 1.0, 2.5, 14.2], 2.0) == "2 samples beyond, up to 14.2\u00d7"
    assert beyond([0.9, 1.0, 2.0], 2.0) is None


def titled(*titles):
    return list(short_titles([{"key": i, "title": title, "baseline": "conv"}
                              for i, title in enumerate(titles)]).values())


def test_short_titles_drop_what_all_share_or_keep_what_tells_them_apart():
    assert titled("layer, 8x8", "layer, 32x32, channels-last") == ["8x8", "32x32, channels-last"]
    assert titled("Net A, batch 1", "Net B, batch 1") == ["Net A", "Net B"]
    assert titled("1x1: 8 channels, 7x7", "1x1: 8 channels, 9x9", "1x1: 9 channels, 9x9") == [
        "8 channels, 7x7", "8 channels, 9x9", "9 channels, 9x9"]
    assert titled("layer, 8x8", "layer, 9x9", "other, 9x9") == ["layer, 8x8", "layer, 9x9", "other, 9x9"]
    assert titled("layer, 8x8") == ["layer, 8x8"]


def test_environments_are_compared_name_by_name_without_what_changes_by_itself(tmp_path):
    one = nano_run(tmp_path / "one", energy=False)
    other = nano_run(tmp_path / "other", energy=False, environment=dict(
        NANO, clocks=dict(NANO["clocks"], power_mode="5W", cpu_current_hz=5), os={
            "system": "Linux", "kernel": "4.9.253-tegra", "uptime_s": 99, "load_1min": 3.0}))
    assert differences([one, other]) == [{"name": "clocks.power_mode", "values": ["MAXN", "5W"]}]
    assert flatten({"a": {"b": 1, "c": [1, 2]}}) == [("a.b", 1), ("a.c", [1, 2])]


def test_a_resume_in_another_environment_weakens_the_run(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))])
    build.session(dict(NANO, torch={"version": "2.1.0", "cuda": "10.2"}))
    build.end()
    assert "torch.version changed" in texts(page_data(build.load(), published=())["weakeners"])


def test_the_command_to_run_it_again_is_quoted_and_names_the_seed(tmp_path):
    build = RecordBuilder(tmp_path, [comparison("a", "A", "conv", ("wht fused",))], environment=None, seed=7)
    build.session(NANO, argv=["run", "paper", "--only", "a b", "--out", "/tmp/x", "--no-report"])
    assert command(build.load()) == "./run_bench.sh run paper --only 'a b' --seed 7"


def test_several_runs_stand_side_by_side(tmp_path, runs):
    other = nano_run(tmp_path, energy=False, ident="other", environment=dict(
        NANO, board={"model": "NVIDIA Jetson Orin Nano Developer Kit"}))
    data = page_data(runs["nano"], published=(), others=[other])["devices"]
    assert data["labels"] == ["Jetson Nano, CPU, 2 threads", "Jetson Orin Nano, CPU, 2 threads"]
    assert [cell["state"] for cell in data["tables"][0]["rows"][0]["cells"]] == ["faster", "faster"]
    assert "board.model" in [one["name"] for one in data["differences"]]


def test_page_data_is_json_and_the_same_every_time(runs, data):
    for name in runs:
        again = page_data(runs[name], published=())
        assert json.dumps(again, allow_nan=False) == json.dumps(data[name], allow_nan=False)
