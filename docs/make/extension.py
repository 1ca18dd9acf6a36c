"""What the site needs from Sphinx beyond its configuration: a description on every page, and a few corrections of its HTML."""

from jinja2 import Template
from sphinx.application import Sphinx
from sphinx.util import logging

GENERATED = {  # pages that Sphinx generates
    "genindex": "Every function and class of stylelab in alphabetical order.",
    "search": "Search the lessons, the guides and the reference of stylelab.",
    "py-modindex": "The modules of stylelab's Python package in alphabetical order.",
}
DESCRIPTION = Template('{{ metatags|safe }}\n<meta name="description" content="{{ text }}">', autoescape=True)
logger = logging.getLogger(__name__)


def add_description(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Put the page's description into its head. A page without one causes a warning."""
    text = app.env.metadata.get(page, {}).get("description") or GENERATED.get(page)
    if text is None:
        if doctree is not None or not page.startswith("_modules"):
            logger.warning("no description: write one between two lines of --- at the top of the page", location=page)
        text = f"The source code of {context.get('title', page)}, in stylelab's Python package."
    context["metatags"] = DESCRIPTION.render(metatags=context.get("metatags", ""), text=" ".join(text.split()))


def escape_bars(text: str) -> str:
    """A docstring in which bars, as in sums of |d|, are bars. Sphinx would read `|d|` as a name to substitute."""
    return text.replace("|", "\\|")


def read_docstring(app: Sphinx, what: str, name: str, thing, options, lines: list[str]) -> None:
    """Escape a docstring's bars. autodoc calls this before it turns Google's style into Sphinx's."""
    lines[:] = [escape_bars(line) for line in lines]


def add_heading_levels(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Give the captions of the table of contents, which the theme marks as headings without a level, their level."""
    if "furo_navigation_tree" in context:
        tree = str(context["furo_navigation_tree"])
        context["furo_navigation_tree"] = tree.replace('role="heading">', 'role="heading" aria-level="2">')


def flatten_modules(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """Make one list of the list of modules, in which lists are children of lists, which HTML does not allow."""
    if page == "_modules/index":
        before, first_list, rest = context["body"].partition("<ul>")
        context["body"] = f"{before}{first_list}{rest.replace('<ul>', '').replace('</ul>', '')}</ul>"


def setup(app: Sphinx) -> dict:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.connect("html-page-context", add_description)
    app.connect("html-page-context", flatten_modules)
    app.connect("html-page-context", add_heading_levels, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
