"""The page in Chromium, driven from outside: no pixels are compared, only what a reader would meet."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.patience import LONG_S

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
         "--no-first-run", "--hide-scrollbars", "--force-prefers-reduced-motion"]

pytestmark = [pytest.mark.browser,
              pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: the page was not opened")]

# Runs inside the page before its own script: notes errors, then writes what a reader would find into the title.
PROBE = """
window.seen = {errors: []};
window.addEventListener("error", function (e) { seen.errors.push(e.message); });
document.addEventListener("securitypolicyviolation", function (e) { seen.errors.push("policy: " + e.blockedURI); });
window.addEventListener("load", function () { setTimeout(function () {
  %s
  seen.wide = document.documentElement.scrollWidth; seen.inner = window.innerWidth;
  document.title = JSON.stringify(seen);
}, 50); });
"""


def opened(page, folder, script, width=1280, scheme="light", fragment=""):
    """Return what ``script`` noted in ``seen`` with ``page`` open in a window of ``width`` pixels.

    The page sits in a frame, since a window of Chromium itself cannot be narrower than 500 pixels.
    """
    with open(os.path.join(str(folder), "inner.html"), "w") as file:
        file.write(allowed(page, PROBE % script))
    outer = ("<!doctype html><meta name=color-scheme content={s}><body style='margin:0'><iframe src='inner.html{f}' "
             "style='border:0;width:{w}px;height:900px'></iframe>").format(w=width, f=fragment, s=scheme)
    outer += ("<pre id=out></pre><script>addEventListener('load',function(){var n=0,t=setInterval(function(){"
              "var title=document.querySelector('iframe').contentDocument.title;"
              "if(title.charAt(0)==='{'||n++>100){clearInterval(t);out.textContent=title;}},50);});</script>")
    with open(os.path.join(str(folder), "outer.html"), "w") as file:
        file.write(outer)
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    command = [CHROMIUM] + FLAGS + dark + [
        "--allow-file-access-from-files", "--user-data-dir=" + os.path.join(str(folder), "profile"),
        "--window-size={},950".format(max(width, 500)), "--virtual-time-budget=10000", "--dump-dom",
        "file://" + os.path.join(str(folder), "outer.html")]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG_S)
    text = result.stdout.decode("utf-8")
    found = re.search(r'<pre id="out">(.*?)</pre>', text, re.DOTALL)
    assert found and found.group(1).startswith("{"), text[-500:] + result.stderr.decode("utf-8", "replace")[-500:]
    return json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def allowed(page, probe):
    """Return ``page`` with the probe in its head, its policy widened by the probe's hash alone."""
    from reports.formats.page import script_hash

    tag = "script-src &#39;" if "script-src &#39;" in page else "script-src '"
    quote = tag[len("script-src "):]
    page = page.replace(tag, tag + script_hash(probe) + quote + " " + quote, 1)
    return page.replace("<title>", "<script>" + probe + "</script><title>", 1)


@pytest.mark.parametrize("name, width, scheme", [
    ("nano", width, scheme) for width in (320, 768, 1600) for scheme in ("light", "dark")] + [
    (name, 320, "light") for name in ("sweep", "broken", "hostile", "empty")])
def test_the_page_fits_every_width_and_reports_no_error(pages, tmp_path, name, width, scheme):
    seen = opened(pages[name], tmp_path, """
      seen.back = getComputedStyle(document.body).backgroundColor;
      seen.requests = performance.getEntriesByType("resource").map(function (e) { return e.name; });""",
                  width, scheme)
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["inner"] == width and seen["wide"] <= width
    assert seen["back"] == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 29)")


def test_filters_links_sorting_and_keys_work(pages, tmp_path):
    seen = opened(pages["nano"], tmp_path, """
      function shown() { return Array.prototype.filter.call(document.querySelectorAll("table.cmp tbody tr"),
        function (r) { return !r.hidden; }).length; }
      seen.all = shown();
      document.querySelector('.tally li[data-state="wrong"]').click();
      window.dispatchEvent(new HashChangeEvent("hashchange"));
      seen.hash = location.hash; seen.filtered = shown();
      location.hash = "v="; window.dispatchEvent(new HashChangeEvent("hashchange"));
      seen.again = shown();
      var table = document.querySelectorAll("table.cmp")[2];
      function order() { return Array.prototype.map.call(table.tBodies[0].rows,
        function (r) { return r.cells[0].textContent.trim(); }); }
      table.querySelector("th[data-sort=median] button").click(); seen.up = order();
      table.querySelector("th[data-sort=median] button").click(); seen.down = order();
      table.querySelector("th[data-sort=name] button").click(); seen.name = order()[0];
      table.querySelector("th[data-sort=speed] button").click(); seen.speed = order()[0];
      var row = document.querySelector("tr[data-row][tabindex]"); row.focus();
      seen.tip = document.getElementById("tip").textContent; seen.live = document.getElementById("live").textContent;
      row.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true}));
      seen.next = document.activeElement.id;
      document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
      seen.closed = document.getElementById("tip").hidden;
      var box = document.querySelector("[data-trace]"); box.focus();
      box.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
      seen.trace = document.getElementById("live").textContent;
      document.getElementById("theme").click(); seen.theme = document.documentElement.dataset.theme;""")
    assert seen["errors"] == []
    assert (seen["all"], seen["filtered"], seen["again"], seen["hash"]) == (18, 4, 18, "#v=wrong")
    assert seen["down"] == ["fwht torch", "dct fused", "conv3x3", "fwht fused", "conv1x1", "butterfly"]
    assert seen["up"] == ["conv1x1", "fwht fused", "conv3x3", "dct fused", "fwht torch", "butterfly"]
    assert (seen["name"], seen["speed"]) == ("butterfly", "conv1x1")
    assert "144 samples" in seen["tip"] and seen["live"] == seen["tip"]
    assert seen["next"] and seen["closed"]
    assert "0.1 s" in seen["trace"] and "Power, W" in seen["trace"]
    assert seen["theme"] == "dark"


def test_a_deep_link_marks_its_row(pages, tmp_path):
    seen = opened(pages["nano"], tmp_path, """
      var row = document.querySelector(":target"); seen.id = row && row.id;
      seen.heading = document.getElementById("128ch").getBoundingClientRect().bottom;
      seen.back = row && getComputedStyle(row).backgroundColor;""", fragment="#128ch/dct-fused")
    assert seen["heading"] > 0                            # the table's title is on the screen
    assert seen["id"] == "128ch/dct-fused" and seen["back"] == "rgb(231, 234, 238)"


def test_where_there_is_no_clipboard_the_markdown_is_shown_and_selected(pages, tmp_path):
    seen = opened(pages["nano"], tmp_path, """
      Object.defineProperty(navigator, "clipboard", {value: undefined, configurable: true});
      document.getElementById("copy").click();
      var area = document.getElementById("markdown");
      seen.open = document.getElementById("text").open;
      seen.selected = area.selectionEnd - area.selectionStart; seen.length = area.value.length;
      seen.start = area.value.slice(0, 21);""")
    assert seen["open"] and seen["selected"] == seen["length"] > 1000
    assert seen["start"] == "# On this Jetson Nano"


def test_folded_parts_open_for_print(pages, tmp_path):
    seen = opened(pages["nano"], tmp_path, """
      window.dispatchEvent(new Event("beforeprint"));
      seen.shut = document.querySelectorAll("section details:not([open])").length;""")
    assert seen["shut"] == 1                             # the Markdown copy of the page itself


def test_no_text_of_a_chart_leaves_the_page(pages, tmp_path):
    for width in (320, 1280):
        seen = opened(pages["sweep"], tmp_path, """
          seen.out = Array.prototype.filter.call(document.querySelectorAll("svg text"), function (t) {
            var b = t.getBoundingClientRect();
            return b.width && (b.left < 0 || b.right > innerWidth);
          }).map(function (t) { return t.textContent; });""", width)
        assert seen["out"] == [], width


@pytest.mark.parametrize("width", [320, 768, 900, 1280])
def test_no_number_runs_into_the_next_cell(pages, tmp_path, width):
    for name in ("nano", "broken"):
        seen = opened(pages[name], tmp_path, """
          seen.out = Array.prototype.filter.call(document.querySelectorAll("main td, main th"), function (t) {
            return t.clientWidth > 1 && t.scrollWidth > t.clientWidth + 1 && !t.classList.contains("plot");
          }).map(function (t) { return t.textContent; });""", width)
        assert seen["out"] == [], (name, width)


def test_no_two_labels_of_a_crossover_overlap(pages, tmp_path):
    seen = opened(pages["sweep"], tmp_path, """
      var boxes = Array.prototype.map.call(document.querySelectorAll(".line-label"),
        function (t) { return t.getBoundingClientRect(); }).sort(function (a, b) { return a.top - b.top; });
      seen.gaps = boxes.slice(1).map(function (b, i) { return b.top - boxes[i].top; });""")
    assert len(seen["gaps"]) == 3 and min(seen["gaps"]) >= 14


@pytest.mark.parametrize("width", [320, 1280])
def test_no_text_of_a_roofline_covers_a_point_or_another_text(pages, tmp_path, width):
    seen = opened(pages["sweep"], tmp_path, """
      var chart = document.querySelector("svg.roofline");
      function boxes(what) { return Array.prototype.map.call(chart.querySelectorAll(what), function (t) {
        var b = t.getBoundingClientRect(); return [b.left, b.right, b.top + 2, b.bottom - 2, t.textContent]; }); }
      function touch(a, b) { return Math.min(a[1], b[1]) - Math.max(a[0], b[0]) > 0
        && Math.min(a[3], b[3]) - Math.max(a[2], b[2]) > 0; }
      var texts = boxes("text"), dots = boxes("circle");
      seen.count = [texts.length, dots.length];
      seen.bad = [];
      texts.forEach(function (t, i) {
        dots.concat(texts.slice(0, i)).forEach(function (o) { if (touch(t, o)) seen.bad.push([t[4], o[4]]); }); });
      seen.out = texts.filter(function (t) { return t[0] < 0 || t[1] > innerWidth; });""", width)
    assert seen["count"][1] == 4 and seen["bad"] == [] and seen["out"] == []
