"""Every kind of page is read by axe-core in Chromium, on a desk in light and dark and on a phone."""

import io
import json
import os
import re
import subprocess

import pytest
from report_fixtures import RecordBuilder, comparison, nano_run
from test_reports_browser import CHROMIUM, FLAGS
from test_reports_browser_records import kept, newest

from harness.record import load_run
from reports.findings import findings
from reports.findings.claim_tables import claim_tables
from reports.findings.claims import read_claims
from reports.findings.compared import compared, summary_of
from reports.findings.evidence import evidence
from reports.findings.published import read_published
from reports.formats.claims_drawing import drawn
from reports.formats.claims_svg import claim_svg
from reports.formats.compare_files import html_text
from reports.formats.page import render_page
from reports.server.answers import listed
from reports.server.library import Library
from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
#: axe-core itself, from its own package (npm); CI's lane 'axe' brings another's copy of it.
AXE = os.environ.get("AXE_CORE") or os.path.join(ROOT, "node_modules", "axe-core", "axe.min.js")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: no page was opened"),
    pytest.mark.skipif(not os.path.exists(AXE), reason="no axe-core: 'npm install --no-save axe-core', or name its "
                                                       "axe.min.js in AXE_CORE")]

#: A window's width in pixels, and the page's own choice of colours.
WINDOWS = ((1280, "light"), (1280, "dark"), (320, "light"))

RUN = """addEventListener("load", function () {
  document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  axe.run(document).then(function (found) {
    document.title = JSON.stringify({passes: found.passes.length, faults: found.violations.map(function (v) {
      return [v.id, v.impact, v.nodes[0].target.join(" "), v.nodes[0].html.slice(0, 200)]; })});
  }, function (error) { document.title = JSON.stringify({error: String(error)}); });
});"""

#: Gathers what the frames wrote into their titles.
OUTER = """<!doctype html><body style='margin:0;width:3000px'>{}<pre id=out></pre><script>
addEventListener("load", function () {{ var n = 0, timer = setInterval(function () {{
  var titles = Array.prototype.map.call(document.querySelectorAll("iframe"),
    function (f) {{ return f.contentDocument.title; }});
  if (titles.every(function (t) {{ return t.charAt(0) === "{{"; }}) || n++ > 400) {{
    clearInterval(timer); out.textContent = "[" + titles.join(",") + "]"; }} }}, 50); }});</script>"""


def faults(page, folder):
    """Return by window what axe-core finds in ``page``: rule, impact, place and element."""
    # The policy would keep axe-core out; it says nothing of what is read.
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace(
        "<title>", '<script src="axe.js"></script><script>{}</script><title>'.format(RUN), 1)
    with io.open(AXE, encoding="utf-8") as file:
        script = file.read()
    with io.open(os.path.join(str(folder), "axe.js"), "w", encoding="utf-8") as file:
        file.write(script)
    for _, scheme in WINDOWS:
        with io.open(os.path.join(str(folder), scheme + ".html"), "w", encoding="ascii") as file:
            file.write(open_page.replace("<html ", '<html data-theme="{}" '.format(scheme), 1))
    with io.open(os.path.join(str(folder), "outer.html"), "w", encoding="ascii") as file:
        frame = "<iframe src='{}.html' style='border:0;width:{}px;height:900px'></iframe>"
        file.write(OUTER.format("".join(frame.format(scheme, width) for width, scheme in WINDOWS)))
    ran = subprocess.run([CHROMIUM] + FLAGS + [
        "--allow-file-access-from-files", "--user-data-dir=" + os.path.join(str(folder), "profile"),
        "--window-size=3000,1000", "--virtual-time-budget=60000", "--dump-dom",
        "file://" + os.path.join(str(folder), "outer.html")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG_S)
    out = re.search(r'<pre id="out">(.*?)</pre>', ran.stdout.decode("utf-8"), re.DOTALL)
    assert out and out.group(1).startswith("[{"), ran.stderr.decode("utf-8", "replace")[-500:]
    seen = json.loads(out.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert all(one.get("passes", 0) > 10 for one in seen), seen    # it has really looked
    return {window: one["faults"] for window, one in zip(WINDOWS, seen)}


NOTHING = {window: [] for window in WINDOWS}


def test_axe_sees_a_fault_in_each_window(pages, tmp_path):
    """Were nothing looked at, the tests below would find nothing."""
    seen = faults(pages["empty"].replace("</main>", '<p style="color:#888;background:#999">faint</p></main>', 1),
                  tmp_path)
    assert [[one[:2] for one in seen[window]] for window in WINDOWS] == [[["color-contrast", "serious"]]] * 3


@pytest.mark.parametrize("name", ["nano", "sweep", "broken"])
def test_a_runs_page(pages, tmp_path, name):
    assert faults(pages[name], tmp_path) == NOTHING


@pytest.mark.parametrize("suite", ["calibration", "runtimes", "networks"])
def test_the_page_of_a_recorded_run(tmp_path, suite):
    assert faults(render_page(findings(newest(suite))), tmp_path) == NOTHING


def test_runs_side_by_side(runs, tmp_path):
    assert faults(render_page(findings(runs["nano"], published=(), others=[runs["sweep"], newest("layers")])),
                  tmp_path) == NOTHING


def test_runs_of_the_same_rivals_side_by_side(runs, tmp_path):
    again = nano_run(tmp_path / "again", ident="20260315-101500-paper-nano-cd34")
    assert faults(render_page(findings(runs["nano"], published=(), others=[again])), tmp_path) == NOTHING


def test_a_comparison(tmp_path):
    found = compared([summary_of(load_run(path)) for path in (kept("layers") + kept("debut"))[:3]])
    assert faults(html_text(found), tmp_path) == NOTHING


def test_the_papers_figures_on_a_page(tmp_path):
    """The claims have no page of their own; their figures are put on one by whoever shows them."""
    tables = claim_tables(read_claims(read_published()), [evidence(newest("paper")), evidence(newest("networks"))])
    found = [(one, drawn(one)) for one in tables]
    figures = [claim_svg(shown, "arXiv {}: {}".format(one.claim.paper, one.claim.sentence))
               for one, shown in found if shown is not None]
    assert len(figures) > 5
    body = "".join("<figure>{}</figure>".format(re.sub(r"<\?xml[^>]*\?>", "", one)) for one in figures)
    page = '<!doctype html><html lang="en"><head><title>figures</title></head><body><main><h1>Figures</h1>{}</main>'
    assert faults(page.format(body).encode("ascii", "xmlcharrefreplace").decode("ascii"), tmp_path) == NOTHING


def running(folder):
    """Return the builder of a run that goes on, its record locked by this process."""
    builder = RecordBuilder(folder, [comparison("one", "64 channels", "conv1x1", ["fwht fused", "dct fused"])],
                            passes=("verify", "time"), launches=2)
    builder.verify("one")
    builder.time("one", {"conv1x1": 4e-3, "fwht-fused": 2e-3}, launches=1)
    return builder


def test_the_list_of_served_runs(tmp_path):
    results = tmp_path / "results"
    live = running(results / "live")
    nano_run(results / "done")
    (results / "broken").mkdir()
    (results / "broken" / "record.jsonl").write_text('{"kind": "run", "format": 2}\n')
    RecordBuilder(results / "stopped", [comparison("one", "one", "conv1x1", ["fwht"])]).writer.close()
    page = listed(Library(str(results)), 0)
    live.writer.close()
    assert set(re.findall(r'data-state="(\w+)"', page)) == {"running", "complete", "unreadable", "stopped"}
    assert faults(page, tmp_path) == NOTHING


def test_the_page_of_a_run_that_goes_on(tmp_path):
    live = running(tmp_path / "results" / "live")
    library = Library(str(tmp_path / "results"))
    page = library.page(library.shelves()["live"], "/")
    live.writer.close()
    assert "Running: " in page
    assert faults(page, tmp_path) == NOTHING
