import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from report_fixtures import HOSTILE, RecordBuilder, comparison, nano_run

from reports.findings import findings
from reports.formats import page
from reports.formats.style import read_template, style
from reports.formats.texts import gap_text, reasons_text, row_reason, sign, speed_text

VOID = {"meta", "wbr", "link", "col", "br", "input", "img"}


class Reader(HTMLParser):
    """Reads a page as a browser would find it without script: tags must nest, ids and links are kept."""

    def __init__(self, text):
        HTMLParser.__init__(self, convert_charrefs=True)
        self.open, self.ids, self.links, self.texts, self.scripts, self.tags = [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        self.links.extend(values[key] for key in ("href", "src", "srcset", "action", "data") if key in values)
        if tag == "script":
            self.scripts.append([values, ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, "</{}> closes {}".format(tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, text):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1] += text
        elif not self.open or self.open[-1] != "style":
            self.texts.append(text)

    def words(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="session")
def readers(pages):
    return {name: Reader(pages[name]) for name in pages}


def test_every_element_of_the_page_closes(readers):
    assert all(not reader.open for reader in readers.values())


def test_ids_are_unique_and_every_row_of_a_table_has_one(readers, found):
    for name, reader in readers.items():
        assert len(reader.ids) == len(set(reader.ids)), name
        for table in found[name].tables:
            assert table.key in reader.ids
            assert all(row.id in reader.ids for row in table.rows)


def test_the_page_asks_for_nothing_from_outside(pages, readers):
    for name, text in pages.items():
        outside = [link for link in readers[name].links if not link.startswith(("#", "data:,"))]
        assert outside == []
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
        assert "url(" not in style and "@import" not in style and "@font-face" not in style


def test_the_page_is_pure_ascii(pages):
    for text in pages.values():
        text.encode("ascii")


def test_style_and_script_are_ascii_by_themselves():
    for name in ("page.js", "page.css", "chart.css"):
        assert read_template(name)


def test_the_policy_allows_exactly_this_script(pages, readers):
    for name, text in pages.items():
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
        script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert len(script) == 1
        digest = base64.b64encode(hashlib.sha256(script[0].encode("ascii")).digest()).decode("ascii")
        # quotes around the source come as references: the parser gives what the browser sees
        seen = next(values["content"] for tag, values in readers[name].tags
                    if values.get("http-equiv") == "Content-Security-Policy")
        assert "script-src 'sha256-{}'".format(digest) in seen
        assert "default-src 'none'" in policy.replace("&#39;", "'")
        assert "\r" not in script[0]


def test_the_policy_comes_before_anything_it_must_govern(pages):
    for text in pages.values():
        assert text.index("Content-Security-Policy") < min(text.index("<style>"), text.index("<script"),
                                                           text.index("<title>"))


def test_the_numbers_in_the_page_are_those_of_the_data(readers, found):
    for name, reader in readers.items():
        data = json.loads(reader.scripts[0][1])
        assert reader.scripts[0][0]["type"] == "application/json"
        assert data["run"] == found[name].about.run
        for mine, theirs in zip(data["tables"], found[name].tables):
            for one, other in zip(mine["rows"], theirs.rows):
                assert one.get("speed") == (None if other.speed is None else pytest.approx(other.speed, rel=1e-5))
                assert one["state"] == other.state and one.get("reason") == row_reason(other)


def test_names_that_try_to_leave_their_place_are_shown_as_text(pages, readers, found):
    reader, text = readers["hostile"], pages["hostile"]
    assert len([1 for tag, _ in reader.tags if tag == "script"]) == 2
    assert "alert(1)</script>" not in text.replace("\\u003c", "")
    assert HOSTILE.replace("\x1b", "\ufffd") in "".join(reader.texts)
    data = json.loads(reader.scripts[0][1])
    assert data["tables"][0]["title"] == HOSTILE.replace("\x1b", "\ufffd")
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|\b49\b", reader.words())


def test_not_a_number_is_refused_here_and_not_in_the_browser(found):
    broken = found["nano"]._replace(about=found["nano"].about._replace(factor=float("nan")))
    with pytest.raises(ValueError):
        page.page_json(broken)


def test_every_verdict_word_stands_in_the_page_without_script(readers, found):
    words = readers["nano"].words()
    for row in (row for table in found["nano"].tables for row in table.rows):
        assert "{} {}".format(sign(row.state), row.state) in words
        assert (speed_text(row) or "").replace("\u202f", " ") in words.replace("\u202f", " ")
    assert readers["nano"].words().count("cannot tell") >= 3


def test_what_was_not_measured_shows_its_reason(readers, found):
    for name, reader in readers.items():
        words = reader.words()
        for table in found[name].tables:
            for row in table.rows:
                assert " ".join((row_reason(row) or "").split()) in words, row.id
            for gap in table.gaps + found[name].gaps:
                assert gap_text(gap) in words
        if found[name].no_energy:
            assert "Not measured: " + reasons_text(found[name].no_energy) in words


def test_missing_values_sort_last_because_they_carry_no_number(readers, found):
    cells = [values for tag, values in readers["broken"].tags if tag == "td" and values.get("data-c") == "memory"]
    assert [bool(values["data-s"]) for values in cells] == [False, True, False]


def test_the_page_says_what_weakens_the_run_before_the_tables(pages):
    text = pages["broken"]
    assert text.index("validity warnings") < text.index('id="speed"')
    assert "alidity warning" not in pages["nano"]


def test_a_run_still_going_on_is_loaded_again(found):
    assert '<meta http-equiv="refresh" content="5">' in page.render_page(found["nano"], refresh_s=5)
    assert "refresh" not in page.render_page(found["nano"])


def test_both_colour_schemes_and_print_are_in_the_style():
    rules = style()
    assert "prefers-color-scheme:dark" in rules and "[data-theme=dark]" in rules and "@media print" in rules
    assert "@media screen and (max-width" in rules and "@media (max-width" not in rules


def test_the_axes_of_two_tables_line_up(pages):
    groups = re.findall(r'<table class="cmp fixed[^>]*>\s*(<colgroup>.*?</colgroup>)', pages["nano"])
    assert len(groups) == 3 and len(set(groups)) == 1


def test_the_markdown_in_the_page_is_the_markdown_report(readers, found):
    from reports.formats.markdown import markdown

    assert markdown(found["nano"]) in "".join(readers["nano"].texts)


def test_a_page_with_seventy_comparisons_stays_under_a_megabyte(tmp_path):
    many = [comparison("c{}".format(i), "{} channels".format(8 * (i + 1)), "conv3x3", ("a", "b", "c", "d"),
                       options=(("sweep", "s{}".format(i % 10)), ("sweep_axis", "n"), ("sweep_value", i + 1)))
            for i in range(70)]
    build = RecordBuilder(tmp_path, many)
    for one in many:
        build.verify(one.id)
        build.time(one.id, {case.slug: 1e-3 * (1 + 0.3 * i) for i, case in enumerate(one.cases)}, launches=2,
                   rounds=12)
        build.memory(one.id, {case.slug: 10 ** 7 for case in one.cases})
    build.end()
    text = page.render_page(findings(build.load(), published=()))
    assert len(text) < 10 ** 6
    assert "in <code>tables/memory.csv</code>" in text and "Drawn only where a verdict is in doubt" in text


def test_a_page_of_the_papers_size_with_traces_stays_under_400_kb(tmp_path):
    run = nano_run(tmp_path)
    assert len(page.render_page(findings(run, published=()))) < 400000


def test_a_page_of_several_runs_says_which_run_its_parts_are_from(runs, found, tmp_path):
    other = nano_run(tmp_path, energy=False, ident="other")
    text = page.render_page(findings(runs["nano"], published=(), others=[other]))
    assert "of run " not in page.render_page(found["nano"])
    assert "and 1 more run; side by side under" in text
    heads = re.findall(r"<h2 id=.(\w+).>(.*?)</h2>", text)
    told = [name for name, words in heads if "of run " + found["nano"].about.run in words]
    assert len(told) > 5 and [name for name, _ in heads if name not in told] == ["devices"]


def test_what_a_whole_table_was_not_measured_for_is_said_once_and_not_in_every_row(tmp_path):
    plan = [comparison("a", "A", "conv", ("wht",)), comparison("b", "B", "conv", ("wht",))]
    build = RecordBuilder(tmp_path, plan)
    for one in plan:
        build.verify(one.id)
        build.time(one.id, {"conv": 2e-3, "wht": 1e-3})
    build.memory("a", {"conv": 10 ** 7, "wht": 10 ** 6})
    build.end()
    found = findings(build.load(), published=())
    text = page.render_page(found)
    table = text.split('id="b"')[1].split("</table>")[0]
    reason = gap_text(found.tables[1].gaps[0])
    assert found.tables[1].gaps[0].what == "memory" and not found.tables[1].has_memory
    assert table.count('class="num memory why blank"') == 2 and "ended before" not in table
    assert reason + "." in text.split('id="b"')[1].split("</table>", 1)[1]


def test_a_cell_of_words_is_laid_out_by_its_length():
    assert page.cell_class("", "goal") == "blank"
    assert page.cell_class("\u2713 met", "verdict") == "short"
    assert page.cell_class("the fastest itself", "beside the fastest of all") == "wrapcell full"
    assert page.cell_class("[0.341, 0.468]", "interval") == "short"


def test_a_long_name_breaks_behind_its_joints_and_a_number_nowhere():
    assert page.breakable("changed: roof.bytes_by_size.1048576, <b>") == (
        "changed: roof.<wbr>bytes_<wbr>by_<wbr>size.<wbr>1048576, &lt;b&gt;")
    assert page.breakable("[123.7,\u00a0130.0] of a_b/c at 10x1024x32x32") == (
        "[123.7,\u00a0130.0] of a_b/c at 10x1024x32x32")
    assert page.breakable("results/reference/<script>.html") == "results/<wbr>reference/&lt;script&gt;.html"


def test_a_heading_does_not_say_its_section_again():
    from reports.formats.sheet import Sheet
    sheet = Sheet("k", "Engine by engine", "Engine by engine: 1x1", (), (), (), ())
    assert page.below_section(sheet) == "1x1"
    assert page.below_section(sheet._replace(title="Largest batch in 4 GB")) == "Largest batch in 4 GB"


def test_a_kind_of_memory_that_no_table_has_is_said_once(found, pages):
    from reports.formats.memory_words import common_memory_gaps

    tables = found["sweep"].memory_tables
    lacking = common_memory_gaps(tables)
    assert lacking and len(tables) > 1
    shown = pages["sweep"].split('id="memory"')[1].split('id="energy"')[0]
    assert all(shown.count(gap_text(gap) + ".") == 1 for gap in lacking)
    one = tables[0]._replace(gaps=lacking[1:])
    assert common_memory_gaps((one,) + tuple(tables[1:])) == lacking[1:]
