"""What the site needs of Sphinx beyond its configuration: a description on every page, docstrings as they are meant."""

from html import escape

from sphinx.application import Sphinx
from sphinx.util import logging

BUILT = {  # pages that Sphinx makes by itself
    "genindex": "Every function and class of stylelab, in the order of the alphabet.",
    "search": "Search the lessons, the guides and the reference of stylelab.",
    "py-modindex": "The modules of stylelab's Python package, in the order of the alphabet.",
}
logger = logging.getLogger(__name__)


def describe(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Put the page's description into its head; a page without one is a warning."""
    text = app.env.metadata.get(page, {}).get("description") or BUILT.get(page)
    if text is None:
        if doctree is not None or not page.startswith("_modules"):
            logger.warning("no description: write one between two lines of --- at the top of the page", location=page)
        text = f"The source code of {context.get('title', page)}, in stylelab's Python package."
    context["metatags"] = context.get("metatags", "") + f'\n<meta name="description" content="{escape(" ".join(text.split()))}">'


def plain(text: str) -> str:
    """A docstring's bars, of sums of |d|, as bars: to Sphinx they would name something to be put in their place."""
    return text.replace("|", "\\|")


def read_docstring(app: Sphinx, what: str, name: str, thing, options, lines: list[str]) -> None:
    """Called by autodoc before Google's style is turned into Sphinx's."""
    lines[:] = [plain(line) for line in lines]


def level_captions(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """The captions of the table of contents say that they are headings, and not of which level: that is added."""
    if "furo_navigation_tree" in context:
        tree = str(context["furo_navigation_tree"])
        context["furo_navigation_tree"] = tree.replace('role="heading">', 'role="heading" aria-level="2">')


def flatten_modules(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """The list of modules has lists straight inside lists, which HTML does not know: one list will do."""
    if page == "_modules/index":
        before, list_, rest = context["body"].partition("<ul>")
        context["body"] = f"{before}{list_}{rest.replace('<ul>', '').replace('</ul>', '')}</ul>"


def setup(app: Sphinx) -> dict:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", flatten_modules)
    app.connect("html-page-context", level_captions, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
