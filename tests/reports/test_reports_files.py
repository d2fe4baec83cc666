import csv
import filecmp
import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from report_fixtures import HOSTILE, RecordBuilder, comparison

from reports.__main__ import default_folder, main
from reports.findings import as_data, findings
from reports.findings.published import Published, PublishedRow, Quantity
from reports.formats import publication, publication_drawing
from reports.formats.drawing import Charts
from reports.formats.figures import all_figures, comparison_figure
from reports.formats.files import Options
from reports.formats.markdown import markdown
from reports.formats.svg.palette import LIGHT
from reports.formats.tables import csv_text, energy_csv, guarded, memory_csv, samples_csv, speed_csv

SVG = "{http://www.w3.org/2000/svg}"


def tree(folder):
    found = []
    for base, _, names in os.walk(str(folder)):
        found.extend(os.path.relpath(os.path.join(base, name), str(folder)) for name in names)
    return sorted(found)


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def small(tmp_path):
    build = RecordBuilder(tmp_path / "run", [comparison("a", "A, 8x8", "conv", ("wht fused", "wht torch"))])
    build.verify("a")
    build.time("a", {"conv": 2e-3, "wht-fused": 1e-3, "wht-torch": 2.002e-3}, rounds=12)
    build.memory("a", {"conv": 10 ** 7, "wht-fused": 5 * 10 ** 6, "wht-torch": 10 ** 7})
    build.energy("a", {"conv": 4e-3, "wht-fused": 2e-3})
    build.end()
    return build.load()


def test_the_report_is_the_same_byte_for_byte_wherever_it_is_made(small, tmp_path, capsys, monkeypatch):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    assert main([small.folder, "--out", one]) == 0
    monkeypatch.chdir(os.path.dirname(str(tmp_path)))
    assert main([small.folder, "--out", other]) == 0
    capsys.readouterr()
    names = tree(one)
    assert names == tree(other)
    assert filecmp.cmpfiles(one, other, names, shallow=False)[1:] == ([], [])


def test_the_reports_hold_no_path_and_no_time_of_this_machine(small, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main([small.folder, "--out", out]) == 0
    capsys.readouterr()
    for name in tree(out):
        if name.endswith((".html", ".md", ".csv", ".svg")):
            with io.open(os.path.join(out, name), encoding="utf-8") as file:
                text = file.read()
            assert str(tmp_path) not in text, name
            assert not re.search(r"<dc:date>", text), name


def test_a_run_gets_page_markdown_tables_and_figures_in_its_own_folder(small, capsys):
    assert main([small.folder]) == 0
    out = capsys.readouterr().out
    names = tree(small.folder)
    for name in ("report.html", "report.md", "tables/speed.csv", "tables/memory.csv", "tables/energy.csv",
                 "tables/samples.csv", "figures/speed-a.svg", "figures/samples-a.svg", "figures/close-calls.svg",
                 "figures/trace-a-conv.svg"):
        assert name in names
    assert "wht fused is" in out and "report.html" in out


def test_a_single_format_writes_that_alone(small, tmp_path, capsys):
    assert main([small.folder, "--format", "markdown", "--out", str(tmp_path / "md")]) == 0
    assert main([small.folder, "--format", "html", "--out", str(tmp_path / "html")]) == 0
    assert main([small.folder, "--format", "terminal", "--out", str(tmp_path / "none")]) == 0
    assert main([small.folder, "--no-figures", "--out", str(tmp_path / "plain")]) == 0
    capsys.readouterr()
    assert (tree(tmp_path / "md"), tree(tmp_path / "html")) == (["report.md"], ["report.html"])
    assert not os.path.exists(str(tmp_path / "none"))
    assert not [name for name in tree(tmp_path / "plain") if name.startswith("figures")]


def test_a_folder_without_a_run_is_one_sentence_and_status_2(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "holds no record.jsonl" in capsys.readouterr().err


def test_every_kind_of_run_yields_all_its_files(runs, tmp_path, capsys):
    for name in runs:
        assert main([runs[name].folder, "--out", str(tmp_path / name), "--no-figures"]) == 0
        assert "report.html" in tree(tmp_path / name)
    capsys.readouterr()


def test_the_speed_table_has_full_numbers_and_units_in_its_heads(found):
    rows = {row["case"]: row for row in read_csv(speed_csv(found["nano"]))}
    row = rows["64ch/fwht-fused"]
    exact = next(r for r in found["nano"].tables[0].rows if r.case == "64ch/fwht-fused")
    assert float(row["speed_ratio"]) == pytest.approx(exact.speed, rel=1e-11)
    assert float(row["median_s"]) == pytest.approx(exact.median_s, rel=1e-11)
    assert rows["256ch/butterfly"]["median_s"] == "" and "largest error" in rows["256ch/butterfly"]["reason"]


def test_the_memory_table_gives_a_reason_for_every_blank(found):
    for row in read_csv(memory_csv(found["broken"])):
        for key in row:
            if key.endswith("_bytes"):
                assert row[key] or row[key + "_reason"], (row["case"], key)


def test_the_energy_table_gives_a_reason_for_every_blank(found):
    for name in found:
        for row in read_csv(energy_csv(found[name])):
            assert row["energy_per_call_j"] or row["reason"], row


def test_the_samples_table_holds_every_sample_with_its_place(small):
    rows = read_csv(samples_csv(findings(small, published=())))
    assert len(rows) == 4 * 12 * 2 * 4                   # launches, rounds, halves, entrants
    first = small.launches("a")[0].series[0].rounds[0]
    assert [float(row["sample_s"]) for row in rows[:8]] == pytest.approx(first.sample_s, rel=1e-11)
    assert {row["half"] for row in rows[:4]} == {"1"} and {row["half"] for row in rows[4:8]} == {"2"}
    assert [row["copy"] for row in rows[:4]].count("True") == 1


def test_no_cell_of_a_spreadsheet_is_a_formula(found):
    assert guarded("=1+1") == "'=1+1" and guarded("conv") == "conv" and guarded(-2) == -2
    assert not [row for row in read_csv(speed_csv(found["hostile"])) if row["name"].startswith("=")]
    assert csv_text(("a",), [[None], [0.1]]) == "a\n\"\"\n0.1\n"


def test_stand_alone_figures_need_no_style_sheet_and_no_font_of_ours(found):
    for name in found:
        for file, svg in all_figures(found[name]):
            root = ElementTree.fromstring(svg.encode("utf-8"))
            assert root.tag == "{http://www.w3.org/2000/svg}svg", file
            assert root.get("viewBox") and "var(" not in svg
            assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
            assert LIGHT["ink"] in svg


def test_every_chart_of_the_page_is_a_figure_too(found):
    names = set(dict(all_figures(found["nano"])))
    assert len([name for name in names if name.startswith("speed-")]) == 3
    assert len([name for name in names if name.startswith("samples-")]) == 3
    assert len([name for name in names if name.startswith("trace-")]) == 17
    names = set(dict(all_figures(found["sweep"])))
    assert "crossover-3x3-batch-10-channels-conv-3x3.svg" in names
    assert len([name for name in names if name.startswith("roofline-")]) == len(found["sweep"].rooflines) > 0


def test_markdown_tables_survive_any_name(found):
    for name in found:
        for line in markdown(found[name]).split("\n"):
            if line.startswith("|"):
                cells = len(re.findall(r"(?<!\\)\|", line)) - 1
                assert cells >= 2
    text = markdown(found["hostile"])
    assert "<script" not in re.sub(r"\\<", "", text) and HOSTILE.split("|")[0] not in text


def test_markdown_says_what_the_page_says(found):
    text = markdown(found["nano"])
    assert text.startswith("# On this Jetson Nano fwht fused is 1.83")
    assert "\u25b2 faster | 1.83\u00d7 faster | \\[1.80, 1.94\\]" in text
    assert "wrong: largest error 3.1e-02" in text


def test_without_matplotlib_the_run_ends_well_and_says_so(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main([small.folder, "--out", str(tmp_path / "out")]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert not [name for name in tree(tmp_path / "out") if name.endswith((".png", ".pdf"))]


def test_publication_figures_come_as_pdf_svg_and_png_with_a_caption(small, tmp_path):
    pytest.importorskip("matplotlib")
    made = publication.make(findings(small, published=()), Options())
    files = dict(made.files)
    assert made.notes == ()
    assert sorted(os.path.basename(name) for name in files) == sorted(["captions.md"] + [
        "{}-a.{}".format(kind, end) for kind in ("advantage", "memory", "time") for end in ("pdf", "png", "svg")])
    pdf = files["figures/time-a.pdf"]
    assert b"CreationDate" not in pdf and b"/Type3" not in pdf
    for part in ("P5 to P95", "4 launches", "samples in", "steady protocol", "torch 1.10.0", "commit 0123",
                 "signed-rank interval at 99", "Jetson Nano"):
        assert part in files["figures/captions.md"], part


def test_a_baselines_bar_is_told_from_a_rivals_in_grey_print(small):
    matplotlib = pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    figure, = [one for one in publication.figures_of(findings(small, published=()), findings(small, published=(
        )).tables[0]) if one.kind == "time"]
    drawn = dict(publication_drawing.draw(matplotlib, figure))["png"]
    grey = image.open(io.BytesIO(drawn)).convert("L")
    inside = int((publication_drawing.LABELS_IN + 0.15) * 300)
    base, rival = (grey.getpixel((inside, int((publication_drawing.TOP_IN + publication_drawing.ROW_IN * (
        place + 0.5)) * 300))) for place in range(2))
    assert figure.bars[0].baseline and rival < 160 < base - 20 < 230, (base, rival)


def test_more_comparisons_than_a_board_should_draw_are_left_out_and_said(found):
    pytest.importorskip("matplotlib")
    made = publication.make(found["nano"], Options(figures=1))
    assert {os.path.basename(name).split(".")[0] for name, _ in made.files} == {
        "advantage-64ch", "time-64ch", "memory-64ch", "captions"}
    assert made.notes == (
        "Figures for papers were made of the first 1 of 3 comparisons: --all-figures makes the rest.",)


def test_bars_carry_median_and_percentiles_and_the_published_number_apart(small):
    found = findings(small, published=())
    row = found.tables[0].rows[1]
    printed = Published("a", "wht-fused", Quantity.TIME, 1197.3, "ms", "", "", "", "", "")
    found = found._replace(published=(PublishedRow(row.case, row.name, "A", printed, row.median_s),))
    bars = publication.time_bars(found, found.tables[0])
    assert [bar.published for bar in bars] == [False, False, True, False]
    assert (bars[1].value, bars[1].low, bars[1].high) == row.times[:3]
    assert bars[2].text == "1.20\u202fs published" and bars[2].low is None


def test_no_name_runs_into_its_verdict_and_no_heading_leaves_its_figure(small):
    found = findings(small, published=())
    table = found.tables[0]
    long = "a form of a layer that somebody named at length"
    table = table._replace(title="1x1 convolution: 1024 channels, 32x32, batch 10, 2 threads, in every engine " * 2,
                           rows=table.rows[:1] + (table.rows[1]._replace(name=long),) + table.rows[2:])
    root = ElementTree.fromstring(comparison_figure(Charts(found), table).split("\n", 1)[1])
    texts = [(one.text, float(one.get("x").rstrip("%")), one.get("class")) for one in root.iter(SVG + "text")]
    names = {words: x for words, x, _ in texts}
    verdict = min(x for _, x, kind in texts if kind.startswith("word"))
    assert verdict - names[long] > 7.0 * len(long)
    headings = [words for words, _, kind in texts if kind == "title"]
    assert len(headings) > 1 and max(map(len, headings)) * 9.0 < float(root.get("width"))
    assert " ".join(headings).startswith(" ".join(table.title.split()))


def test_times_further_apart_than_ten_are_dots_on_a_logarithmic_axis_and_others_bars_from_zero(small):
    found = findings(small, published=())
    near, = [one for one in publication.figures_of(found, found.tables[0]) if one.kind == "time"]
    rows = found.tables[0].rows
    slow = rows[-1]._replace(times=rows[-1].times._replace(median_s=40 * rows[0].median_s, p5_s=39 * rows[0].median_s,
                                                           p95_s=41 * rows[0].median_s))
    far, = [one for one in publication.figures_of(found, found.tables[0]._replace(rows=rows[:-1] + (slow,)))
            if one.kind == "time"]
    assert near.span is None and " Bar: " in near.caption
    assert far.span[0] < min(bar.low for bar in far.bars) and far.span[1] > max(bar.high for bar in far.bars)
    assert "(log)" in far.label and " Dot: " in far.caption and len(far.ticks) > 1


def test_a_figure_of_speed_has_the_interval_of_every_rival_around_its_dot(small):
    found = findings(small, published=())
    figure, = [one for one in publication.figures_of(found, found.tables[0]) if one.kind == "advantage"]
    assert [bar.name for bar in figure.bars] == [row.name for row in found.tables[0].rows if not row.baseline]
    assert figure.none == 1.0 and all(
        figure.span[0] < bar.low <= bar.value <= bar.high < figure.span[1] for bar in figure.bars)


def test_every_mark_of_a_dot_figure_sits_at_its_value_and_its_number_beside_the_axis(small):
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure as Sheet
    found = findings(small, published=())
    figure, = [one for one in publication.figures_of(found, found.tables[0]) if one.kind == "advantage"]
    axes = Sheet().add_subplot(111)
    publication_drawing._dots(axes, figure, figure.span)
    drawn = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert drawn == [bar.value for bar in figure.bars] and axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == [bar.text.replace("\u202f", " ") for bar in figure.bars]
    assert matplotlib


def test_names_with_braces_break_no_caption(small):
    found = findings(small, published=())
    table = found.tables[0]._replace(title="{0} {x} {}")
    assert all("{0} {x} {}" in one.caption for one in publication.figures_of(found, table))


def test_matplotlib_versions_are_compared_as_numbers():
    class Old:
        __version__ = "2.1.2"

    class New:
        __version__ = "3.11.0rc1"

    assert publication_drawing.version_of(Old) < (3, 3) < publication_drawing.version_of(New)


def test_json_is_the_findings_as_they_are(small, tmp_path, capsys):
    assert main([small.folder, "--format", "json", "--out", str(tmp_path)]) == 0
    assert main([small.folder, "--format", "json", "--out", "-"]) == 0
    capsys.readouterr()
    with io.open(str(tmp_path / "report.json"), encoding="utf-8") as file:
        data = json.load(file)
    assert data == json.loads(json.dumps(as_data(findings(small))))
    row = data["tables"][0]["rows"][1]
    assert row["state"] == "faster" and row["verdict"]["launches"][0]["stopped"]["code"] == "all-decided"
    assert "launches" not in data and "sample_s" not in json.dumps(data)


def test_json_goes_to_standard_output_alone(small):
    found = subprocess.run([sys.executable, "-m", "reports", small.folder, "--format", "json", "--out", "-"],
                           stdout=subprocess.PIPE)
    assert found.returncode == 0 and json.loads(found.stdout.decode("utf-8"))["about"]["run"] == small.id


def test_several_runs_go_to_a_folder_of_their_own_and_never_among_reference_runs(small, runs):
    here = os.path.dirname(small.folder)
    one, other = default_folder([small, runs["nano"]]), default_folder([small, runs["sweep"]])
    assert default_folder([small]) == small.folder
    assert os.path.dirname(one) == here and one != other
    small.folder = os.path.join(here, "reference", "run")
    assert os.path.dirname(default_folder([small, runs["nano"]])) == here
