"""Images from the stored notebooks and the README, as files of their own next to the pages."""

import base64
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape

from jinja2 import Template
from markupsafe import Markup
from nbformat import NotebookNode
from PIL import Image

from docs.make.source_folder import SourceFolder
from stylelab.errors import InputError

EXTRA = "extra"  # a folder whose content Sphinx copies to the root of the site as it is
EMBEDDED = re.compile(r'<img src="data:image/(?:\w+);base64,([^"]+)" alt="([^"]*)"(?: width="(\d+)")?>')
IMAGE = Template(
    '<img src="{{ root }}{{ figure.file }}" alt="{{ figure.alt }}" width="{{ width }}" height="{{ height }}" loading="lazy">',
    autoescape=True,
)
GRID = Template(
    '<div class="{{ css_class }}">\n'
    "{% for figure, caption in figures %}<figure>{{ figure.html() }}<figcaption>{{ caption }}</figcaption></figure>\n{% endfor %}"
    "</div>",
    autoescape=True,
)


@dataclass(frozen=True)
class Figure:
    """An image file of the site.

    Attributes:
        file: relative to the root of the site.
        alt: text that describes the image.
        width, height: of the file, in pixels.
        display_width: in pixels; None for the file's own width.
    """

    file: str
    alt: str
    width: int
    height: int
    display_width: int | None = None

    def html(self, root: str = "") -> Markup:
        """An `<img>`. `root` is the way from the page to the root of the site: '' or '../'."""
        width = self.display_width or self.width
        return Markup(IMAGE.render(figure=self, root=root, width=width, height=round(self.height * width / self.width)))


def add(source: SourceFolder, name: str, data: bytes, alt: str, display_width: int | None = None) -> Figure:
    """Add an image file to the site. Its file name changes with its content, so browsers never show an old copy."""
    with Image.open(io.BytesIO(data)) as image:
        width, height, kind = image.width, image.height, (image.format or "png").lower()
    file = f"images/{name}-{hashlib.sha256(data).hexdigest()[:8]}.{kind.replace('jpeg', 'jpg')}"
    source.write(f"{EXTRA}/{file}", data)
    return Figure(file, alt, width, height, display_width)


def add_image(source: SourceFolder, name: str, image: Image.Image, alt: str) -> Figure:
    """`add` for an image in memory, which becomes a JPEG."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=88)
    return add(source, name, buffer.getvalue(), alt)


def grid(figures: Iterable[tuple[Figure, str]], css_class: str = "wall") -> str:
    """HTML of several figures next to each other.

    Args:
        figures: pairs of a figure and its caption; a caption that is not Markup is escaped.
    """
    return GRID.render(figures=figures, css_class=css_class)


def unpack(html: str, name: str, source: SourceFolder) -> tuple[str, list[Figure]]:
    """Move the images that are embedded in a lesson's output to files.

    Returns:
        The HTML with links to these files, and the figures.
    """
    figures: list[Figure] = []

    def replace(match: re.Match) -> str:
        data, alt, width = match.groups()
        file_name = f"lessons/{name}-{len(figures)}"
        figures.append(add(source, file_name, base64.b64decode(data), unescape(alt), int(width or 0) or None))
        return figures[-1].html("../")

    return EMBEDDED.sub(replace, html), figures


def of_lesson(notebook: NotebookNode, cell_name: str, source: SourceFolder, lesson: str) -> list[Figure]:
    """The images that a cell of a stored notebook shows.

    Raises:
        InputError: there is no such cell, or it shows no image.
    """
    cells = [cell for cell in notebook.cells if cell.metadata.stylelab.name == cell_name]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    html = "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    _, figures = unpack(html, f"{lesson}-{cell_name}", source)
    if not figures:
        raise InputError(f"lesson {lesson} has no cell '{cell_name}' with an image: correct the page that asks for it")
    return figures
