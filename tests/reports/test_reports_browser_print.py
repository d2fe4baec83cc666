"""Recorded runs on paper: Chromium prints them, pdftotext says what stands where."""

import io
import os
import re
import shutil
import subprocess
from collections import Counter
from typing import List, NamedTuple, Tuple

import pytest
from test_reports_browser import CHROMIUM, FLAGS
from test_reports_browser_records import kept, newest

from reports.findings import findings
from reports.findings.compared import compared
from reports.formats.compare_files import html_text
from reports.formats.page import render_page
from reports.summaries.reading import Summaries
from tests.patience import LONG_S

pytestmark = [pytest.mark.browser, pytest.mark.skipif(
    CHROMIUM is None or shutil.which("pdftotext") is None, reason="no Chromium or no pdftotext: nothing was printed")]


class Page(NamedTuple):
    """A sheet: its width in points, each word with its right end and height in points, its lines of text."""

    width: float
    words: List[Tuple[float, float, str]]
    lines: List[str]


def printed(page, folder, paper):
    """Return the pages of ``page`` printed on ``paper``."""
    with io.open(os.path.join(str(folder), "page.html"), "w", encoding="ascii") as file:
        file.write(page.replace("<style>", "<style>@page{size:%s}" % paper, 1))
    pdf = os.path.join(str(folder), "page.pdf")
    subprocess.run([CHROMIUM] + FLAGS + ["--user-data-dir=" + os.path.join(str(folder), "profile"),
                                         "--no-pdf-header-footer", "--print-to-pdf=" + pdf,
                                         "file://" + os.path.join(str(folder), "page.html")],
                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG_S, check=True)
    boxes, texts = (subprocess.run(["pdftotext", option, pdf, "-"], stdout=subprocess.PIPE, check=True).stdout.decode(
        "utf-8") for option in ("-bbox", "-layout"))
    return [Page(float(re.search(r'width="([\d.]+)"', box).group(1)),
                 [(float(right), float(bottom) - float(top), word) for top, right, bottom, word in re.findall(
                     r'yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)<', box)],
                 [" ".join(line.split()) for line in text.split("\n") if line.strip()])
            for box, text in zip(re.findall(r"<page .*?</page>", boxes, re.DOTALL), texts.split("\f"))]


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """The longest tables there are, of a reader who works in the dark, on A4."""
    page = render_page(findings(newest("runtimes"))).replace('<html lang="en">', '<html lang="en" data-theme="dark">')
    folder = tmp_path_factory.mktemp("print")
    return folder, page, printed(page, folder, "A4")


def assert_set_in_type_for_paper(sheets):
    """Browsers shrink what is too wide for the paper: nothing is ever cut off, but nobody can read it.

    By its font a word of 7.5 points, the least used, is 8.3 to 10.2 high; one of 8.5, as in tables, 9.4 to 11.6.
    """
    heights = Counter(round(height, 1) for page in sheets for _, height, _ in page.words)
    assert min(heights) > 7.8 and heights.most_common(1)[0][0] < 11.9
    assert [word for page in sheets for right, _, word in page.words if right > page.width] == []


def test_a_printed_run_is_neither_as_large_as_on_a_screen_nor_shrunk_to_the_paper(runtimes):
    assert {round(page.width) for page in runtimes[2]} <= {595, 596}
    assert_set_in_type_for_paper(runtimes[2])


def test_what_only_a_screen_can_use_is_not_printed(runtimes):
    lines = [line for page in runtimes[2] for line in page.lines]
    assert [line for line in lines if re.search("Copy as Markdown|Light / dark|Find a|^.?.?Contents$", line)] == []


def test_a_table_that_goes_on_overleaf_has_all_its_headings_again(runtimes):
    began = [page for page in runtimes[2] if any("Verdict" in line for line in page.lines)]
    again = [page for page in began if "Verdict" in " ".join(page.lines[:3])]
    assert again, "no table went on overleaf: this test saw nothing"
    heads = [{"Rival", "Speed", "Median", "Memory"}, {"Rival", "Speed", "Next", "step"}]  # of cases, of close calls
    for page in again:
        assert any(head <= set(" ".join(page.lines[:3]).split()) for head in heads), page.lines[:3]


def test_no_heading_is_the_last_thing_on_a_sheet(runtimes):
    _, html, sheets = runtimes
    plain, cells = (within(html, names) for names in ("h2|h3|summary", "td|th"))
    assert len(plain) > 20
    last = [page.lines[-1].lstrip(u"\u25be\u25bc ") for page in sheets[:-1]]
    # Lines of a wrapped heading are told from those of a cell that names a comparison by there being no such cell.
    assert [line for line in last if not any(cell.endswith(line) for cell in cells) and any(
        heading == line or len(line) > 15 and heading.endswith(line) for heading in plain)] == []


def within(html, names):
    """Return the text of each element that has one of ``names``."""
    return [" ".join(re.sub(r"<[^>]*>", " ", one).replace("&#215;", "x").split())
            for one in re.findall(r"<(?:{0})\b[^>]*>(.*?)</(?:{0})>".format(names), html, re.DOTALL)]


def test_a_page_read_in_the_dark_is_printed_on_white(runtimes):
    drawn = subprocess.run(["pdftoppm", "-r", "8", "-gray", "-f", "2", "-l", "2",
                            os.path.join(str(runtimes[0]), "page.pdf")], stdout=subprocess.PIPE, check=True).stdout
    pixels = drawn[-(len(drawn) - 30):]
    assert sorted(pixels)[len(pixels) // 2] > 240


def test_a_printed_comparison_breaks_no_name_and_is_not_shrunk_to_the_paper(tmp_path):
    found = compared([Summaries().summary(path) for path in (kept("layers") + kept("debut"))[:3]])
    sheets = printed(html_text(found), tmp_path, "letter")
    words = {word for page in sheets for _, _, word in page.words}
    assert {"memory.total_bytes", "python.packages.nvidia-ml-py", "git.commit"} <= words
    assert_set_in_type_for_paper(sheets)
