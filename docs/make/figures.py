"""Images out of the stored notebooks: as files beside the pages, where they can be shown and fetched one by one."""

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from html import escape, unescape

from nbformat import NotebookNode
from PIL import Image

from docs.make.stage import Stage
from stylelab.errors import InputError

EXTRA = "extra"  # a folder whose content lies at the root of the site as it is
EMBEDDED = re.compile(r'<img src="data:image/(\w+);base64,([^"]+)" alt="([^"]*)"(?: width="(\d+)")?>')


@dataclass(frozen=True)
class Figure:
    """An image beside the pages.

    Attributes:
        file: relative to the root of the site.
        alt: what it shows.
        width, height: of the file, in pixels.
        shown: how wide it is shown, in pixels; None for as wide as it is.
    """

    file: str
    alt: str
    width: int
    height: int
    shown: int | None = None

    def html(self, root: str = "") -> str:
        """An `<img>` for a page from which the root of the site is `root`, '' or '../'."""
        width = self.shown or self.width
        height = round(self.height * width / self.width)
        return f'<img src="{root}{escape(self.file)}" alt="{escape(self.alt)}" width="{width}" height="{height}" loading="lazy">'


def add(stage: Stage, name: str, data: bytes, alt: str, shown: int | None = None) -> Figure:
    """Put an image beside the pages, under a name that changes with it."""
    with Image.open(io.BytesIO(data)) as image:
        width, height, kind = image.width, image.height, (image.format or "png").lower()
    file = f"images/{name}-{hashlib.sha256(data).hexdigest()[:8]}.{kind.replace('jpeg', 'jpg')}"
    stage.put(f"{EXTRA}/{file}", data)
    return Figure(file, alt, width, height, shown)


def add_image(stage: Stage, name: str, image: Image.Image, alt: str) -> Figure:
    """The same for an image in memory, as a JPEG."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=88)
    return add(stage, name, buffer.getvalue(), alt)


def unpack(html: str, name: str, stage: Stage) -> tuple[str, list[Figure]]:
    """HTML of a notebook in `lessons/` with its images put beside the pages, and these images."""
    found: list[Figure] = []

    def file(match: re.Match) -> str:
        _, data, alt, width = match.groups()
        found.append(add(stage, f"lessons/{name}-{len(found)}", base64.b64decode(data), unescape(alt), int(width or 0) or None))
        return found[-1].html("../")

    return EMBEDDED.sub(file, html), found


def of_lesson(notebook: NotebookNode, cell: str, stage: Stage, lesson: str) -> list[Figure]:
    """The images that a cell of a stored notebook shows.

    Raises:
        InputError: no such cell, or it shows none.
    """
    outputs = [output for each in notebook.cells if each.metadata.stylelab.name == cell for output in each.get("outputs", [])]
    html = "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    _, figures = unpack(html, f"{lesson}-{cell}", stage)
    if not figures:
        raise InputError(f"lesson {lesson} has no cell '{cell}' with an image: name another in the page that shows it")
    return figures
