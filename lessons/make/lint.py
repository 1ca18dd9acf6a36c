"""Check that a stored notebook is complete. `python -m lessons.make check` runs this.

Here: that a notebook matches its source and was executed once from top to bottom. `lint_outputs` checks what its cells show,
`lint_prose` its text.
"""

from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lessons.make import lint_outputs, lint_prose
from lessons.make.lint_outputs import MARK, code_cells
from stylelab.tools.course import build

__all__ = ["MARK", "faults"]


def faults(source: Path, framework: str) -> list[str]:
    """Everything that is wrong with one notebook, one line each."""
    path = build.notebook_path(source, framework)
    if not path.is_file():
        return [f"{path.name}: not built: run `python -m lessons.make build`"]
    notebook = nbformat.read(path, as_version=4)
    found = [*_out_of_step(notebook, source, framework), *_execution(notebook)]
    found += [*lint_outputs.faults(notebook), *lint_prose.faults(notebook, path)]
    return [f"{path.name}: {fault}" for fault in found]


def _out_of_step(notebook: NotebookNode, source: Path, framework: str) -> Iterator[str]:
    fresh = build.assemble(source, framework)
    wanted, found = ([(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in book.cells] for book in (fresh, notebook))
    if wanted != found:
        differing = next((new[0] for new, old in zip(wanted, found, strict=False) if new != old), "their number")
        yield f"out of step with {source.name} (first at {differing}): run `python -m lessons.make build`"
    if notebook.metadata != fresh.metadata:
        yield "its metadata differs from what the builder writes"
    ids = [cell.id for cell in notebook.cells]
    yield from (f"two cells have the id {twice}" for twice in sorted({name for name in ids if ids.count(name) > 1}))


def _execution(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "was not executed once from top to bottom"
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr" or output.output_type == "error":
                yield f"cell {cell.id} shows an error or a warning"
