"""What a lesson must have, checked on the notebooks that are stored. `python -m lessons.make check` runs it.

Here: that a notebook is its source, executed once from top to bottom. `lint_outputs` looks at what its cells show,
`lint_prose` at what it says.
"""

from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lessons.make import build, lint_outputs, lint_prose
from lessons.make.lint_outputs import MARK, code_cells

__all__ = ["MARK", "faults"]


def faults(source: Path, framework: str) -> list[str]:
    """All that is wrong with one notebook, a line each; an empty list when nothing is."""
    path = build.notebook_path(source, framework)
    if not path.is_file():
        return [f"{path.name}: not built: run `python -m lessons.make build`"]
    notebook = nbformat.read(path, as_version=4)
    found = [*_out_of_step(notebook, source, framework), *_identity(notebook), *_execution(notebook)]
    found += [*lint_outputs.faults(notebook), *lint_prose.faults(notebook, path)]
    return [f"{path.name}: {fault}" for fault in found]


def _out_of_step(notebook: NotebookNode, source: Path, framework: str) -> Iterator[str]:
    fresh = build.assemble(source, framework)
    wanted, found = ([(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in each.cells] for each in (fresh, notebook))
    if wanted != found:
        differing = next((new[0] for new, old in zip(wanted, found, strict=False) if new != old), "their number")
        yield f"out of step with {source.name} (first at {differing}): run `python -m lessons.make build`"
    if notebook.metadata != fresh.metadata:
        yield "its metadata differ from what the builder writes"


def _identity(notebook: NotebookNode) -> Iterator[str]:
    ids = [cell.id for cell in notebook.cells]
    yield from (f"two cells have the id {each}" for each in sorted({each for each in ids if ids.count(each) > 1}))


def _execution(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "was not executed once from top to bottom"
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr" or output.output_type == "error":
                yield f"cell {cell.id} shows an error or a warning"
