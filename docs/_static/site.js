// What the pages cannot say in HTML alone. Without this script they read just as well.
(() => {
  "use strict";
  // a page that was opened as a file may not fetch the others to quote from them
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }
  // what scrolls in a box of its own can be reached with the keyboard, and has a name
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
