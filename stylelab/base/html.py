"""Text as HTML, for notebooks and reports."""

import re

from markupsafe import Markup, escape


def with_code(text: str) -> Markup:
    """The text, escaped, with `<code>` around what stands between backticks. A notebook would take $...$ for a formula.

    >>> with_code("end `f` with `return`, if a < b")
    Markup('end <code>f</code> with <code>return</code>, if a &lt; b')
    """
    html = str(escape(text)).replace("$", "<span>$</span>")
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html))
