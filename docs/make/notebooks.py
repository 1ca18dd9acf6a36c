"""The stored lessons as pages, with links to the other edition and to a copy to work in."""

import re
from functools import lru_cache
from pathlib import Path

import nbformat
from jinja2 import Template
from markupsafe import Markup
from nbformat import NotebookNode

from docs.make import figures
from docs.make.source_folder import SourceFolder
from stylelab.base.course import LESSONS, TITLES

LINK = re.compile(r"\[(\d\d)_\w+_(torch|tensorflow)\.ipynb\]\((\S+?\.ipynb)\)")
NOTE = """:::{{note}}
This is a stored run on a laptop without a GPU, with the exercises left open. You can read all of it here, without a kernel.
To move the sliders and have your answers checked, take your own copy: `make lab` (see [](../student.md)), or
{{download}}`this notebook <../downloads/{name}>`.
:::"""
BOX = Template('<div class="{{ css_class }}">{{ html }}</div>', autoescape=True)


@lru_cache
def read(path: Path) -> NotebookNode:
    """A stored notebook."""
    return nbformat.read(path, as_version=4)


def lessons() -> list[Path]:
    """The notebooks in order, each lesson's PyTorch edition before its TensorFlow edition."""
    return sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"), key=lambda path: (path.stem[:2], "tensorflow" in path.stem))


def both_editions() -> list[tuple[Path, Path]]:
    """For each lesson its PyTorch and its TensorFlow notebook."""
    paths = lessons()
    return list(zip(paths[::2], paths[1::2], strict=True))


def title(path: Path) -> str:
    """A lesson's first heading, such as '3 · Style is what survives shuffling'."""
    return read(path).cells[0].source.splitlines()[0].removeprefix("# ")


def add(path: Path, source: SourceFolder) -> None:
    """Add a lesson to the site: the page, its images, and the notebook to download."""
    notebook = nbformat.from_dict(read(path))
    framework = TITLES[path.stem.rpartition("_")[2]]
    notebook.metadata["description"] = f"Lesson {title(path)}. An executed notebook for {framework}, with checked exercises."
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(_name_lesson, cell.source)
        else:
            _adapt_code_cell(cell, path, source)
    heading, _, rest = notebook.cells[0].source.partition("\n")
    before, goals, after = rest.partition("**You will**")
    note = f"{NOTE.format(name=path.name)}\n\n" if goals else ""
    notebook.cells[0].source = f"{heading} ({framework})\n{before}{note}{goals}{after}"
    source.write(f"lessons/{path.name}", nbformat.writes(notebook, indent=1))
    source.copy(path, f"downloads/{path.name}")


def _adapt_code_cell(cell: NotebookNode, path: Path, source: SourceFolder) -> None:
    """Give the cell its CSS classes, keep only HTML of its outputs, and move embedded images to files."""
    if "sl.check(" in cell.source:
        cell.metadata["tags"] = ["check"]  # feedback is sentences, which wrap; other output scrolls
    outputs = [output for output in cell.get("outputs", []) if output.get("data", {}).get("text/html")]
    for position, output in enumerate(outputs):
        name = f"{path.stem}-{cell.metadata.stylelab.name}-{position}"
        html, images = figures.unpack("".join(output.data["text/html"]), name, source)
        css_class = "image" if images else "feedback" if "tags" in cell.metadata else "quiz"
        output.data = {"text/html": BOX.render(html=Markup(html), css_class=css_class)}
    cell.outputs = [output for output in cell.get("outputs", []) if not _is_empty(output)]
    if cell.metadata.get("jupyter", {}).get("outputs_hidden") and cell.outputs:
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-output"]  # it answers a prediction: a fold


def _is_empty(output: NotebookNode) -> bool:
    """Whether nothing is to be seen of it: it precedes a folded output, or is where a widget or a live image was."""
    data = output.get("data")
    return data is not None and not data.get("text/html", data.get("text/plain"))


def _name_lesson(link: re.Match) -> str:
    number, framework, target = link.groups()
    return f"[lesson {int(number)}, {TITLES[framework]}]({target})"


def table() -> str:
    """A Markdown table of the lessons, with a link to each edition."""
    rows = ["| lesson | PyTorch | TensorFlow |", "|---|---|---|"]
    for torch, tensorflow in both_editions():
        rows.append(f"| {title(torch)} | [read](lessons/{torch.name}) | [read](lessons/{tensorflow.name}) |")
    return "\n".join(rows)


def toctree() -> str:
    """The lessons as a table of contents, all PyTorch editions first."""
    torch, tensorflow = zip(*both_editions(), strict=True)
    entries = "\n".join(f"lessons/{path.stem}" for path in [*torch, *tensorflow])
    return f"```{{toctree}}\n:hidden:\n\n{entries}\n```"
