"""The stored lessons as pages: what was run and shown, with links to the other edition and to a copy to work in."""

import re
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from docs.make import figures
from docs.make.stage import Stage
from stylelab.base.course import LESSONS, TITLES

LINK = re.compile(r"\[(\d\d)_\w+_(torch|tensorflow)\.ipynb\]\((\S+?\.ipynb)\)")
NOTE = """:::{{note}}
This is a stored run on a laptop without a GPU, with the exercises left open: you can read it all here, without a kernel.
To move the sliders and to have your answers checked, take your own copy: `make lab` (see [](../student.md)), or
{{download}}`this notebook <../downloads/{name}>`.
:::"""


@lru_cache
def read(path: Path) -> NotebookNode:
    """A stored notebook."""
    return nbformat.read(path, as_version=4)


def lessons() -> list[Path]:
    """The notebooks, both editions of each lesson, in order."""
    return sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"), key=lambda path: (path.stem[:2], "tensorflow" in path.stem))


def title(path: Path) -> str:
    """A lesson's first heading: '3 · Style is what survives shuffling'."""
    return read(path).cells[0].source.splitlines()[0].removeprefix("# ")


def add(path: Path, stage: Stage) -> None:
    """Put a lesson on the stage, its images beside it, and the notebook itself, to be downloaded."""
    notebook = nbformat.from_dict(read(path))
    framework = path.stem.rpartition("_")[2]
    notebook.metadata["description"] = (
        f"Lesson {title(path)}. An executed notebook for {TITLES[framework]}, with checked exercises."
    )
    notebook.cells = [_cell(nbformat.from_dict(cell), path, stage) for cell in notebook.cells]
    notebook.cells[0].source = _head(notebook.cells[0].source, path)
    stage.put(f"lessons/{path.name}", nbformat.writes(notebook, indent=1))
    stage.copy(path, f"downloads/{path.name}")


def _cell(cell: NotebookNode, path: Path, stage: Stage) -> NotebookNode:
    if cell.cell_type == "markdown":
        cell.source = LINK.sub(_named, cell.source)
        return cell
    if "sl.check(" in cell.source:
        cell.metadata["tags"] = ["check"]  # a class, for sentences that are wrapped where output is not
    place = 0
    for output in cell.get("outputs", []):
        if "data" in output and "text/html" in output.data:
            html, found = figures.unpack(
                "".join(output.data["text/html"]), f"{path.stem}-{cell.metadata.stylelab.name}-{place}", stage
            )
            output.data = {"text/html": _boxed(html, found)}
            place += 1
    return cell


def _boxed(html: str, found: list) -> str:
    """A figure is scrolled in its own box; a quiz has a place to be told apart by."""
    return f'<div class="image">{html}</div>' if found else f'<div class="quiz">{html}</div>'


def _named(found: re.Match) -> str:
    number, framework, target = found.groups()
    return f"[lesson {int(number)}, {TITLES[framework]}]({target})"


def _head(text: str, path: Path) -> str:
    """The lesson's first cell, its edition in the heading, and a note on what this page is before what it is about."""
    heading, _, rest = text.partition("\n")
    before, mark, after = rest.partition("**You will**")
    note = f"{NOTE.format(name=path.name)}\n\n" if mark else ""
    return f"{heading} ({TITLES[path.stem.rpartition('_')[2]]})\n{before}{note}{mark}{after}"


def table() -> str:
    """The ladder of lessons, with a link to each edition."""
    rows = ["| lesson | PyTorch | TensorFlow |", "|---|---|---|"]
    both = lessons()
    for torch, tensorflow in zip(both[::2], both[1::2], strict=True):
        rows.append(f"| {title(torch)} | [read](lessons/{torch.name}) | [read](lessons/{tensorflow.name}) |")
    return "\n".join(rows)


def toctree() -> str:
    """The lessons as a table of contents, PyTorch's first."""
    both = lessons()
    entries = "\n".join(f"lessons/{path.stem}" for path in [*both[::2], *both[1::2]])
    return f"```{{toctree}}\n:hidden:\n\n{entries}\n```"
