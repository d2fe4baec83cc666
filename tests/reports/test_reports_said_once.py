"""What several cases or columns of a recorded run have in common is said once, and nothing is said of nothing."""

import glob
import os
import re

import pytest

from harness.record import load_run
from reports.findings import findings
from reports.formats.page import render_page

REFERENCE = os.path.join(os.path.dirname(__file__), "..", "..", "results", "reference")


def of(suite):
    return [load_run(path) for path in sorted(glob.glob(os.path.join(REFERENCE, "*-{}-*".format(suite))))]


def test_a_remark_on_many_cases_stands_once_under_their_table():
    page = render_page(findings(of("calibration")[-1]))
    told = re.findall(r'<p class="absent">([^<]*) not checked: a load of known size[^<]*</p>', page)
    assert told and max(one.count(", ") for one in told) > 5
    assert len(told) < len(re.findall('class="group"', page))


@pytest.mark.parametrize("suite", ["paper", "runtimes"])
def test_a_reason_that_all_kinds_of_memory_share_stands_in_one_cell(suite):
    page = render_page(findings(of(suite)[-1]))
    table = page[page.index('<h2 id="memory">'):page.index('<h2 id="energy">')]
    for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL):
        cells = re.findall(r'<td class="num wrapcell why"[^>]*>(.*?)</td>', row)
        assert len(cells) < 2 or len(set(cells)) > 1 or len(re.findall("<td", row)) > len(cells), row[:200]


def test_a_cell_beside_other_runs_says_no_none():
    first, second = of("layers")[-2:]
    page = render_page(findings(first, others=[second]))
    assert "baseline" in page and not re.search(r">\s*None\s*<", page)
