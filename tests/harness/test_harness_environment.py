"""The environment is read from the machine's own files; a fake root stands in for boards we lack."""

import json

import pytest

from harness.allocator import WARM_HEAP, describe_heap, heap_environment
from harness.environment import collect
from harness.environment.board import board_section, parse_l4t
from harness.environment.host import cpu_model, vector_extensions

NANO_RELEASE = ("# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, "
                "DATE: Sat Feb 19 17:05:08 UTC 2022")


@pytest.fixture
def nano(tmp_path):
    for path, text in (("proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit\0"),
                       ("proc/device-tree/compatible", "nvidia,p3450-0000\0nvidia,tegra210\0"),
                       ("etc/nv_tegra_release", NANO_RELEASE)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return str(tmp_path)


def test_a_nano_is_known_by_model_soc_and_jetpack(nano):
    board = board_section(nano)
    assert (board["model"], board["soc"], board["l4t"], board["jetpack"], board["jetson"]) == (
        "NVIDIA Jetson Nano Developer Kit", "tegra210", "32.7.1", "4.6.1", True)


def test_a_machine_that_shows_nothing_gives_reasons_instead_of_guesses(tmp_path):
    board = board_section(str(tmp_path))
    assert board["model"] is None and board["model_reason"] and board["l4t_reason"] and not board["jetson"]


def test_an_unlisted_l4t_release_is_kept_and_its_jetpack_left_open(nano, tmp_path):
    (tmp_path / "etc/nv_tegra_release").write_text(NANO_RELEASE.replace("7.1", "99.9"))
    board = board_section(nano)
    assert board["l4t"] == "32.99.9" and board["jetpack"] is None and "not in the table" in board["jetpack_reason"]


def test_text_that_is_no_release_gives_none():
    assert parse_l4t("hello") is None


def test_arm_cores_are_named_by_their_part_number():
    assert cpu_model("processor\t: 0\nCPU part\t: 0xd07\n") == "Cortex-A57"
    assert cpu_model("model name\t: Some Chip 3000\n") == "Some Chip 3000"


def test_the_vector_extensions_that_decide_speed_are_listed():
    assert vector_extensions("flags\t\t: fpu avx avx2 fma\n") == ["avx", "fma", "avx2"]


def test_this_machine_can_be_described_as_plain_json():
    environment = collect()
    assert json.loads(json.dumps(environment, allow_nan=False)) == environment
    assert environment["memory"]["total_bytes"] > 0 and environment["cpu"]["cores"] >= 1


def test_the_heap_a_worker_runs_on_is_said_in_words():
    assert describe_heap(heap_environment("warm")).startswith("warm heap")
    assert describe_heap(heap_environment("pinned")).startswith("pinned heap")
    assert heap_environment("default") == {} and describe_heap({}).startswith("default heap")
    assert describe_heap({"MALLOC_ARENA_MAX": "1"}) == "set by the user: MALLOC_ARENA_MAX"
    assert set(heap_environment("warm")) == set(WARM_HEAP)
    with pytest.raises(ValueError, match="warm, pinned, default"):
        heap_environment("hot")
