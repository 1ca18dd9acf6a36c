// Improvements that need a script. The pages are readable without it.
(() => {
  "use strict";
  // a page that was opened as a file may not fetch other pages, so search results come without excerpts
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }
  // a box that scrolls can be focused with the keyboard, and has a name for screen readers
  const boxes = { "pre": "Code or output", ".table-wrapper": "Table", ".image": "Image", "div.math": "Formula" };
  const mark = () => {
    for (const [selector, name] of Object.entries(boxes)) {
      for (const box of document.querySelectorAll(selector)) {
        if (box.scrollWidth > box.clientWidth + 1) {
          box.tabIndex = 0;
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", name);
        } else {
          box.removeAttribute("tabindex");
        }
      }
    }
  };
  addEventListener("load", mark);
  addEventListener("resize", mark);
  window.MathJax?.startup?.promise?.then(mark);
})();
