(function () {
  "use strict";
  // Loads the page of a running run again, until its reader holds it: whatever moves by itself must be stoppable.
  var note = document.querySelector("[data-refresh]"), timer = 0;
  var button = document.createElement("button");
  function again() {
    // Making a page costs the machine that is being measured: none for a tab that nobody sees.
    if (document.hidden) { document.addEventListener("visibilitychange", again, { once: true }); return; }
    if (timer) { location.reload(); }
  }
  button.type = "button";
  button.className = "hold";
  button.textContent = "Hold still";
  button.addEventListener("click", function () {
    if (!timer) { location.reload(); return; }
    clearTimeout(timer);
    timer = 0;
    note.textContent = "This page is held still.";
    button.textContent = "Go on";
  });
  note.parentNode.insertBefore(button, note.nextSibling);
  timer = setTimeout(again, 1000 * note.dataset.refresh);
}());
