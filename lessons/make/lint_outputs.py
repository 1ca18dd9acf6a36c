"""Check what a lesson's cells show: numbers that are tested, images with alt text, losses that fall, nothing private."""

import base64
import getpass
import io
import math
import re
import socket
from collections.abc import Iterator

import nbformat
import numpy as np
from nbformat import NotebookNode
from PIL import Image

MARK = "NBVAL_CHECK_OUTPUT"
FALLEN = re.compile(r"the loss is (\S+)% of the first")
LOWERED = 50  # per cent of the first loss: a run that ends higher does not show what the lesson says
# a home or temporary folder, or a Windows drive; the kernel's own cell files are in one of these
PATHS = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|work|var|usr|opt|mnt)/\S+|\b[A-Z]:\\\S+")


def faults(notebook: NotebookNode) -> list[str]:
    """Everything that is wrong with the outputs, one line each."""
    return [fault for check in (_marked, _images, _blank, _losses, _private) for fault in check(notebook)]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _marked(notebook: NotebookNode) -> Iterator[str]:
    marked = [cell for cell in code_cells(notebook) if MARK in cell.source]
    if len(marked) < 3:
        yield f"{len(marked)} cells are marked {MARK}: a lesson needs at least three"
    for cell in marked:
        text = "".join(output.get("text", "") for output in cell.outputs)
        if not re.search(r"\d", text):
            yield f"cell {cell.id} is marked {MARK} and shows no number, so it checks nothing"
        if long := re.findall(r"\d\.\d{4,}", text):
            yield f"cell {cell.id} shows {long[0]}: at most three digits, or machines will differ"


def _images(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            bare = [kind for kind in data if kind.startswith("image/")]
            images = re.findall(r"<img\b[^>]*>", data.get("text/html", ""))
            if bare or any(not re.search(r'alt="[^"]{15,}"', tag) for tag in images):
                yield f"an image of cell {cell.id} has no alt text: show it with page.show"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(", cell.source):
            yield f"an image of cell {cell.id} has no alt text"


def images(notebook: NotebookNode) -> Iterator[tuple[str, np.ndarray]]:
    """(cell id, image as (H, W, 3) uint8) of everything that the outputs show."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            for data in re.findall(r"base64,([\w+/=]+)", output.get("data", {}).get("text/html", "")):
                yield cell.id, np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def _blank(notebook: NotebookNode) -> Iterator[str]:
    yield from (f"an image of cell {cell} is blank" for cell, image in images(notebook) if is_blank(image))


def is_blank(image: np.ndarray) -> bool:
    """Whether an image (H, W, 3) uint8 has only one colour, on its white background if it has one."""
    inked = image[image.min(2) < 245] // 32
    if image.std() < 6 or len(inked) == 0:
        return True
    if len(inked) < 0.5 * image[..., 0].size:  # lines on a page
        return False
    counts = np.bincount(inked.astype(int) @ (64, 8, 1))  # eight levels of each colour
    return bool(counts.max() > 0.97 * len(inked))


def _losses(notebook: NotebookNode) -> Iterator[str]:
    """Every run that a lesson shows has lowered its loss."""
    shares = [
        share for cell in code_cells(notebook) for output in cell.outputs for share in FALLEN.findall(output.get("text", ""))
    ]
    if not shares and any(re.search(r"\b(?:optimise|transfer)\(", cell.source) for cell in code_cells(notebook)):
        yield "runs an optimiser and never prints 'the loss is ...% of the first'"
    for share in shares:
        value = float(share) if re.fullmatch(r"[\d.]+", share) else math.nan
        if not value < LOWERED:
            yield f"a run ends at {share}% of its first loss: it should end below {LOWERED}%"


def _private(notebook: NotebookNode) -> Iterator[str]:
    host, user = socket.gethostname(), getpass.getuser()
    for cell in code_cells(notebook):
        text = re.sub(r"base64,[\w+/=]*", "", nbformat.v4.writes_json(nbformat.v4.new_notebook(cells=[cell])))
        text = text.replace("\\n", "\n")
        if found := PATHS.search(text):
            yield f"cell {cell.id} shows a path of this machine: {found[0]}"
        for name in (host, user):
            if len(name) > 4 and re.search(rf"\b{re.escape(name)}\b", text):
                yield f"cell {cell.id} shows the name of a machine or a user: {name}"
