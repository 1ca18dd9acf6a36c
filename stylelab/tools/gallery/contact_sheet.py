"""The contact sheet of a gallery: one HTML page beside its images, readable with eyes or with a screen reader."""

import base64
import io
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from stylelab import images
from stylelab.errors import StylelabError

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .4rem; vertical-align: top; text-align: left; font-weight: normal; }
tbody th, thead th { font-size: .9rem; }
img { display: block; border-radius: 4px; }
td img { width: 18rem; height: auto; }
th img { width: 7rem; height: auto; }
td p { margin: .2rem 0; font-size: .9rem; }
.failed { margin: 0; max-width: 18rem; border: 1px solid; padding: .6rem; border-radius: 4px; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{told}</p>
<div class="wide" tabindex="0" role="region" aria-label="Gallery">
<table>
<thead>
<tr><td></td>{head}</tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
</div>
{credits}</main>
</body>
</html>
"""


def page(plan) -> str:
    """The page, as text: a table with a row for each content image and a column for each style.

    Args:
        plan: a `stylelab.tools.gallery.plan.Plan`, whose pairs may still be waiting.
    """
    title = f"{len(plan.contents)} images in {len(plan.styles)} styles"
    told = f"{', '.join(_told(plan.settings))}."
    head = "".join(_header(name, path, "col") for name, path in plan.styles.items())
    pairs = {(pair.content, pair.style): pair for pair in plan.pairs}
    rows = "\n".join(_row(plan, content, path, pairs) for content, path in plan.contents.items())
    return PAGE.format(title=escape(title), style=STYLE, told=escape(told), head=head, rows=rows, credits=_credits(plan))


def _told(settings: dict) -> list[str]:
    """What holds for all pairs; the precision that 'auto' came to stands below each image."""
    told = [f"Recipe {settings['recipe']}", f"encoder {settings['encoder']}", f"{settings['steps']} steps", settings["backend"]]
    told += [f"precision {settings['precision']}"]
    told += [f"from coarse to fine in {settings['scales']} sizes"] if settings["scales"] > 1 else []
    return told + ([f"in tiles of {settings['tile']} pixels"] if settings["tile"] else [])


def _row(plan, content: str, path: Path, pairs: dict) -> str:
    cells = "\n".join(_cell(plan.folder, pairs[content, style]) for style in plan.styles)
    return f"<tr>{_header(content, path, 'row')}\n{cells}</tr>"


def _header(name: str, path: Path, scope: str) -> str:
    data = _thumbnail(path)
    image = f'<img src="data:image/jpeg;base64,{data}" alt="">' if data else ""
    return f'<th scope="{scope}">{image}{escape(name)}</th>'


@lru_cache(maxsize=256)
def _thumbnail(path: Path) -> str:
    """A small JPEG in base64; '' for an image that cannot be opened."""
    try:
        small = images.open_image(path, size=160)
    except StylelabError:
        return ""
    buffer = io.BytesIO()
    Image.fromarray((small * 255 + 0.5).astype(np.uint8)).save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()


def _cell(folder: Path, pair) -> str:
    if pair.error:
        return f'<td><p class="failed">Failed: {escape(pair.error)}</p></td>'
    if not (folder / pair.file).is_file():
        return "<td><p>Not painted yet.</p></td>"
    link = escape(quote(pair.file), quote=True)
    text = escape(f"{pair.content} in the style of {pair.style}", quote=True)
    size = f'width="{pair.facts.get("width", "")}" height="{pair.facts.get("height", "")}"'
    image = f'<img src="{link}" alt="{text}" {size} loading="lazy">'
    return f'<td><a href="{link}">{image}</a>{_caption(pair.facts)}</td>'


def _caption(facts: dict) -> str:
    """How the image was painted; records of earlier runs may not tell."""
    if "seconds" not in facts:
        return ""
    told = [f"{facts['seconds']:.1f} s" + (f" of a batch of {facts['batch']}" if facts.get("batch", 1) > 1 else "")]
    told += [str(facts[name]) for name in ("precision", "device") if name in facts]
    told += [f"tiles of {facts['tile']} pixels"] if facts.get("tile") else []
    return f"<p>{escape(', '.join(told))}</p>"


def _credits(plan) -> str:
    """Whose the built-in images are: their licences ask for it."""
    own = {name: path for name, path in (plan.contents | plan.styles).items() if name in images.names()}
    lines = [
        f"<li>{escape(name)}: {escape(images.credit(name))}</li>" for name, path in own.items() if images.find_image(name) == path
    ]
    return f"<h2>Credits</h2>\n<ul>\n{chr(10).join(lines)}\n</ul>\n" if lines else ""
