// What the pages cannot say in HTML alone. Without this script they read just as well.
(() => {
  "use strict";
  // a page that was opened as a file may not fetch the others to quote from them
  if (location.protocol === "file:" && window.DOCUMENTATION_OPTIONS === undefined && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }
  // what scrolls by itself can be reached with the keyboard, and has a name
  const boxes = "pre, .table-wrapper, .picture, div.math, mjx-container[display]";
  const names = { PRE: "Code or output", DIV: "Table, formula or picture" };
  const mark = () =>
    document.querySelectorAll(boxes).forEach((box) => {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        if (box.tagName !== "PRE") box.setAttribute("role", "group");
        if (box.tagName !== "PRE") box.setAttribute("aria-label", names.DIV);
      } else {
        box.removeAttribute("tabindex");
      }
    });
  addEventListener("load", mark);
  addEventListener("resize", mark);
})();
