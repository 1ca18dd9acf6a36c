"""What the site needs of Sphinx beyond its configuration: a description on every page, docstrings as they are meant."""

from html import escape

from sphinx.application import Sphinx
from sphinx.util import logging

BUILT = {  # pages that Sphinx makes by itself
    "genindex": "Every function and class of stylelab, in the order of the alphabet.",
    "search": "Search the lessons, the guides and the reference of stylelab.",
    "py-modindex": "The modules of stylelab.",
}
logger = logging.getLogger(__name__)


def describe(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Put the page's description into its head; a page without one is a warning."""
    text = app.env.metadata.get(page, {}).get("description") or BUILT.get(page)
    if text is None:
        if doctree is not None or not page.startswith("_modules"):
            logger.warning("no description: write one between two lines of --- at the top of the page", location=page)
        text = f"The source of {context.get('title', page)}."
    context["metatags"] = context.get("metatags", "") + f'\n<meta name="description" content="{escape(" ".join(text.split()))}">'


def plain(text: str) -> str:
    """A docstring's bars, of sums of |d|, as bars: to Sphinx they would name something to be put in their place."""
    return text.replace("|", "\\|")


def read_docstring(app: Sphinx, what: str, name: str, thing, options, lines: list[str]) -> None:
    """Called by autodoc before Google's style is turned into Sphinx's."""
    lines[:] = [plain(line) for line in lines]


def setup(app: Sphinx) -> dict:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
