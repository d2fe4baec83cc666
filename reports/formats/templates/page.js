(function () {
  "use strict";
  var doc = document, root = doc.documentElement;
  var data = JSON.parse(doc.getElementById("data").textContent);
  var tip = doc.getElementById("tip"), live = doc.getElementById("live");
  function all(query, from) { return Array.prototype.slice.call((from || doc).querySelectorAll(query)); }
  function make(tag, text) { var e = doc.createElement(tag); e.textContent = text; return e; }

  // Tool bar: only of use with script, so script shows it.
  doc.querySelector(".tools").hidden = false;
  doc.getElementById("theme").addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark"
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  var area = doc.getElementById("markdown"), copy = doc.getElementById("copy");
  function showText() { doc.getElementById("text").open = true; area.focus(); area.select(); }
  copy.addEventListener("click", function () {
    // The clipboard is there on file: and https:, not on http: to a board's address.
    if (!navigator.clipboard) { showText(); return; }
    navigator.clipboard.writeText(area.value).then(function () {
      copy.textContent = "Copied";
      setTimeout(function () { copy.textContent = "Copy as Markdown"; }, 1500);
    }, showText);
  });

  // Hover, focus and arrow keys: one bubble, spoken through the live region.
  function show(text, x, y, speak) {
    tip.textContent = text; tip.hidden = false;
    var w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(x + 14, window.innerWidth - w - 4)) + "px";
    tip.style.top = (y + 18 + h > window.innerHeight ? Math.max(4, y - h - 10) : y + 18) + "px";
    if (speak) { live.textContent = text; }
  }
  // What the bubble belongs to may be scrolled: a link to a row focuses it first and scrolls then.
  var anchor = null;
  function beside(row, speak) {
    var b = row.getBoundingClientRect();
    anchor = row;
    if (b.bottom < 0 || b.top > window.innerHeight) { tip.hidden = true; return; }
    show(details[row.dataset.row], b.left + 40, b.bottom - 18, speak);
  }
  window.addEventListener("scroll", function () { if (anchor) { beside(anchor); } else { hide(); } });
  function hide() {
    tip.hidden = true; anchor = null;
    all(".cursor").forEach(function (c) { c.style.visibility = "hidden"; });
  }
  var details = {};
  data.tables.forEach(function (t) { t.rows.forEach(function (r) { details[r.id] = r.detail; }); });
  all("tr[data-row]").forEach(function (row) {
    var text = details[row.dataset.row];
    if (!text) { return; }
    row.tabIndex = 0;
    row.addEventListener("mousemove", function (e) { anchor = null; show(text, e.clientX, e.clientY); });
    row.addEventListener("mouseleave", hide);
    row.addEventListener("blur", hide);
    row.addEventListener("focus", function () { beside(row, true); });
    row.addEventListener("keydown", function (e) {
      var step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
      if (!step || e.target !== row) { return; }
      var rows = all("tr[data-row][tabindex]").filter(function (r) { return !r.hidden; });
      var next = rows[rows.indexOf(row) + step];
      if (next) { next.focus(); e.preventDefault(); }
    });
  });
  all("[data-trace]").forEach(function (box) {
    var trace = data.traces[+box.dataset.trace], times = trace.time_s, at = 0;
    var svg = box.querySelector("svg"), cursor = svg.querySelector(".cursor");
    function place(index, speak) {
      at = Math.max(0, Math.min(times.length - 1, index));
      var share = (times[at] - times[0]) / (times[times.length - 1] - times[0]), b = svg.getBoundingClientRect();
      var lines = [times[at].toFixed(1) + " s"];
      trace.panels.forEach(function (p) {
        lines.push(p.label + ": " + (p.values[at] === null ? "not read" : p.values[at]));
      });
      cursor.setAttribute("x1", 100 * share + "%"); cursor.setAttribute("x2", 100 * share + "%");
      cursor.style.visibility = "visible";
      show(lines.join("\n"), b.left + share * b.width, b.top + 60, speak);
    }
    box.tabIndex = 0;
    box.addEventListener("mousemove", function (e) {
      var b = svg.getBoundingClientRect();
      var want = times[0] + (e.clientX - b.left) / b.width * (times[times.length - 1] - times[0]), i = 0;
      while (i < times.length - 1 && times[i + 1] <= want) { i += 1; }
      place(i);
    });
    box.addEventListener("mouseleave", hide);
    box.addEventListener("blur", hide);
    box.addEventListener("focus", function () { place(at, true); });
    box.addEventListener("keydown", function (e) {
      var step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step) { place(at + step * (e.shiftKey ? 10 : 1), true); e.preventDefault(); }
    });
  });
  doc.addEventListener("keydown", function (e) { if (e.key === "Escape") { hide(); } });

  // Verdicts, words and runs to show; the choice lives in the hash, so that a link holds it.
  var chosen = { v: "", q: "", d: [] }, find = doc.getElementById("find"), shown = doc.getElementById("shown");
  doc.querySelector(".filters").hidden = false;
  // What they are chosen by is read from the page once: ten thousand rows are too many for every key.
  var groups = all(".group, .calls").map(function (group) {
    var head = group.querySelector("h3"), title = head ? head.textContent : "";
    return { box: group, head: head, rows: all("tbody tr", group).map(function (row) {
      return { row: row, state: row.dataset.state, main: !!row.dataset.row,
        base: row.classList.contains("base") || row.dataset.state === "baseline",
        text: (row.cells[0].textContent + " " + title).toLowerCase() };
    }) };
  });
  function setHidden(element, hidden) { if (element.hidden !== hidden) { element.hidden = hidden; } }
  function filter() {
    all(".tally li").forEach(function (li) {
      var on = li.dataset.state === chosen.v;
      li.classList.toggle("on", on);
      li.querySelector("button").setAttribute("aria-pressed", on);
    });
    var some = !!(chosen.v || chosen.q), words = chosen.q.toLowerCase().split(/\s+/), count = 0, rivals = 0;
    groups.forEach(function (group) {
      var left = 0;
      group.rows.forEach(function (one) {
        if (one.base) { return; }
        var hidden = some && (!!(chosen.v && one.state && one.state !== chosen.v) ||
          words.some(function (word) { return one.text.indexOf(word) < 0; }));
        setHidden(one.row, hidden);
        left += !hidden; rivals += one.main; count += one.main && !hidden;
      });
      if (group.head) { setHidden(group.box, some && !left); }
    });
    all("[data-device]").forEach(function (button) {
      var off = chosen.d.indexOf(button.dataset.device) >= 0, at = +button.dataset.device + 2;
      button.setAttribute("aria-pressed", !off);
      ["thead tr > :", "tbody tr > :", "col:"].forEach(function (start) {
        all(".devices " + start + "nth-child(" + at + "), .differences " + start + "nth-child(" + at + ")")
          .forEach(function (cell) { cell.hidden = off; });
      });
    });
    if (find.value !== chosen.q) { find.value = chosen.q; }
    shown.textContent = some ? count + " of " + rivals + " rivals" : "";
  }
  function choose(key, value) {
    chosen[key] = value;
    location.replace("#v=" + chosen.v + (chosen.q ? "&q=" + encodeURIComponent(chosen.q) : "") +
      (chosen.d.length ? "&d=" + chosen.d.join("-") : ""));
    filter();
  }
  function fromHash() {
    chosen = { v: "", q: "", d: [] };
    if (/^#[vqd]=/.test(location.hash)) {
      location.hash.slice(1).split("&").forEach(function (part) {
        var value;
        try { value = decodeURIComponent(part.slice(2)); } catch (error) { value = ""; }
        if (/^[vq]=/.test(part)) { chosen[part.charAt(0)] = value; }
        if (/^d=/.test(part)) { chosen.d = value.split("-"); }
      });
    }
    filter();
  }
  all(".tally li").forEach(function (li) {
    var button = make("button", "");
    while (li.firstChild) { button.appendChild(li.firstChild); }
    li.appendChild(button);
    li.addEventListener("click", function () {
      choose("v", li.classList.contains("on") ? "" : li.dataset.state);
    });
  });
  all("[data-device]").forEach(function (button) {
    button.addEventListener("click", function () {
      var own = button.dataset.device, rest = chosen.d.filter(function (one) { return one !== own; });
      choose("d", rest.length < chosen.d.length ? rest : rest.concat([own]));
    });
  });
  find.addEventListener("input", function () { choose("q", find.value.trim() === "" ? "" : find.value); });
  window.addEventListener("hashchange", fromHash);
  fromHash();

  // On a phone the style takes tables apart, and browsers then forget that they are tables.
  var phone = window.matchMedia("(max-width:700px)");
  function nameParts() {
    if (!phone.matches) { return; }
    [["table", "table"], ["thead,tbody", "rowgroup"], ["tr", "row"], ["td", "cell"], ["thead th", "columnheader"],
      ["tbody th", "rowheader"]].forEach(function (pair) {
      all(pair[0].split(",").map(function (tag) { return pair[0] === "table" ? tag : "table " + tag; }).join(","))
        .forEach(function (e) { e.setAttribute("role", pair[1]); });
    });
  }
  phone.addListener(nameParts);
  nameParts();

  // Sorting: by the full value, missing values last both ways.
  all("table.cmp").forEach(function (table) {
    all("th[data-sort]", table).forEach(function (head) {
      var button = make("button", head.textContent);
      head.textContent = ""; head.appendChild(button);
      button.addEventListener("click", function () {
        // first click: A to Z, the shortest and the smallest, but the fastest
        var column = head.dataset.sort, now = head.getAttribute("aria-sort");
        var down = now ? now === "ascending" : column === "speed";
        all("th[aria-sort]", table).forEach(function (h) { h.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        function value(row) {
          var cell = row.querySelector("[data-c=" + column + "]"), s = cell ? cell.dataset.s : "";
          return s === "" || s === undefined ? null : column === "name" ? s : +s;
        }
        var body = table.tBodies[0];
        all("tr", body).sort(function (a, b) {
          var x = value(a), y = value(b);
          if (x === null || y === null) { return (x === null) - (y === null); }
          var order = column === "name" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
          return order * (down ? -1 : 1);
        }).forEach(function (row) { body.appendChild(row); });
      });
    });
  });

  window.addEventListener("beforeprint", function () {
    all("details").forEach(function (d) { if (d.id !== "text" && !d.closest("nav")) { d.open = true; } });
  });
}());
