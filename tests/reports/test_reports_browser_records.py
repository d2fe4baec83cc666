"""The pages of recorded runs in Chromium, at four widths at once: what runs over, off or into something else."""

import glob
import io
import json
import os
import re
import subprocess

import pytest
from test_reports_browser import CHROMIUM, FLAGS, PROBE, allowed

from harness.record import load_run
from reports.findings import findings
from reports.findings.compared import compared, summary_of
from reports.formats.compare_files import html_text
from reports.formats.page import render_page
from reports.server.answers import listed
from reports.server.library import Library
from tests.patience import LONG_S

pytestmark = [pytest.mark.browser,
              pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: the page was not opened")]

WIDTHS = (320, 768, 1280, 2560)
REFERENCE = os.path.join(os.path.dirname(__file__), "..", "..", "results", "reference")

#: Notes into ``seen`` what a reader would stumble over.
LOOK = """
  function all(what, from) { return Array.prototype.slice.call((from || document).querySelectorAll(what)); }
  function box(e) { return e.getBoundingClientRect(); }
  function touch(a, b) { return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4; }
  seen.cells = all("main td, main th").filter(function (t) {
    return t.clientWidth > 1 && t.scrollWidth > t.clientWidth + 1 && !t.classList.contains("plot");
  }).map(function (t) { return t.textContent.trim().slice(0, 60); });
  seen.off = all("svg text").filter(function (t) {
    var b = box(t); return b.width && (b.left < 0 || b.right > innerWidth);
  }).map(function (t) { return t.textContent; });
  // words of two cells in one line that only a reader who knows them could part
  function words(e) {
    var range = document.createRange(); range.selectNodeContents(e); return range.getBoundingClientRect(); }
  seen.joined = all("main td + td").filter(function (t) { return t.textContent.trim() && !t.querySelector("svg") &&
    !t.previousElementSibling.querySelector("svg"); }).map(function (t) {
    return [words(t.previousElementSibling), words(t), t.textContent.trim().slice(0, 40)];
  }).filter(function (three) {
    var a = three[0], b = three[1];
    return a.width && b.width && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4 &&
      b.left >= a.left && b.left - a.right < 4; }).map(function (three) { return three[2]; });
  seen.over = [];
  all("svg").forEach(function (chart) {
    if (chart.parentNode.closest("svg")) { return; }
    var cell = chart.closest("td"), texts = all("text", chart).filter(function (t) { return box(t).width; });
    // words beside a chart in the same row are as much in its way as its own
    if (cell) { texts = texts.concat(all(".word, b, small", cell.parentNode).filter(function (e) {
      return box(e).width && !e.closest(".spoken"); })); }
    texts.forEach(function (t, i) { texts.slice(0, i).forEach(function (o) {
      if (!t.contains(o) && !o.contains(t) && touch(box(t), box(o))) {
        seen.over.push([t.textContent.slice(0, 40), o.textContent.slice(0, 40)]); } }); });
  });
"""


#: Gathers what the frames wrote into their titles.
OUTER = """<pre id=out></pre><script>addEventListener("load", function () {
  var n = 0, timer = setInterval(function () {
    var titles = Array.prototype.map.call(document.querySelectorAll("iframe"),
      function (f) { return f.contentDocument.title; });
    if (titles.every(function (t) { return t.charAt(0) === "{"; }) || n++ > 200) {
      clearInterval(timer); out.textContent = "[" + titles.join(",") + "]"; } }, 50); });</script>"""


def looked_at(page, folder, script=LOOK, widths=WIDTHS):
    """Return by width what ``script`` noted in ``seen``: one Chromium, a frame for each width."""
    if "script-src" not in page:                          # a page without a script has no policy for one
        page = page.replace("default-src 'none';", "default-src 'none'; script-src 'none';", 1)
    with io.open(os.path.join(str(folder), "inner.html"), "w", encoding="ascii") as file:
        file.write(allowed(page, PROBE % script))
    frames = "".join("<iframe src='inner.html' style='border:0;width:{}px;height:900px'></iframe>".format(width)
                     for width in widths)
    with io.open(os.path.join(str(folder), "outer.html"), "w", encoding="ascii") as file:
        file.write("<!doctype html><body style='margin:0;width:6000px'>" + frames + OUTER)
    command = [CHROMIUM] + FLAGS + [
        "--allow-file-access-from-files", "--user-data-dir=" + os.path.join(str(folder), "profile"),
        "--window-size=6000,1000", "--virtual-time-budget=20000", "--dump-dom",
        "file://" + os.path.join(str(folder), "outer.html")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG_S)
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert found and found.group(1).startswith("[{"), done.stderr.decode("utf-8", "replace")[-500:]
    told = found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return dict(zip(widths, json.loads(told)))


def kept(suite):
    return sorted(glob.glob(os.path.join(REFERENCE, "*-{}-*".format(suite))))


def newest(suite):
    return load_run(kept(suite)[-1])


@pytest.mark.parametrize("suite", ["runtimes", "kernels", "networks", "paper", "debut"])
def test_nothing_of_a_recorded_runs_page_is_cut_or_covered_at_any_width(tmp_path, suite):
    for width, seen in looked_at(render_page(findings(newest(suite))), tmp_path).items():
        assert seen["errors"] == [] and seen["wide"] <= width, (suite, width, seen)
        assert (seen["cells"], seen["off"], seen["over"], seen["joined"]) == ([], [], [], []), (suite, width)


def test_nothing_of_runs_side_by_side_is_cut_or_covered_at_any_width(tmp_path):
    runs = [newest("layers"), newest("layers"), newest("debut")]
    for width, seen in looked_at(render_page(findings(runs[0], others=runs[1:])), tmp_path).items():
        assert seen["errors"] == [] and seen["wide"] <= width, (width, seen)
        assert (seen["cells"], seen["off"], seen["over"]) == ([], [], []), width


def test_a_comparison_scrolls_inside_its_tables_and_never_as_a_page(tmp_path):
    found = compared([summary_of(load_run(path)) for path in (kept("layers") + kept("debut"))[:3]])
    for width, seen in looked_at(html_text(found), tmp_path, """
      seen.names = Array.prototype.filter.call(document.querySelectorAll(".wide tbody th"), function (t) {
        var region = t.closest(".wide"); region.scrollLeft = 9999;
        return t.getBoundingClientRect().left < region.getBoundingClientRect().left - 1; }).length;
      seen.narrow = Array.prototype.filter.call(document.querySelectorAll(".wide tbody th"), function (t) {
        return t.offsetWidth < 80 && t.offsetHeight > 60; }).length;
      seen.scrolled = Array.prototype.filter.call(document.querySelectorAll(".wide"), function (t) {
        return t.scrollWidth > t.clientWidth + 1; }).length;
      seen.cells = document.querySelectorAll(".wide td").length;""").items():
        assert seen["errors"] == [] and seen["wide"] <= width, width
        assert seen["narrow"] == 0                        # no name in a column of letters
        assert seen["cells"] > 50 and seen["names"] == 0  # the case stays in sight of its numbers
        assert width > 320 or seen["scrolled"] == 0       # on a phone the verdict would be off its edge


def test_no_state_in_the_list_of_runs_is_parted_at_any_width(tmp_path):
    (tmp_path / "results" / "broken").mkdir(parents=True)
    (tmp_path / "results" / "broken" / "record.jsonl").write_text('{"kind": "run", "format": 2}\n')
    for width, seen in looked_at(listed(Library(str(tmp_path / "results")), 0), tmp_path, """
      seen.tall = Array.prototype.map.call(document.querySelectorAll(".runs .word"), function (word) {
        var cell = word.closest("td"); return [word.offsetHeight > 30, cell.scrollWidth > cell.clientWidth]; });
      """).items():
        assert seen["wide"] <= width and seen["tall"] == [[False, False]], width
