"""A page of a run that goes on loads itself again, and stands still for a reader who says so."""

import io
import json
import os
import re
import subprocess

import pytest
from report_fixtures import RecordBuilder, comparison
from test_reports_browser import CHROMIUM, FLAGS

from reports.findings import findings
from reports.formats.page import render_page
from reports.server import answers
from reports.server.answers import listed
from reports.server.library import Library
from tests.patience import LONG_S

pytestmark = [pytest.mark.browser,
              pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: the page was not opened")]

OUTER = """<!doctype html><body><iframe src="inner.html" style="width:1000px;height:800px"></iframe><pre id=out></pre>
<script>var frame = document.querySelector("iframe"), loads = 0;
frame.onload = function () { loads += 1; if (HOLD && loads === 2) {
  frame.contentDocument.querySelector("[data-refresh] + button").click(); } };
setTimeout(function () { out.textContent = JSON.stringify(
  [loads, frame.contentDocument.querySelector("[data-refresh]").textContent]); }, 6500);</script>"""


def watched(page, folder, hold):
    """Return how often ``page`` was loaded in 6.5 s of the browser's own clock, and what it says of that then."""
    for name, text in (("inner", page), ("outer", OUTER.replace("HOLD", str(hold).lower()))):
        with io.open(os.path.join(str(folder), name + ".html"), "w", encoding="ascii") as file:
            file.write(text)
    ran = subprocess.run([CHROMIUM] + FLAGS + [
        "--allow-file-access-from-files", "--user-data-dir=" + os.path.join(str(folder), "profile"),
        "--virtual-time-budget=10000", "--dump-dom", "file://" + os.path.join(str(folder), "outer.html")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG_S)
    out = re.search(r'<pre id="out">(.*?)</pre>', ran.stdout.decode("utf-8")).group(1)
    return json.loads(out)


@pytest.fixture(params=["page", "list"])
def live(request, tmp_path, monkeypatch):
    builder = RecordBuilder(tmp_path / "live", [comparison("one", "64 channels", "conv1x1", ["fwht fused"])])
    if request.param == "list":
        monkeypatch.setattr(answers, "REFRESH_S", 1)
        page = listed(Library(str(tmp_path)), 0)
    else:
        page = render_page(findings(builder.load(), published=()), 1, live="Running: 0 of 3 units.")
    builder.writer.close()
    return page


def test_it_loads_itself_again_until_it_is_held_still(live, tmp_path):
    loads, said = watched(live, tmp_path, hold=False)
    assert loads >= 4 and said == "This page loads itself again every 1 s."
    loads, said = watched(live, tmp_path, hold=True)
    assert loads == 2 and said == "This page is held still."
