"""Who may import whom, read from every import in the source (CONTRIBUTING, "Where things live")."""

import os

import pytest
from import_graph import circles, graph, read_module, read_project, rooms

PROJECT = read_project()
ARROWS = graph(PROJECT)
#: What the root of the program is made of: it alone in ``harness`` knows suites and reports.
ROOT_MODULES = ("harness.app", "harness.__main__")


def part_of(name, *packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def imports_of(*packages, **without):
    return [(module.name, name) for module in PROJECT for name in sorted(module.imports)
            if part_of(module.name, *packages) and not part_of(module.name, *without.get("without", ()))]


def test_harness_knows_neither_suites_nor_reports_but_in_its_root():
    wrong = [arrow for arrow in imports_of("harness", without=ROOT_MODULES) if part_of(arrow[1], "suites", "reports")]
    assert wrong == []


def test_harness_names_no_suite_in_a_text_either():
    wrong = [(module.name, text) for module in PROJECT for text in sorted(module.texts)
             if part_of(module.name, "harness") and not part_of(module.name, *ROOT_MODULES)
             and text.startswith(("suites.", "reports.", "suites:", "reports:"))]
    assert wrong == []


def test_nothing_else_in_harness_nor_any_suite_or_report_imports_the_root():
    wrong = [arrow for arrow in imports_of("harness", "suites", "reports", without=ROOT_MODULES)
             if part_of(arrow[1], *ROOT_MODULES)]
    assert wrong == []


def test_reports_and_suites_meet_in_the_record_alone():
    assert [arrow for arrow in imports_of("reports") if part_of(arrow[1], "suites")] == []
    assert [arrow for arrow in imports_of("suites") if part_of(arrow[1], "reports")] == []


def test_no_report_imports_torch_not_even_by_way_of_harness():
    reached = {module.name for module in PROJECT if part_of(module.name, "reports")}
    while True:
        further = reached | {name for start in reached for name in ARROWS[start]}
        if further == reached:
            break
        reached = further
    wrong = [(module.name, name) for module in PROJECT if module.name in reached for name in sorted(module.imports)
             if part_of(name, "torch")]
    assert wrong == []


def test_the_system_room_stands_on_nothing_else_in_the_project():
    wrong = [arrow for arrow in imports_of("harness.system") if part_of(arrow[1], "harness", "suites", "reports")
             and not part_of(arrow[1], "harness.system")]
    assert wrong == []


def test_nvml_and_the_cuda_driver_have_one_door_each():
    importing = {name for name, imported in imports_of("harness") if part_of(imported, "pynvml")}
    assert importing == {"harness.system.nvml"}
    named = {module.name for module in PROJECT if part_of(module.name, "harness")
             and any("libcuda" in text for text in module.texts)}
    assert named == {"harness.system.cuda_gpu"}


def test_no_modules_import_one_another_in_a_circle():
    assert circles(ARROWS) == []


def test_no_rooms_import_one_another_in_a_circle():
    assert circles(rooms(ARROWS)) == []


@pytest.mark.parametrize("text, imports", [
    ("import b.c", {"b.c"}), ("from b import c", {"b", "b.c"}), ("from . import c", {"a", "a.c"}),
    ("from .c import d", {"a.c", "a.c.d"}), ("def f():\n    import b", {"b"}),
    ("try:\n    import b\nexcept ImportError:\n    import c", {"b", "c"}),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b", {"typing", "typing.TYPE_CHECKING"}),
])
def test_the_reader_of_imports_sees_each_form(tmp_path, text, imports):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "m.py").write_text(text)
    assert read_module(str(tmp_path / "a" / "m.py"), str(tmp_path)).imports == imports


def test_a_circle_through_a_function_is_found_and_a_package_above_is_none(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    texts = {"__init__": "from p.a import A", "a": "def f():\n    from p import b", "b": "from p.a import A",
             "c": "from p import a"}
    for name, text in texts.items():
        (folder / (name + ".py")).write_text(text)
    assert circles(graph(read_project(str(tmp_path), ("p",)))) == [["p.a", "p.b"]]


def test_every_source_file_is_read():
    names = {module.name for module in PROJECT}
    assert len(PROJECT) > 150
    assert {"harness", "harness.app.cli", "suites.kernels.cuda.launch", "reports.formats.page"} <= names
    assert os.sep not in PROJECT[0].name
