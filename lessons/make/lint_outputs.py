"""Check what a lesson's cells show: numbers that are tested, sharp images with alt text, losses that fall, nothing private."""

import ast
import base64
import configparser
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

from stylelab.base.course import LESSONS
from stylelab.plots import MOST

MARK = "NBVAL_CHECK_OUTPUT"
FALLEN = re.compile(r"the loss is (\S+)% of the first")
LOWERED = 50  # per cent of the first loss: a run that ends higher does not show what the lesson says
WIDEST = 824  # pixels for an output in JupyterLab's window of 1280: a wider image is shrunk, and its pixels are no longer whole
IMAGE = re.compile(r'<img\b[^>]*base64,([\w+/=]+)"(?:[^>]* width="(\d+)")?[^>]*>')
# a time, or what a machine has; lessons/sanitize.cfg names all that a lesson prints of these, so that strict nbval passes elsewhere
VARIES = re.compile(r"\d ?(?:ms|s|[KMG]i?B|[MG]Hz)\b|\d+ cores\b")
# a home or temporary folder, or a Windows drive; the kernel's own cell files are in one of these
PATHS = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|work|var|usr|opt|mnt)/\S+|\b[A-Z]:\\\S+")


def faults(notebook: NotebookNode) -> list[str]:
    """Everything that is wrong with the outputs, one line each."""
    return [
        fault for check in (_marked, _images, _sizes, _rows, _blank, _losses, _private, _varying) for fault in check(notebook)
    ]


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


def _sizes(notebook: NotebookNode) -> Iterator[str]:
    """Images fit beside JupyterLab's file list, and have two pixels for each of the page, for high-density screens."""
    for cell in code_cells(notebook):
        for output in cell.outputs if "studio()" not in cell.source else ():  # a screenshot
            for data, width in IMAGE.findall(output.get("data", {}).get("text/html", "")):
                pixels = Image.open(io.BytesIO(base64.b64decode(data))).width
                if int(width or pixels) > WIDEST:
                    yield f"an image of cell {cell.id} is {width or pixels} pixels wide on the page: at most {WIDEST}"
                elif pixels < 2 * int(width or pixels):
                    yield f"an image of cell {cell.id} is blurred on a high-density screen: show it with page.show"


def _rows(notebook: NotebookNode) -> Iterator[str]:
    """No figure has more than four images in a row; `plots` sees to it where the lesson does not say how many."""
    for cell in code_cells(notebook):
        for call in (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "side_by_side":
                asked = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "columns")]
                for columns in (node.value for node in asked if isinstance(node, ast.Constant)):
                    if columns > MOST:
                        yield f"cell {cell.id} shows {columns} images in a row: at most {MOST}"


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


def _varying(notebook: NotebookNode) -> Iterator[str]:
    """What differs between two machines is replaced before nbval compares."""
    rules = configparser.RawConfigParser()
    rules.read(LESSONS / "sanitize.cfg")
    for cell in code_cells(notebook):
        text = "".join(output.get("text", "") for output in cell.outputs)
        for name in rules.sections():
            text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
        if found := VARIES.search(text):
            line = next(line for line in text.splitlines() if found[0] in line)
            yield f"cell {cell.id} shows what differs between machines, '{line.strip()}': add it to lessons/sanitize.cfg"
