"""Configuration of Sphinx. `python -m docs.make` copies this file to the pages that it gathers."""

import stylelab

project = "stylelab"
author = copyright = "the stylelab project"
version = release = stylelab.__version__
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "docs.make.extension",
]
exclude_patterns = ["_templates", "extra", "downloads"]
nb_execution_mode = "off"  # the lessons are shown with their stored outputs
nb_number_source_lines = False
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3
mathjax_path = "mathjax/tex-svg.js"  # the build copies it; it draws glyphs as paths, so no font is fetched
mathjax3_config = {"options": {"enableMenu": False}}  # without a menu, the Tab key skips formulas
autodoc_typehints = "none"  # the docstrings have shapes and ranges
# types that have no page on this site
nitpick_ignore_regex = [("py:class", r"numpy\..*|pathlib\..*|stylelab\.run\..*|[A-Za-z_]+")]
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
default_role = "code"  # docstrings put shapes in single backticks
toc_object_entries_show_parents = "hide"
copybutton_selector = "div.highlight pre"
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_title = "stylelab"
html_favicon = "_static/favicon.svg"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_extra_path = ["extra"]  # images that pages show with HTML of their own
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": False, "top_of_page_buttons": []}
